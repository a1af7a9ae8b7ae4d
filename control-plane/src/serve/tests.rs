//! How long a connection may stay.

use super::*;
use axum::routing::get;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use tokio::io::{AsyncReadExt, duplex};

/// Longer than the first request may take to come.
const LONG: Duration = Duration::from_secs(600);

fn routes() -> Arc<ArcSwap<Router>> {
    let slow = get(|| async {
        tokio::time::sleep(LONG).await;
        "at last"
    });
    Arc::new(ArcSwap::from_pointee(Router::new().route("/slow", slow)))
}

fn info() -> TcpConnectInfo {
    TcpConnectInfo { local_addr: None, remote_addr: None }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_asked_stays_as_long_as_its_stream() {
    let (ours, theirs) = duplex(64 * 1024);
    tokio::spawn(talk(theirs, info(), routes(), CancellationToken::new()));
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(ours)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("http://control-plane/slow").body(Empty::<Bytes>::new()).unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "at last");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_nothing_is_closed() {
    let (mut ours, theirs) = duplex(64 * 1024);
    let talking = tokio::spawn(talk(theirs, info(), routes(), CancellationToken::new()));
    let mut nothing = Vec::new();
    timeout(LONG, ours.read_to_end(&mut nothing)).await.unwrap().unwrap();
    talking.await.unwrap();
    assert!(nothing.is_empty(), "{nothing:?}");
}
