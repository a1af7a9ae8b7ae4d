//! An instance that answers bytes, and remembers the bytes it was asked with.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What an instance does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Answers a document.
    Document(String),
    /// Writes these bytes and keeps the connection.
    Raw(Vec<u8>),
    /// Writes these bytes and closes.
    Last(Vec<u8>),
    /// Never answers.
    Hang,
}

/// A running instance; it ends when this is dropped.
pub(crate) struct Instance {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl Instance {
    /// Answers each request with what `reply` makes of it. It is given the head and the body as one text, and the number of requests
    /// that came by the same connection before.
    pub(crate) async fn start(reply: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut running = JoinSet::new();
        let (log, reply) = (Arc::clone(&requests), Arc::new(reply));
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (log, reply) = (Arc::clone(&log), Arc::clone(&reply));
                connections.spawn(async move { serve(stream, &log, &*reply).await });
            }
        });
        Self { address, requests, _running: running }
    }

    /// Answers everything with the same document.
    pub(crate) async fn answering(document: &str) -> Self {
        let document = document.to_owned();
        Self::start(move |_, _| Reply::Document(document.clone())).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/bigbluebutton", self.address)
    }

    /// All requests, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// A url that nothing listens at.
pub(crate) fn nowhere() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/bigbluebutton", listener.local_addr().unwrap())
}

pub(crate) fn document_reply(document: &str) -> Vec<u8> {
    let length = document.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=utf-8\r\nContent-Length: {length}\r\n\r\n{document}")
        .into()
}

async fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, reply: &(dyn Fn(&str, usize) -> Reply + Send + Sync)) {
    let mut buffer = Vec::new();
    let mut before = 0;
    while let Some(request) = next_request(&mut stream, &mut buffer).await {
        let reply = reply(&request, before);
        log.lock().unwrap().push(request);
        before += 1;
        // The other side may be gone.
        let _ = match reply {
            Reply::Document(document) => stream.write_all(&document_reply(&document)).await,
            Reply::Raw(bytes) => stream.write_all(&bytes).await,
            Reply::Last(bytes) => {
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Hang => std::future::pending().await,
        };
    }
}

async fn next_request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(buffer).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let head = text[..end].to_ascii_lowercase();
            let rest = &text[end + 4..];
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let complete = match length {
                Some(length) => rest.len() >= length,
                None => !head.contains("transfer-encoding: chunked") || rest.ends_with("0\r\n\r\n"),
            };
            if complete {
                buffer.clear();
                return Some(text);
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
