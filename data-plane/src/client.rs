//! One frontend's connection, and what it may take its time for.
//!
//! hyper's own limit for the head of a request is its limit for an idle connection as well, and it arms a timer for each request. Here
//! the connection is looked at once a second instead, which costs a request nothing and tells the two apart.

mod wire;

use crate::headers::Peer;
use crate::proxy::Proxy;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use wire::{Counted, Watched};

/// From the first byte of a request to the end of its head, and from the connection to the first byte.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Between two requests.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// How often a connection is looked at, and hence how late a limit may take effect.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// For an answer of our own, when the instance's did not come in time.
const GRACE: Duration = Duration::from_secs(2);

/// A frontend's connection, as its calls see it.
#[derive(Debug)]
pub(crate) struct Client {
    peer: Peer,
    stage: Cell<Stage>,
    /// When the stage began; `None`: nobody has looked yet.
    since: Cell<Option<Instant>>,
    /// When the connection is closed, whatever happens; `None`: whenever the stage says.
    until: Cell<Option<Instant>>,
}

/// What a connection is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing has arrived yet.
    New,
    /// A part of a request's head has arrived.
    Head,
    /// A call is under way, up to the end of its answer.
    Call,
    /// Nothing of the next request has arrived.
    Idle,
}

impl Client {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer, stage: Cell::new(Stage::New), since: Cell::new(None), until: Cell::new(None) }
    }

    /// The other end.
    pub(crate) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Something has arrived.
    fn read(&self) {
        if matches!(self.stage.get(), Stage::New | Stage::Idle) {
            self.enter(Stage::Head, Some(Instant::now()));
        }
    }

    /// The head of a request is complete; returns when it began to arrive.
    pub(crate) fn begin_call(&self) -> Instant {
        // A request that followed the one before at once was read together with it.
        let arrived = self.since.get().filter(|_| self.stage.get() == Stage::Head);
        let arrived = arrived.unwrap_or_else(Instant::now);
        self.enter(Stage::Call, Some(arrived));
        arrived
    }

    /// The answer of the call that is under way must have been written by then, or nearly.
    pub(crate) fn must_end_by(&self, deadline: Instant) {
        self.until.set(Some(deadline + GRACE));
    }

    /// The answer has been written, as far as its connection took it.
    fn end_call(&self) {
        self.enter(Stage::Idle, None);
    }

    fn enter(&self, stage: Stage, since: Option<Instant>) {
        self.stage.set(stage);
        self.since.set(since);
        self.until.set(None);
    }

    /// The connection has taken too long.
    fn is_overdue(&self, now: Instant) -> bool {
        let since = self.since.get().unwrap_or(now);
        self.since.set(Some(since));
        let until = self.until.get().unwrap_or_else(|| {
            since
                + match self.stage.get() {
                    Stage::New | Stage::Head => HEAD_TIME,
                    Stage::Call | Stage::Idle => IDLE_TIME,
                }
        });
        now >= until
    }
}

/// Serves one connection to its end; after `closing`, to the end of the call that is under way.
pub(crate) async fn serve<S>(stream: S, client: Rc<Client>, proxy: Rc<Proxy>, closing: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let service = service_fn(|request| {
        let (client, proxy) = (Rc::clone(&client), Rc::clone(&proxy));
        async move {
            let response = proxy.answer(request, &client).await;
            Ok::<_, Infallible>(response.map(|body| Counted::new(body, client)))
        }
    });
    let connection = http1::Builder::new()
        .header_read_timeout(None)
        // One write for head and body is cheaper than gathering them from two places.
        .writev(false)
        .serve_connection(Watched::new(stream, Rc::clone(&client)), service);
    let mut connection = pin!(connection);
    let mut look = pin!(sleep(LOOK_INTERVAL));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(served) = connection.as_mut().poll(cx) {
            return Poll::Ready(served);
        }
        while look.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if client.is_overdue(now) {
                return Poll::Ready(Ok(()));
            }
            if closing.is_cancelled() {
                connection.as_mut().graceful_shutdown();
                // Lets it notice that it is idle, if it is.
                cx.waker().wake_by_ref();
            }
            look.as_mut().reset(now + LOOK_INTERVAL);
        }
        Poll::Pending
    })
    .await
    .unwrap_or_else(|error| tracing::debug!(peer = ?client.peer, %error, "a frontend's connection broke"));
}

#[cfg(test)]
mod tests;
