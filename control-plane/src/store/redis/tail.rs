//! Keeps the replica up to date: follows the stream of changes, and notices when Redis or its history is lost.

use super::address::Address;
use super::link::{Connection, Link};
use super::{entry, history, unavailable};
use crate::replica::Replica;
use crate::store::StoreError;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

/// How often it is checked that Redis still has its history. Losing it closes no connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The pause before the second attempt to connect; each one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(20);

/// The longest pause between two attempts to connect.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// The task that owns both connections to Redis.
pub(in crate::store) struct Tail {
    address: Address,
    replica: Replica,
    link: Link,
    pause: Duration,
    /// The last attempt to connect failed.
    away: bool,
    /// What the stream says is not understood, so that only the tables can tell.
    reload: bool,
    session: Option<Session>,
}

/// One life of the connections, during which the history is known to be unbroken.
struct Session {
    begun: Instant,
    /// For commands.
    connection: Connection,
    /// For nothing but waiting for changes.
    stream: MultiplexedConnection,
}

impl Tail {
    pub(super) fn new(address: Address, replica: Replica, link: Link) -> Self {
        Self { address, replica, link, pause: Duration::ZERO, away: false, reload: false, session: None }
    }

    /// Connects for the first time, however long that takes.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if Redis holds what is not understood.
    pub(super) async fn open(&mut self) -> Result<(), StoreError> {
        loop {
            match self.connect().await {
                Err(damaged @ StoreError::Damaged { .. }) => return Err(damaged),
                Err(_) => {}
                Ok(session) => {
                    self.session = Some(session);
                    return Ok(());
                }
            }
        }
    }

    /// Follows until `shutdown`, through all that may happen to Redis.
    pub(in crate::store) async fn run(mut self, shutdown: CancellationToken) {
        shutdown.run_until_cancelled(self.follow_for_ever()).await;
        self.link.set_away();
    }

    async fn follow_for_ever(&mut self) {
        loop {
            let session = match self.session.take() {
                Some(session) => Ok(session),
                None => self.connect().await,
            };
            if let Ok(session) = session {
                self.attend(session).await;
            }
        }
    }

    /// Opens both connections, after a pause, and brings the replica and Redis in line.
    async fn connect(&mut self) -> Result<Session, StoreError> {
        sleep(self.pause).await;
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
        let connected = self.try_connect().await;
        match &connected {
            Ok(_) if std::mem::take(&mut self.away) => tracing::info!("Redis can be used again"),
            Ok(_) => {}
            Err(error) => {
                self.link.set_away();
                // Once is enough; the log would be full of it.
                if !std::mem::replace(&mut self.away, true) {
                    tracing::warn!(%error, "Redis cannot be used");
                }
            }
        }
        connected
    }

    async fn try_connect(&mut self) -> Result<Session, StoreError> {
        let mut commands = self.address.connect().await.map_err(unavailable)?;
        let stream = self.address.connect().await.map_err(unavailable)?;
        self.link.set_syncing();
        history::sync(&mut commands, &self.replica, self.reload).await?;
        self.reload = false;
        Ok(Session { begun: Instant::now(), connection: self.link.set_ready(commands), stream })
    }

    /// Follows the stream until something is wrong.
    async fn attend(&mut self, mut session: Session) {
        let Self { replica, link, .. } = &*self;
        let connection = &session.connection;
        let ended = tokio::select! {
            ended = follow(replica, &mut session.stream) => ended,
            ended = check(replica, link, connection) => ended,
            () = link.left(connection) => Ok(()),
        };
        match ended {
            Ok(()) => link.doubt(connection),
            Err(error) => {
                tracing::warn!(%error, "the stream of changes was left");
                link.set_away();
                self.reload = matches!(error, StoreError::Damaged { .. });
            }
        }
        if session.begun.elapsed() > PAUSE_MAX {
            self.pause = Duration::ZERO;
        }
    }
}

/// Applies every change as it comes; returns when one is missing.
async fn follow(replica: &Replica, stream: &mut MultiplexedConnection) -> Result<(), StoreError> {
    loop {
        for entry in entry::next(stream, replica.state().revision).await? {
            if !entry.follows(&replica.state()) {
                return Ok(());
            }
            replica.advance(entry.revision, entry.changes);
        }
    }
}

/// Returns when the history is broken. That Redis does not answer is noticed by the link.
async fn check(replica: &Replica, link: &Link, connection: &Connection) -> Result<(), StoreError> {
    let mut ticks = interval(CHECK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let memory = replica.state();
        if let Ok(reply) = link.run(connection, &history::position(&memory)).await
            && !history::is_continuous(reply, &memory)?
        {
            return Ok(());
        }
    }
}
