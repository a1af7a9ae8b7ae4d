//! What is no call, or none that anybody sends: everything gets an answer or a closed connection, and nothing breaks.

use crate::control::{self, Script};
use crate::frontend::{self, parse, raw, signed};
use crate::instance::{Instance, Reply};
use crate::proxy::Proxy;
use b3lb_proto::v1::Changes;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SECRET: &str = "tenant-secret";
const INFO: &str = "<response>\n<returncode>SUCCESS</returncode>\n</response>";

async fn start() -> (Instance, Proxy, control::Control) {
    let instance = Instance::start(|_, _| Reply::Document(INFO.to_owned())).await;
    let script = Script::new(Changes {
        instances: vec![control::route(&instance.url(), "instance-secret")],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", &instance.url(), &["m"])],
        ..Changes::default()
    });
    let (proxy, control) = Proxy::with(&script).await;
    (instance, proxy, control)
}

#[tokio::test]
async fn what_is_no_call_gets_a_short_answer() {
    let (instance, proxy, _control) = start().await;
    let long = "x".repeat(70_000);
    let header = format!("x-long: {}\r\n", "y".repeat(900_000));
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let info = signed("getMeetingInfo", "meetingID=m", SECRET);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nhost: x\r\n", 404),
        ("GET /bigbluebutton/apis/create HTTP/1.1\r\nhost: x\r\n", 404),
        ("GET http://x/nowhere HTTP/1.1\r\nhost: x\r\n", 404),
        ("OPTIONS * HTTP/1.1\r\nhost: x\r\n", 404),
        (&*format!("DELETE {info} HTTP/1.1\r\nhost: x\r\n"), 405),
        (&*format!("PUT {info} HTTP/1.1\r\nhost: x\r\n"), 405),
        ("CONNECT x:443 HTTP/1.1\r\nhost: x\r\n", 404),
        ("GET / HTTP/3.0\r\nhost: x\r\n", 400),
        ("GET /\x01 HTTP/1.1\r\nhost: x\r\n", 400),
        ("no HTTP at all\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n", 400),
        ("\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n", 400),
        ("GET / HTTP/1.1\r\nhost : x\r\n", 400),
        ("POST / HTTP/1.1\r\ncontent-length: -1\r\n", 400),
        ("POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n", 400),
        ("POST / HTTP/1.1\r\ntransfer-encoding: gzip\r\n", 400),
        (&*format!("GET /?{long} HTTP/1.1\r\nhost: x\r\n"), 414),
        (&*format!("GET / HTTP/1.1\r\n{header}"), 431),
        (&*format!("GET / HTTP/1.1\r\n{many}"), 431),
    ] {
        let answer = raw(proxy.public, format!("{request}connection: close\r\n\r\n").as_bytes()).await;
        let response = parse(&answer).unwrap_or_else(|| panic!("no answer to {request:.100}"));
        assert_eq!((response.status, response.complete), (status, true), "{request:.100}");
    }
    assert_eq!(instance.requests(), Vec::<String>::new());
    let response =
        frontend::send(proxy.public, format!("DELETE {info} HTTP/1.1\r\nconnection: close\r\n\r\n").as_bytes()).await;
    assert_eq!(response.header("allow"), Some("GET, POST"));
}

#[tokio::test]
async fn head_reaches_no_instance() {
    let (instance, proxy, _control) = start().await;
    let request =
        format!("HEAD {} HTTP/1.1\r\nconnection: close\r\n\r\n", signed("getMeetingInfo", "meetingID=m", SECRET));
    let answer = String::from_utf8(raw(proxy.public, request.as_bytes()).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn odd_calls_are_answered_as_calls() {
    let (_instance, proxy, _control) = start().await;
    for (request, says) in [
        // No host at all, as in HTTP/1.0.
        (format!("GET {} HTTP/1.0\r\n", signed("getMeetingInfo", "meetingID=m", SECRET)), "SUCCESS"),
        (
            format!("GET http://any{} HTTP/1.1\r\nhost: x\r\n", signed("getMeetingInfo", "meetingID=m", SECRET)),
            "SUCCESS",
        ),
        (format!("GET {} HTTP/1.1\r\nhost: \u{fc}\r\n", signed("getMeetingInfo", "meetingID=m", SECRET)), "SUCCESS"),
        (
            format!("GET {}#fragment HTTP/1.1\r\nhost: x\r\n", signed("getMeetingInfo", "meetingID=m", SECRET)),
            "SUCCESS",
        ),
        ("GET /bigbluebutton/api/getMeetingInfo? HTTP/1.1\r\n".to_owned(), "checksumError"),
        ("GET /bigbluebutton/api/getMeetingInfo?&&&=&checksum HTTP/1.1\r\n".to_owned(), "checksumError"),
        (format!("GET {} HTTP/1.1\r\n", signed("getMeetingInfo", "meetingID=%ff%00", SECRET)), "notFound"),
        (
            format!(
                "GET {} HTTP/1.1\r\n",
                signed("getMeetingInfo", &format!("meetingID={}", "x".repeat(60_000)), SECRET)
            ),
            "notFound",
        ),
    ] {
        let response = frontend::send(proxy.public, format!("{request}connection: close\r\n\r\n").as_bytes()).await;
        assert_eq!((response.status, response.body.contains(says)), (200, true), "{request:.100}: {}", response.body);
    }
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_and_stops() {
    let (_instance, proxy, _control) = start().await;
    let create = signed("create", "meetingID=m&name=x", SECRET);
    let known = format!("POST {create} HTTP/1.1\r\nhost: x\r\ncontent-length: 33554433\r\nconnection: close\r\n\r\n");
    let answer = raw(proxy.public, known.as_bytes()).await;
    assert_eq!(parse(&answer).unwrap().status, 413);
    let mut stream = TcpStream::connect(proxy.public).await.unwrap();
    let head =
        format!("POST {create} HTTP/1.1\r\nhost: x\r\ncontent-type: text/xml\r\ntransfer-encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = [b"100000\r\n".as_slice(), &vec![b'x'; 1 << 20], b"\r\n"].concat();
    let (mut reading, mut writing) = stream.split();
    let mut answer = Vec::new();
    let endless = async { while writing.write_all(&chunk).await.is_ok() {} };
    let read = async {
        let mut start = [0; 64];
        let count = reading.read(&mut start).await.unwrap();
        answer.extend_from_slice(&start[..count]);
    };
    timeout(crate::DEADLINE, async {
        tokio::select! { () = endless => {}, () = read => {} }
    })
    .await
    .unwrap();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 413"), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn requests_that_follow_at_once_are_answered_in_their_order() {
    let (_instance, proxy, _control) = start().await;
    let info = signed("getMeetingInfo", "meetingID=m", SECRET);
    let requests = format!(
        "GET {info} HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\nGET {info} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    );
    let answer = String::from_utf8(raw(proxy.public, requests.as_bytes()).await).unwrap();
    let statuses: Vec<&str> = answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "404", "200"]);
}

#[test]
fn no_bytes_break_it() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (_instance, proxy, _control) = runtime.block_on(start());
    let words = [
        "GET ",
        "/bigbluebutton/api/",
        "create",
        "getMeetings",
        "?",
        "checksum=",
        "meetingID=",
        "&",
        "%",
        " HTTP/1.1",
        "\r\n",
        "host: ",
        "content-length: ",
        "transfer-encoding: chunked",
        "connection: ",
        "9",
        "\0",
        "\u{fc}",
        "\r\n\r\n",
    ];
    let requests = prop::collection::vec(prop::sample::select(words.to_vec()), 0..40);
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() });
    let ran = runner.run(&requests, |words| {
        let request = words.concat() + "\r\nconnection: close\r\n\r\n\r\n\r\n";
        let ended = runtime.block_on(async {
            let mut stream = TcpStream::connect(proxy.public).await.unwrap();
            let _ = stream.write_all(request.as_bytes()).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let _ = timeout(crate::DEADLINE, stream.read_to_end(&mut answer)).await.map_err(|_| request.clone())?;
            Ok::<_, String>(answer)
        });
        prop_assert!(ended.is_ok(), "the proxy hangs on {:?}", ended);
        Ok(())
    });
    ran.unwrap();
    let alive = runtime.block_on(proxy.call("getMeetingInfo", "meetingID=m", SECRET));
    assert_eq!(alive.body, INFO);
}
