//! A frontend that writes its own bytes, and takes apart what it gets.

use crate::DEADLINE;
use bbb::Secret;
use bbb::checksum::Algorithm;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In lower case, without the date.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
    /// All of it was there.
    pub(crate) complete: bool,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The status, and the key of the failure, or what else the document says.
    pub(crate) fn says(&self) -> (u16, &str) {
        let key = self.body.split("<messageKey>").nth(1).and_then(|rest| rest.split('<').next());
        (self.status, key.unwrap_or(&self.body))
    }
}

/// A call as it stands in a url.
pub(crate) fn signed(call: &str, query: &str, secret: &str) -> String {
    signed_with(Algorithm::Sha1, call, query, secret)
}

pub(crate) fn signed_with(algorithm: Algorithm, call: &str, query: &str, secret: &str) -> String {
    format!("/bigbluebutton/api/{call}?{}", algorithm.sign_query(call, query, &Secret::new(secret)))
}

/// Gets something, by a connection of its own.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Response {
    get_as(address, "bbb.example.org", path).await
}

pub(crate) async fn get_as(address: SocketAddr, host: &str, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    send(address, request.as_bytes()).await
}

/// Sends these bytes and reads until the other side closes.
pub(crate) async fn send(address: SocketAddr, request: &[u8]) -> Response {
    let answer = raw(address, request).await;
    parse(&answer).unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(&answer)))
}

pub(crate) async fn raw(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut answer = Vec::new();
    timeout(DEADLINE, async {
        // The other side may have heard enough, and reset the connection once it has answered.
        let _ = stream.write_all(request).await;
        let _ = stream.read_to_end(&mut answer).await;
    })
    .await
    .expect("the proxy hangs");
    answer
}

pub(crate) fn parse(answer: &[u8]) -> Option<Response> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let lines = lines.filter(|line| !line.starts_with("date: "));
    let headers: Vec<String> = lines
        .map(|line| {
            line.split_once(": ")
                .map_or_else(|| line.to_owned(), |(name, value)| format!("{}: {value}", name.to_lowercase()))
        })
        .collect();
    let length = headers.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let chunked = headers.iter().any(|line| line == "transfer-encoding: chunked");
    let (body, complete) = if chunked { dechunk(body) } else { (body.to_owned(), length == Some(body.len())) };
    Some(Response { status, headers, body, complete })
}

fn dechunk(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((size, more)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return (body, true);
        }
        if more.len() < size + 2 {
            body.push_str(more);
            break;
        }
        body.push_str(&more[..size]);
        rest = &more[size + 2..];
    }
    (body, false)
}

/// Posts a body to a call of `bbb.example.org`, whose path is signed already.
pub(crate) async fn post(address: SocketAddr, path: &str, content_type: &str, body: &str) -> Response {
    let length = body.len();
    let head = format!("POST {path} HTTP/1.1\r\nHost: bbb.example.org\r\nContent-Type: {content_type}\r\n");
    send(address, format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}").as_bytes()).await
}
