//! The connections of one worker to one instance.

use super::connection::Connection;
use super::stream::Stream;
use super::target::Target;
use crate::tally::Requests;
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

/// Calls of one worker that one instance answers at the same time. A BigBlueButton server answers some dozens a second.
const CONNECTIONS_MAX: usize = 512;
/// Calls that wait for a connection; behind so many, the last would not get its turn in time.
const WAITING_MAX: usize = 1024;
/// The nginx of an instance closes a connection that was idle for 75 seconds, and must not do it while a call is on its way.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// An instance that is up accepts at once, from anywhere.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// The checks failed to reach it; this call tries nevertheless, but not for long.
const CONNECT_TIMEOUT_OFFLINE: Duration = Duration::from_secs(1);

/// The connections.
pub(super) struct Pool {
    pub(super) target: Target,
    /// The one used last at the end: the others may then grow old.
    #[expect(clippy::vec_box, reason = "a connection is large and moves twice for each call")]
    idle: RefCell<Vec<Box<Connection>>>,
    permits: Arc<Semaphore>,
    waiting: Cell<usize>,
    tls: TlsConnector,
    /// What is counted of its instance.
    pub(super) requests: Arc<Requests>,
}

/// A connection that is in use, until it is given back or dropped.
pub(super) struct Lease {
    pub(super) connection: Box<Connection>,
    /// It has carried another call before.
    pub(super) reused: bool,
    pool: Rc<Pool>,
    _permit: OwnedSemaphorePermit,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoConnection {
    #[error("too many calls wait for the instance")]
    Busy,
    #[error("the instance does not accept a connection")]
    Slow,
    #[error(transparent)]
    Refused(#[from] io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
}

impl Pool {
    pub(super) fn new(target: Target, tls: TlsConnector, requests: Arc<Requests>) -> Self {
        let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        Self { target, idle: RefCell::default(), permits, waiting: Cell::new(0), tls, requests }
    }

    /// A connection that is alive and waits for a call.
    pub(super) fn idle(self: &Rc<Self>) -> Option<Lease> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(self.leased(self.pop()?, true, permit))
    }

    /// A connection that is alive, or else a new one; waits for its turn if there are too many.
    pub(super) async fn lease(self: &Rc<Self>, online: bool) -> Result<Lease, NoConnection> {
        let permit = self.permit().await?;
        match self.pop() {
            Some(connection) => Ok(self.leased(connection, true, permit)),
            None => Ok(self.leased(self.connect(online).await?, false, permit)),
        }
    }

    /// A new connection; waits for its turn if there are too many.
    pub(super) async fn lease_new(self: &Rc<Self>, online: bool) -> Result<Lease, NoConnection> {
        let permit = self.permit().await?;
        Ok(self.leased(self.connect(online).await?, false, permit))
    }

    fn leased(self: &Rc<Self>, connection: Box<Connection>, reused: bool, permit: OwnedSemaphorePermit) -> Lease {
        Lease { connection, reused, pool: Rc::clone(self), _permit: permit }
    }

    fn pop(&self) -> Option<Box<Connection>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(mut connection) = idle.pop() {
            if connection.is_alive() {
                return Some(connection);
            }
        }
        None
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit, NoConnection> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        if self.waiting.get() == WAITING_MAX {
            return Err(NoConnection::Busy);
        }
        let _waiting = Waiting::new(&self.waiting);
        Arc::clone(&self.permits).acquire_owned().await.map_err(|_| NoConnection::Busy)
    }

    async fn connect(&self, online: bool) -> Result<Box<Connection>, NoConnection> {
        let Target { host, port, tls, .. } = &self.target;
        let tls = tls.clone().map(|name| (&self.tls, name));
        let limit = if online { CONNECT_TIMEOUT } else { CONNECT_TIMEOUT_OFFLINE };
        let stream = timeout(limit, Stream::connect(host, *port, tls)).await.map_err(|_| NoConnection::Slow)??;
        Ok(Box::new(Connection::new(stream).await?))
    }

    /// Closes what has been idle too long; true while there is anything left.
    pub(super) fn sweep(self: &Rc<Self>, now: Instant) -> bool {
        let mut idle = self.idle.borrow_mut();
        let old = idle.iter().take_while(|connection| now - connection.idle_since > IDLE_MAX).count();
        idle.drain(..old);
        !idle.is_empty() || Rc::strong_count(self) > 1
    }
}

impl Lease {
    /// Gives the connection back, if it can be used again.
    pub(super) fn give_back(mut self) {
        if self.connection.is_reusable() {
            self.connection.idle_since = Instant::now();
            self.pool.idle.borrow_mut().push(self.connection);
        }
    }
}

/// Counts one call that waits, until it is dropped.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
