//! Keeps the replica up to date: follows the stream of changes, and notices when Redis or its history is lost.

use super::address::{Address, Connected};
use super::dial::Unreachable;
use super::link::{Connection, Link};
use super::{dial, entry, history, script, unavailable};
use crate::replica::Replica;
use crate::store::StoreError;
use b3lb_config::redis_address::Place;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often it is checked that Redis still has its history and takes writes. Losing either closes no connection.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long it may take to tell which commands are allowed.
const PROBE_DEADLINE: Duration = Duration::from_secs(1);

/// Reasons that are logged until Redis can be used again: while sentinels choose another master, they change a few times.
const REASONS_MAX: usize = 4;

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
    /// Why Redis cannot be used, as far as it is in the log.
    reasons: Vec<String>,
    /// What the stream says is not understood, so that only the tables can tell.
    reload: bool,
    session: Option<Session>,
}

/// One life of the connections, during which the history is known to be unbroken.
struct Session {
    begun: Instant,
    /// For commands.
    connection: Connection,
    /// The same, for what is no script.
    commands: MultiplexedConnection,
    /// For nothing but waiting for changes.
    stream: MultiplexedConnection,
    /// Where both lead to.
    place: Place,
}

impl Tail {
    pub(super) fn new(address: Address, replica: Replica, link: Link) -> Self {
        Self { address, replica, link, pause: Duration::ZERO, reasons: Vec::new(), reload: false, session: None }
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
            Ok(session) if !std::mem::take(&mut self.reasons).is_empty() => {
                tracing::info!(at = %session.place, "Redis can be used again");
            }
            Ok(_) => {}
            Err(error) => {
                self.link.set_away();
                let reason = error.to_string();
                // Once is enough; the log would be full of it.
                if !self.reasons.contains(&reason) && self.reasons.len() < REASONS_MAX {
                    tracing::warn!(%error, "Redis cannot be used");
                    self.reasons.push(reason);
                }
            }
        }
        connected
    }

    async fn try_connect(&mut self) -> Result<Session, StoreError> {
        let Connected { place, mut commands, stream } = self.address.connect().await.map_err(unavailable)?;
        let probed = timeout(PROBE_DEADLINE, script::forbidden(&mut commands)).await;
        let refused = |source| unavailable(Unreachable::Refused { place: place.clone(), source });
        let forbidden = probed.map_err(|_| unavailable("it took too long"))?.map_err(refused)?;
        if !forbidden.is_empty() {
            return Err(unavailable(format!("{place}: its user may not run {}", forbidden.join(", "))));
        }
        self.link.set_syncing();
        history::sync(&mut commands, &self.replica, self.reload).await?;
        self.reload = false;
        let connection = self.link.set_ready(commands.clone());
        Ok(Session { begun: Instant::now(), connection, commands, stream, place })
    }

    /// Follows the stream until something is wrong.
    async fn attend(&mut self, mut session: Session) {
        let Self { replica, link, address, .. } = &*self;
        let connection = &session.connection;
        let ended = tokio::select! {
            ended = follow(replica, &mut session.stream) => ended,
            ended = check(replica, link, connection, &mut session.commands) => ended,
            () = link.left(connection) => Ok(()),
            () = address.left(&session.place) => Err(unavailable("another Redis holds the state")),
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

/// Returns when the history is broken, or Redis has become a replica. That Redis does not answer is noticed by the link.
async fn check(
    replica: &Replica,
    link: &Link,
    connection: &Connection,
    commands: &mut MultiplexedConnection,
) -> Result<(), StoreError> {
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
        if let Ok(Ok(false)) = timeout(CHECK_INTERVAL, dial::is_master(commands)).await {
            return Err(unavailable("it is no master any more"));
        }
    }
}
