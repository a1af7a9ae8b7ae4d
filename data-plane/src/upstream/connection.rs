//! One HTTP/1.1 connection to an instance.
//!
//! hyper splits a connection into a sender of requests and a future that does the work, which is usually spawned as a task of its own.
//! Here the call that uses the connection drives it: request and answer then cross no task, and cost no scheduling. Between calls
//! nobody does; what has happened meanwhile is seen when the connection is taken out of its pool again.

use super::stream::Stream;
use super::upload::Upload;
use futures::task::AtomicWaker;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use tokio::time::Instant;

/// hyper asks to be polled again when it has done much at once; after so many times others get their turn.
const TURNS: usize = 8;

/// A connection, and the one who drives it.
pub(super) struct Connection {
    sender: http1::SendRequest<Upload>,
    work: http1::Connection<Stream, Upload>,
    ended: bool,
    relay: Arc<Relay>,
    waker: Waker,
    /// When it was put into its pool.
    pub(super) idle_since: Instant,
}

/// Passes wake-ups on to the task of the call, except those that come while it is at work here anyway.
///
/// Atomic only because a waker must be: all of it happens on the thread of one worker, so that no ordering is needed.
#[derive(Default)]
struct Relay {
    task: AtomicWaker,
    working: AtomicBool,
    again: AtomicBool,
}

/// A request that came to nothing.
pub(super) struct Lost {
    pub(super) error: hyper::Error,
    /// The request, if not a byte of it was sent.
    pub(super) unsent: Option<Request<Upload>>,
}

impl Connection {
    pub(super) async fn new(stream: Stream) -> hyper::Result<Self> {
        // One write for head and body is cheaper than gathering them from two places.
        let (sender, work) = http1::Builder::new().writev(false).handshake(stream).await?;
        let relay = Arc::new(Relay::default());
        let waker = Waker::from(Arc::clone(&relay));
        Ok(Self { sender, work, ended: false, relay, waker, idle_since: Instant::now() })
    }

    /// It can take a request now, as far as is known.
    pub(super) fn is_alive(&mut self) -> bool {
        self.poll_work(&mut Context::from_waker(Waker::noop())).is_pending() && self.sender.is_ready()
    }

    /// It can take another request.
    pub(super) fn is_reusable(&self) -> bool {
        !self.ended && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of the answer.
    pub(super) async fn send(&mut self, request: Request<Upload>) -> Result<Response<Incoming>, Lost> {
        let sending = self.relay.hushed(|| self.sender.try_send_request(request));
        let mut sending = pin!(sending);
        std::future::poll_fn(|cx| {
            // The answer can only come by the work that is done here, so that nobody else need wake this.
            let _ = self.poll_work(cx);
            sending.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        })
        .await
        .map_err(|mut lost| Lost { unsent: lost.take_message(), error: lost.into_error() })
    }

    /// Polls a part of the answer, which only proceeds by the work that is done here.
    pub(super) fn poll_with<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let mut noop = Context::from_waker(Waker::noop());
        if let Poll::Ready(ready) = self.relay.hushed(|| poll(&mut noop)) {
            return Poll::Ready(ready);
        }
        let _ = self.poll_work(cx);
        self.relay.hushed(|| poll(&mut noop))
    }

    fn poll_work(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended {
            return Poll::Ready(());
        }
        self.relay.task.register(cx.waker());
        let mut own = Context::from_waker(&self.waker);
        for _ in 0..TURNS {
            self.relay.again.store(false, Relaxed);
            if self.relay.hushed(|| Pin::new(&mut self.work).poll(&mut own)).is_ready() {
                // An error reaches the one who waits for the answer as well.
                self.ended = true;
                return Poll::Ready(());
            }
            if !self.relay.again.load(Relaxed) {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Relay {
    /// Does something that may wake this, of which the caller takes care.
    fn hushed<T>(&self, work: impl FnOnce() -> T) -> T {
        self.working.store(true, Relaxed);
        let done = work();
        self.working.store(false, Relaxed);
        done
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Relaxed);
        if !self.working.load(Relaxed) {
            self.task.wake();
        }
    }
}
