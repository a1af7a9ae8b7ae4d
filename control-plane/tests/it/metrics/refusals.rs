//! What the endpoint refuses, and that it says so as a real InfluxDB did.

use super::embedded::Embedded;
use super::wire::{Answer, chunks, send};
use super::{PATIENCE, recorded, settings};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATH: &str = "/api/v2/write?org=b3lb&bucket=bucket";

/// A request with a token and a plain body.
fn post(path: &str, body: &str) -> Vec<u8> {
    let authorization = "authorization: Token devtoken\r\n";
    format!(
        "POST {path} HTTP/1.1\r\nhost: b3lb\r\n{authorization}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A request with these headers and this body.
fn with_headers(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: b3lb\r\nconnection: close\r\n{headers}transfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    request.extend(chunks(body));
    request
}

/// What clients look at of an answer.
fn essence(answer: &Answer) -> (u16, Vec<Option<&str>>, &str) {
    let names = ["x-platform-error-code", "allow", "retry-after"];
    let headers = names.map(|name| answer.headers.get(name).map(String::as_str));
    (answer.status, headers.to_vec(), answer.text())
}

#[tokio::test]
async fn answers_are_those_of_influxdb() {
    let embedded = Embedded::start(&settings()).await;
    let get = format!("GET {PATH} HTTP/1.1\r\nhost: b3lb\r\nconnection: close\r\n\r\n").into_bytes();
    let cases = [
        ("good", post(PATH, "cpu,b3lb_host=a,cpu=cpu-total usage_idle=1"), recorded!("write-ok.http")),
        ("empty", post(PATH, ""), recorded!("write-empty.http")),
        ("a bad line", post(PATH, "mem a=1\nnonsense line here\n=\n"), recorded!("write-bad-line.http")),
        ("NaN", post(PATH, "cpu a=NaN"), recorded!("write-nan.http")),
        (
            "a text for a number",
            post(PATH, "cpu,b3lb_host=a,cpu=cpu-total usage_idle=\"x\""),
            recorded!("write-type-conflict.http"),
        ),
        ("no token", with_headers("", b""), recorded!("write-no-token.http")),
        ("a wrong token", with_headers("authorization: Token wrong\r\n", b""), recorded!("write-bad-token.http")),
        ("another bucket", post("/api/v2/write?org=b3lb&bucket=nope", ""), recorded!("write-no-bucket.http")),
        ("no organization", post("/api/v2/write?bucket=bucket", ""), recorded!("write-no-org.http")),
        ("a bad precision", post(&format!("{PATH}&precision=h"), ""), recorded!("write-bad-precision.http")),
        ("GET", get, recorded!("write-get.http")),
    ];
    for (case, request, recorded) in cases {
        let answer = send(embedded.address, &request).await;
        assert_eq!(essence(&answer), essence(&Answer::parse(recorded)), "{case}");
    }
}

#[tokio::test]
async fn tokens_are_taken_as_clients_show_them() {
    let embedded = Embedded::start(&settings()).await;
    for (authorization, status) in [
        ("Token devtoken", 204),
        ("Bearer devtoken", 204),
        ("token  devtoken", 204),
        ("Basic devtoken", 401),
        ("devtoken", 401),
        ("Token ", 401),
        ("Token devtoke", 401),
        ("Token devtoken2", 401),
    ] {
        let request = with_headers(&format!("authorization: {authorization}\r\n"), b"");
        assert_eq!(send(embedded.address, &request).await.status, status, "{authorization}");
    }
}

#[tokio::test]
async fn no_body_takes_more_memory_than_it_may() {
    let embedded = Embedded::start(&settings()).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    bomb.write_all(&vec![b'\n'; 64 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 1 << 20);
    let gzip = "authorization: Token devtoken\r\ncontent-encoding: gzip\r\n";
    let plain = "authorization: Token devtoken\r\n";
    let too_large = "{\"code\":\"request too large\",\"message\":\"unable to read data: points batch is too large\"}";
    let no_gzip = "{\"code\":\"invalid\",\"message\":\"gzipped HTTP body contains an invalid header\"}";
    let zstd = "{\"code\":\"invalid\",\"message\":\"content encoding \\\"zstd\\\" is not understood; gzip is\"}";
    for (request, status, document) in [
        (with_headers(gzip, &bomb), 413, too_large),
        (with_headers(plain, &vec![b'\n'; 5 << 20]), 413, too_large),
        (with_headers(plain, &vec![b'\n'; 4 << 20]), 204, ""),
        (with_headers(gzip, b"cpu a=1"), 400, no_gzip),
        (with_headers(gzip, &bomb[..bomb.len() / 100]), 400, no_gzip),
        (with_headers("authorization: Token devtoken\r\ncontent-encoding: zstd\r\n", b""), 400, zstd),
    ] {
        let answer = send(embedded.address, &request).await;
        assert_eq!((answer.status, answer.text()), (status, document));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_body_that_does_not_come_is_not_waited_for() {
    let embedded = Embedded::start(&settings()).await;
    let request = format!(
        "POST {PATH} HTTP/1.1\r\nhost: b3lb\r\nauthorization: Token devtoken\r\ncontent-length: 9\r\nconnection: close\r\n\r\ncpu"
    );
    let answer = send(embedded.address, request.as_bytes()).await;
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "10"));
}

#[tokio::test]
async fn no_more_writes_are_taken_than_memory_is_meant_for() {
    let embedded = Embedded::start(&settings()).await;
    let half =
        format!("POST {PATH} HTTP/1.1\r\nhost: b3lb\r\nauthorization: Token devtoken\r\ncontent-length: 9\r\n\r\ncpu");
    let mut slow = Vec::new();
    for _ in 0..64 {
        let mut connection = TcpStream::connect(embedded.address).await.unwrap();
        connection.write_all(half.as_bytes()).await.unwrap();
        slow.push(connection);
    }
    let busy = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = send(embedded.address, &post(PATH, "")).await;
            if answer.status != 204 {
                return answer;
            }
        }
    });
    let busy = busy.await.expect("every write is taken");
    let document = "{\"code\":\"unavailable\",\"message\":\"too many writes at once\"}";
    assert_eq!(essence(&busy), (503, vec![Some("unavailable"), None, Some("10")], document));
    let mut one = slow.pop().unwrap();
    one.write_all(b" a=1\n\n").await.unwrap();
    one.read_exact(&mut [0; 12]).await.unwrap();
    assert_eq!(send(embedded.address, &post(PATH, "")).await.status, 204);
}

#[tokio::test]
async fn clients_of_influxdb_find_it_well() {
    let embedded = Embedded::start(&settings()).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: b3lb\r\nconnection: close\r\n\r\n").into_bytes();
    let ping = send(embedded.address, &get("/ping")).await;
    assert_eq!(essence(&ping), essence(&Answer::parse(recorded!("ping.http"))));
    let health = send(embedded.address, &get("/health")).await;
    let document = |answer: &Answer| serde_json::from_str::<serde_json::Value>(answer.text()).unwrap();
    assert_eq!(health.headers["content-type"], "application/json; charset=utf-8");
    let recorded = Answer::parse(recorded!("health.http"));
    for key in ["status", "checks"] {
        assert_eq!(document(&health)[key], document(&recorded)[key]);
    }
}
