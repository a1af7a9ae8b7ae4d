//! How long a connection may do nothing, on paused time.

use super::*;
use crate::callback::{Callbacks, Delivery};
use crate::control::{AloneReporter, Connections, Reporter};
use crate::meters::Meters;
use crate::routes::Routes;
use crate::tally::{Names, Sheet, Tally};
use crate::upstream::Upstream;
use b3lb_config::{Settings, tls};
use bbb::Secret;
use bbb::callback::seal::Seal;
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that knows nothing.
fn proxy() -> Rc<Proxy> {
    let settings = Settings::default();
    let (routes, meters) = (Routes::new(), Meters::new((&settings).into()));
    let control = Connections::new((&settings).into(), None).control_planes(routes.clone()).unwrap();
    let (reports, _) = Reporter::new(control.clone(), meters.clone(), String::new());
    let (alone, _) = AloneReporter::new(control.clone(), meters, String::new());
    let tally = Rc::new(Tally::of(Arc::new(Sheet::new(&Names::new()))));
    Rc::new(Proxy {
        table: RefCell::new(routes.reader()),
        control,
        reports,
        alone,
        upstream: Upstream::new(tls::client_config(None).unwrap().into(), Rc::clone(&tally)),
        tally,
        access: None,
        configured: RefCell::new(settings.into()),
        callbacks: Callbacks {
            seal: Seal::new(&Secret::new("shared")),
            delivery: Delivery::new((*tls::client_config(None).unwrap()).clone()),
        },
        under_way: Cell::new(0),
        reading: Cell::new(0),
        paging: Cell::new(0),
    })
}

/// What a frontend that writes these bytes is answered, and after how many seconds the connection is closed.
async fn closed_after(bytes: &[u8], closing: CancellationToken) -> (String, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut frontend = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, _) = listener.accept().await.unwrap();
    let client = Rc::new(Client::new(Peer::new(IpAddr::V4(Ipv4Addr::LOCALHOST), &[], false)));
    let begun = Instant::now();
    let talk = async {
        frontend.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        frontend.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    };
    let ((), answer) = tokio::join!(serve(stream, client, proxy(), closing), talk);
    (answer, begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn who_never_finishes_a_request_is_closed() {
    for bytes in [b"".as_slice(), b"GET / HTTP/1.1\r\nhost"] {
        let (answer, seconds) = closed_after(bytes, CancellationToken::new()).await;
        assert!(answer.is_empty() && (10..=12).contains(&seconds), "{answer} after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_been_answered_may_wait_longer() {
    let (answer, seconds) = closed_after(b"GET / HTTP/1.1\r\n\r\n", CancellationToken::new()).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && (60..=63).contains(&seconds), "{answer} after {seconds} s");
    let (answer, seconds) = closed_after(b"GET / HTTP/1.1\r\n\r\nGET /", CancellationToken::new()).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && seconds <= 63, "{answer} after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_does_not_hold_up_the_end() {
    let closing = CancellationToken::new();
    closing.cancel();
    let (answer, seconds) = closed_after(b"GET / HTTP/1.1\r\n\r\n", closing).await;
    assert!(answer.starts_with("HTTP/1.1 404 ") && seconds <= 3, "{answer} after {seconds} s");
}
