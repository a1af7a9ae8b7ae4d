//! The connection on which everybody's commands travel, and whether it can be used.

use super::meter::{Meter, Trouble};
use super::script::{Invocation, Reply};
use super::unavailable;
use crate::store::StoreError;
use b3lb_config::traces::TARGET;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::field::Empty;
use tracing::{Instrument, Span, info_span};

/// How long one command may take.
const COMMAND_DEADLINE: Duration = Duration::from_secs(1);

/// How long a command waits while the state is brought in line with Redis; longer than restoring an emptied one takes.
const SYNC_DEADLINE: Duration = Duration::from_secs(3);

/// Commands in a row that may miss their deadline before the connection is given up: a peer that hangs never closes it.
const TIMEOUTS_MAX: u32 = 3;

/// The way to Redis. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Link(Arc<Shared>);

struct Shared {
    line: watch::Sender<Line>,
    /// Commands that missed their deadline since the last that did not.
    timeouts: AtomicU32,
    /// Connections so far.
    generations: AtomicU64,
    /// Nobody looks at a link before the store is open.
    meter: OnceLock<Meter>,
}

/// What the link is good for.
#[derive(Clone)]
enum Line {
    /// Redis cannot be reached.
    Away,
    /// Redis answers, but what the replica knows may not be part of its history.
    Syncing,
    Ready(Connection),
}

/// One connection, which is never used for commands that wait.
#[derive(Clone)]
pub(super) struct Connection {
    /// Tells it from those before.
    generation: u64,
    redis: MultiplexedConnection,
}

impl Link {
    pub(super) fn new() -> Self {
        let (timeouts, generations) = (AtomicU32::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { line: watch::Sender::new(Line::Away), timeouts, generations, meter: OnceLock::new() }))
    }

    /// Tells this meter what happens from now on, the first time that one is given, and how often it has connected.
    pub(super) fn measure(&self, meter: Meter) {
        meter.connections.absolute(self.0.generations.load(Ordering::Relaxed));
        // A second one would count the same again.
        let _ = self.0.meter.set(meter);
    }

    /// So long after its script had answered, a change came back in the stream.
    pub(super) fn caught_up(&self, after: Duration) {
        if let Some(meter) = self.0.meter.get() {
            meter.tail_lag.record(after);
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(*self.0.line.borrow(), Line::Ready(_))
    }

    /// A connection whose history is the replica's.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] at once while Redis is away.
    pub(super) async fn connection(&self) -> Result<Connection, StoreError> {
        let mut line = self.0.line.subscribe();
        let settled = timeout(SYNC_DEADLINE, line.wait_for(|line| !matches!(line, Line::Syncing))).await;
        let settled = settled.map_err(|_| unavailable("its history is being restored"))?;
        match settled.as_deref() {
            Ok(Line::Ready(connection)) => Ok(connection.clone()),
            _ => Err(unavailable("Redis cannot be reached")),
        }
    }

    /// Runs a script within its deadline, and gives the connection up if it is the one to blame.
    pub(super) async fn run(&self, connection: &Connection, invocation: &Invocation) -> Result<Reply, StoreError> {
        let begun = Instant::now();
        let span = span(invocation);
        let mut redis = connection.redis.clone();
        let ran = timeout(COMMAND_DEADLINE, invocation.run(&mut redis)).instrument(span.clone()).await;
        if !matches!(ran, Ok(Ok(_))) {
            span.record("otel.status_code", "ERROR");
        }
        if let Some(meter) = self.0.meter.get() {
            let trouble = match &ran {
                Ok(Ok(_)) => None,
                Ok(Err(error)) if is_answer(error) => Some(Trouble::Refused),
                Ok(Err(_)) => Some(Trouble::Lost),
                Err(_) => Some(Trouble::Timeout),
            };
            meter.ran(invocation.name(), begun.elapsed(), trouble);
        }
        match ran {
            Ok(Ok(reply)) => {
                self.0.timeouts.store(0, Ordering::Relaxed);
                Ok(reply)
            }
            Ok(Err(error)) => {
                if !is_answer(&error) {
                    self.leave(connection, Line::Away);
                }
                Err(unavailable(error))
            }
            Err(_) => {
                if self.0.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS_MAX {
                    self.leave(connection, Line::Away);
                }
                Err(unavailable("it took too long"))
            }
        }
    }

    /// What was read on this connection contradicts the replica; commands wait until that is settled.
    pub(super) fn doubt(&self, connection: &Connection) {
        self.leave(connection, Line::Syncing);
    }

    /// Waits until the connection is given up.
    pub(super) async fn left(&self, connection: &Connection) {
        // The sender is ours, so that waiting cannot fail.
        let _ = self.0.line.subscribe().wait_for(|line| !line.is(connection)).await;
    }

    /// Commands may use this connection from now on.
    pub(super) fn set_ready(&self, redis: MultiplexedConnection) -> Connection {
        let connection = Connection { generation: self.0.generations.fetch_add(1, Ordering::Relaxed), redis };
        self.0.timeouts.store(0, Ordering::Relaxed);
        if let Some(meter) = self.0.meter.get() {
            meter.connections.increment(1);
        }
        self.0.line.send_replace(Line::Ready(connection.clone()));
        connection
    }

    /// Commands shall wait a little.
    pub(super) fn set_syncing(&self) {
        self.0.line.send_replace(Line::Syncing);
    }

    /// Commands fail at once from now on.
    pub(super) fn set_away(&self) {
        self.0.line.send_replace(Line::Away);
    }

    fn leave(&self, connection: &Connection, next: Line) {
        self.0.line.send_if_modified(|line| {
            let current = line.is(connection);
            if current {
                *line = next;
            }
            current
        });
    }
}

impl Line {
    fn is(&self, connection: &Connection) -> bool {
        matches!(self, Line::Ready(current) if current.generation == connection.generation)
    }
}

/// The span of a script, where it is part of a trace. What it is given to work with holds names, and stays out.
fn span(invocation: &Invocation) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    info_span!(
        target: TARGET,
        "script",
        otel.name = format_args!("redis {}", invocation.name()),
        otel.kind = "client",
        otel.status_code = Empty,
        b3lb.plane = "control",
        db.system.name = "redis",
        db.operation.name = "EVALSHA",
        db.stored_procedure.name = invocation.name(),
    )
}

/// Redis refused this command; the next one may fare better on the same connection. A Redis that loads its data, that has become a
/// replica, or that has given our keys to another, is none that can be used: where the state is has to be found out anew.
fn is_answer(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Parse | ErrorKind::Extension | ErrorKind::Server(ServerErrorKind::TryAgain) => true,
        // Before version 7, what a script ran into stands behind a general error.
        ErrorKind::Server(ServerErrorKind::ResponseError) => {
            !error.detail().is_some_and(|detail| detail.contains("-READONLY "))
        }
        _ => false,
    }
}
