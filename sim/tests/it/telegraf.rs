//! How a simulated telegraf writes, seen from the socket it writes to.

use crate::wait::within;
use b3lb_sim::{Instance, Options, Telegraf};
use bbb::Secret;
use flate2::read::GzDecoder;
use std::io::Read;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// Takes one request, answers it with `answer` and returns its head and its body, which came in chunks and compressed.
async fn receive(listener: &TcpListener, answer: &str) -> (String, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n0\r\n\r\n") {
        assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "it broke off");
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let mut rest = &request[end + 4..];
    let mut compressed = Vec::new();
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            break;
        }
        compressed.extend_from_slice(&rest[line + 2..][..size]);
        rest = &rest[line + 2 + size + 2..];
    }
    let mut lines = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut lines).unwrap();
    (String::from_utf8(request[..end].to_vec()).unwrap(), lines)
}

#[tokio::test]
async fn it_asks_and_takes_answers_as_a_real_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let telegraf = Telegraf { interval: Duration::from_millis(10), ..Telegraf::new(url, Secret::new("devtoken")) };
    let instance = Instance::local(Options { telegraf: Some(telegraf), ..Options::default() }).await.unwrap();

    let unavailable = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let (head, first) = within("a write", receive(&listener, unavailable)).await;
    assert_eq!(headers(&head), headers(include_str!("../telegraf/request-1.headers")));
    assert!(first.lines().all(|line| line.starts_with("net,") || line.starts_with("mem,")), "{first}");

    let delivered = "HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
    let (_, second) = within("a write", receive(&listener, delivered)).await;
    assert!(second.starts_with(&first), "what could not be written is written again");
    assert!(second.contains(&format!("cpu,b3lb_host={},cpu=cpu-total,", instance.url())), "{second}");
    let (_, third) = within("a write", receive(&listener, delivered)).await;
    assert!(!third.starts_with(&first), "what was written is not");
}

/// The request line and the headers, sorted, but for what differs from one telegraf to the next.
fn headers(head: &str) -> Vec<String> {
    let lines = head.trim_end().lines().map(str::to_ascii_lowercase);
    let mut lines: Vec<_> =
        lines.filter(|line| !line.starts_with("host:") && !line.starts_with("user-agent:")).collect();
    lines.sort();
    lines
}
