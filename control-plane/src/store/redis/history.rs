//! Brings the replica and Redis in line: whether what the replica knows is part of Redis's history, and what to do if it is not.
//!
//! Redis may have lost its history: it was emptied, it came back without its last writes, or it is another one. An epoch names one
//! unbroken history, and no script writes for a caller that knows another one. So history is restored in the open, in three steps:
//! the epoch is taken away, which stops all writing; every control plane adds what only it still knows; a new epoch begins.

use super::script::{BEGIN, FINISH, Invocation, POSITION, Reply, STAGE};
use super::{load, unavailable};
use crate::replica::Replica;
use crate::state::{Revision, State};
use crate::store::record::{Record, Table};
use crate::store::{StoreError, new_epoch, record};
use redis::Script;
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long a script may take that reads or writes many records.
const BULK_DEADLINE: Duration = Duration::from_secs(5);

/// Records that one script restores; some milliseconds for Redis, which does nothing else meanwhile.
const CHUNK: usize = 1000;

/// How long a control plane that restores waits for the others, all of which look at Redis once a second at least and are woken besides.
const GRACE: Duration = Duration::from_secs(1);

/// Without a sign of life for so long, those who began to restore are taken for dead.
const RESTORING_MS: &str = "10000";

/// Rounds until the replica is in line. Two are usual; each more means that somebody else restored at the same time.
const ROUNDS_MAX: u32 = 10;

/// Where Redis is, seen from a replica.
struct Position {
    /// Empty: Redis was emptied, or is being restored.
    epoch: String,
    /// The name of the next epoch while Redis is being restored, or empty.
    restoring: String,
    /// The last entry of the stream.
    last: Revision,
    /// The last entry that the replica can know.
    older: Option<Revision>,
    /// Records of all kinds.
    records: u64,
}

/// How a replica relates to Redis.
#[derive(Debug, PartialEq, Eq)]
enum Relation {
    /// The replica knows a moment of Redis's history and can go on from there.
    Continuous,
    /// Redis has all there is to know; the replica has to start from that.
    Superseded,
    /// Redis lacks what the replica knows.
    Lost,
    /// Others restore what this replica does not know.
    Awaited,
}

/// Restores Redis if need be, and makes the state of the replica a moment of its history. `reload`: even if it is one.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Damaged`] for records that are not understood.
pub(super) async fn sync(redis: &mut MultiplexedConnection, replica: &Replica, reload: bool) -> Result<(), StoreError> {
    for _ in 0..ROUNDS_MAX {
        let memory = replica.state();
        let position = Position::of(redis, &memory).await?;
        match position.relation(&memory) {
            Relation::Continuous if !reload => return Ok(()),
            Relation::Continuous | Relation::Superseded => {
                if let Some(state) = load::load(redis, &position.epoch, position.last).await? {
                    replica.reset(state);
                    return Ok(());
                }
            }
            Relation::Lost => restore(redis, &memory, &position.epoch).await?,
            Relation::Awaited => return Err(unavailable("another control plane is restoring it")),
        }
    }
    Err(unavailable("its history changes all the time"))
}

/// What the replica knows is still part of Redis's history.
pub(super) fn is_continuous(reply: Reply, memory: &State) -> Result<bool, StoreError> {
    Ok(Position::parse(reply)?.relation(memory) == Relation::Continuous)
}

/// Asks for what [`is_continuous`] judges.
pub(super) fn position(memory: &State) -> Invocation {
    Invocation::stateful(&POSITION, memory, Vec::new())
}

impl Position {
    async fn of(redis: &mut MultiplexedConnection, memory: &State) -> Result<Self, StoreError> {
        Self::parse(run(redis, &position(memory)).await?)
    }

    fn parse(reply: Reply) -> Result<Self, StoreError> {
        let [epoch, restoring, older, records] = &reply.rest[..] else { return Err(reply.unexpected()) };
        let (Some(last), Ok(records)) = (reply.revision, records.parse()) else { return Err(reply.unexpected()) };
        Ok(Self { epoch: epoch.clone(), restoring: restoring.clone(), last, older: older.parse().ok(), records })
    }

    fn relation(&self, memory: &State) -> Relation {
        let knows_nothing = memory.epoch.is_empty();
        if self.epoch.is_empty() {
            return if knows_nothing && !self.restoring.is_empty() { Relation::Awaited } else { Relation::Lost };
        }
        if *self.epoch != *memory.epoch {
            // A history that has just begun has nothing that could contradict what is known here.
            return if self.records == 0 && !knows_nothing { Relation::Lost } else { Relation::Superseded };
        }
        match self.older {
            Some(older) if older == memory.revision => Relation::Continuous,
            // The entry should be there, but Redis went back in time and may have gone on from there.
            Some(_) => Relation::Lost,
            // Every entry is newer: that of the replica was trimmed.
            None if self.last > memory.revision => Relation::Superseded,
            None => Relation::Lost,
        }
    }
}

/// Begins a new history with all that Redis and control planes still know. Where they differ, Redis is right.
async fn restore(redis: &mut MultiplexedConnection, memory: &State, given_up: &str) -> Result<(), StoreError> {
    let begun = Instant::now();
    let rest = vec![new_epoch(), RESTORING_MS.to_owned()];
    let begin = Invocation::in_epoch(&BEGIN, given_up, memory.revision, rest);
    let Some(reply) = step(redis, &begin).await? else { return Ok(()) };
    let [epoch] = &reply.rest[..] else { return Err(reply.unexpected()) };
    if !memory.epoch.is_empty() {
        tracing::warn!(%epoch, lost = %memory.epoch, "Redis lost its history; restoring it from memory");
        for table in Table::ALL {
            if !stage(redis, memory, epoch, table).await? {
                return Ok(());
            }
        }
        sleep_until(begun + GRACE).await;
    }
    step(redis, &of_epoch(&FINISH, epoch, Vec::new())).await.map(drop)
}

/// Adds the records of one table; false if another control plane has finished meanwhile, or Redis was emptied again.
async fn stage(
    redis: &mut MultiplexedConnection,
    memory: &State,
    epoch: &str,
    table: Table,
) -> Result<bool, StoreError> {
    let mut records = record::contents(memory, table).peekable();
    while records.peek().is_some() {
        let mut rest = vec![RESTORING_MS.to_owned(), table.name().to_owned()];
        for Record { field, value, .. } in records.by_ref().take(CHUNK) {
            rest.extend([field, value.unwrap_or_default()]);
        }
        if step(redis, &of_epoch(&STAGE, epoch, rest)).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn of_epoch(script: &'static Script, epoch: &str, rest: Vec<String>) -> Invocation {
    Invocation::in_epoch(script, epoch, Revision::default(), rest)
}

/// Runs one step of restoring; `None` if the history changed and all has to be looked at anew.
async fn step(redis: &mut MultiplexedConnection, invocation: &Invocation) -> Result<Option<Reply>, StoreError> {
    let reply = run(redis, invocation).await?;
    Ok((reply.word != "history").then_some(reply))
}

async fn run(redis: &mut MultiplexedConnection, invocation: &Invocation) -> Result<Reply, StoreError> {
    let reply = timeout(BULK_DEADLINE, invocation.run(redis)).await;
    reply.map_err(|_| unavailable("it took too long"))?.map_err(unavailable)
}
