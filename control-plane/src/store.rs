//! Where the state is kept: in Redis, shared by all control planes, or embedded in this one.
//!
//! Every mutation is atomic and carries its own entry of the stream of changes, so that nobody sees one without the other. The store
//! advances the [`Replica`]; it is the only part that knows Redis.

mod embedded;
mod record;
mod redis;

use crate::replica::Replica;
use crate::state::{Change, Meeting, Placement, Revision, State};
use b3lb_config::Settings;
use embedded::{Embedded, Writer};
use redis::{Redis, Tail};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long anything that is asked of a store takes at most.
pub const DEADLINE: Duration = Duration::from_secs(5);

/// A store that has been opened. Cheap to clone; all clones are one. Serves only while its [`Work`] runs.
#[derive(Clone)]
pub struct Store {
    replica: Replica,
    backend: Backend,
}

#[derive(Clone)]
enum Backend {
    Redis(Redis),
    Embedded(Embedded),
}

/// What a store has to do as long as it is used, whether anybody asks it or not.
pub struct Work(Task);

enum Task {
    Redis(Box<Tail>),
    Embedded(Writer),
}

/// The wish to place a meeting.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Which meeting.
    pub meeting: Meeting,
    /// Where it should go.
    pub placement: Placement,
    /// The instance it may be taken from; a mapping to any other one stays.
    pub leaving: Option<Arc<str>>,
    /// It goes there even if the instance takes no new meetings: it belongs to one that is there.
    pub bound: bool,
    /// The most meetings that its tenant may have at a time.
    pub limit: Option<u32>,
}

/// The wish of one more user to come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// The tenant's host.
    pub tenant: Arc<str>,
    /// The most users that it may have.
    pub limit: u64,
    /// Its users as last seen.
    pub users: u64,
    /// Those who came before this are among them, in milliseconds since 1970.
    pub seen_until: u64,
    /// In milliseconds since 1970.
    pub now: u64,
}

/// How long a join is remembered when no check comes that could see it.
const JOIN_LIFE: Duration = Duration::from_secs(5 * 60);

/// What became of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimed {
    /// The meeting is where the claim wanted it, by this claim.
    Placed,
    /// The meeting already had an instance and keeps it.
    Existing(Placement),
    /// Nothing was written: the instance does not take it.
    Refused(Refusal),
}

/// Why an instance does not take a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It is not part of the pool any more, or not open.
    NotOpen,
    /// It holds the same meetingID for another tenant; BBB would take them for one meeting.
    HeldForAnotherTenant,
    /// The tenant has as many meetings as it may.
    MeetingPool,
    /// Another meeting has the number to dial.
    BridgeTaken,
}

/// The right to run a background job on one control plane at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What the job is called.
    pub name: &'static str,
    /// Higher than that of every holder before; guards the writes of a holder that does not know yet that it lost the lease.
    pub token: u64,
}

/// What must hold for a commit beside its own records.
#[derive(Debug, Clone, Copy)]
enum Condition<'a> {
    None,
    /// It is held.
    Lease(&'a Lease),
    /// No instance came or went.
    SamePool,
}

/// What changed if [`Condition::SamePool`] does not hold.
const POOL: &str = "the list of instances";

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer; the state in memory stays good, but nothing can be changed. What was asked for may have been written
    /// all the same, so that whoever asks again must expect to find it.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The record was changed by another control plane at the same moment.
    #[error("{0} was changed by someone else at the same moment; try again")]
    Conflict(String),
    /// The lease ran out and another control plane may hold it.
    #[error("the lease {0:?} was lost")]
    LeaseLost(&'static str),
    /// The configuration names a store that cannot be used, however often one tries.
    #[error("the store cannot be used: {0}")]
    Unusable(String),
    /// The store holds what this version does not understand.
    #[error("{key} in the store is damaged: {reason}")]
    Damaged {
        /// Where.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Store {
    /// Whether it could be opened, as far as that can be told without doing so.
    ///
    /// # Errors
    /// [`StoreError::Unusable`].
    pub fn check(settings: &Settings) -> Result<(), StoreError> {
        redis::check(&settings.redis)
    }

    /// Opens the store that the settings name and loads the state. Keeps trying as long as it does not answer; whoever has no patience
    /// drops the future.
    ///
    /// # Errors
    /// [`StoreError::Unusable`] and [`StoreError::Damaged`], which do not pass by waiting.
    pub async fn open(settings: &Settings) -> Result<(Self, Work), StoreError> {
        if let Some(address) = &settings.redis.address {
            let (replica, store, tail) = redis::open(address, &settings.redis).await?;
            return Ok((Self { replica, backend: Backend::Redis(store) }, Work(Task::Redis(Box::new(tail)))));
        }
        let (replica, store, writer) = embedded::open(settings.state_dir.as_deref()).await?;
        Ok((Self { replica, backend: Backend::Embedded(store) }, Work(Task::Embedded(writer))))
    }

    /// The copy of the state that this store advances.
    pub fn replica(&self) -> &Replica {
        &self.replica
    }

    /// `redis` or `embedded`.
    pub fn kind(&self) -> &'static str {
        match &self.backend {
            Backend::Redis(_) => "redis",
            Backend::Embedded(_) => "embedded",
        }
    }

    /// The store can be expected to answer: it did so a moment ago, and the state is part of its history.
    pub fn is_available(&self) -> bool {
        match &self.backend {
            Backend::Redis(redis) => redis.is_available(),
            Backend::Embedded(embedded) => embedded.is_available(),
        }
    }

    /// From now on, the recorder that is current is told how the store does.
    pub(crate) fn measure(&self) {
        match &self.backend {
            Backend::Redis(redis) => redis.measure(),
            // It is no further away than a file.
            Backend::Embedded(_) => {}
        }
    }

    /// Writes the placement unless the meeting has an instance already; atomic over all control planes. Returns once the replica
    /// contains the answer. A placement on an instance that no longer exists counts as none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.claim(claim).await,
            Backend::Embedded(embedded) => embedded.claim(claim).await,
        }
    }

    /// Looks a meeting up past the replica, which may be some milliseconds behind.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn find(&self, meeting: &Meeting) -> Result<Option<Placement>, StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.find(meeting).await,
            Backend::Embedded(_) => {
                Ok(self.replica.state().placements.get(meeting).map(|found| found.as_ref().clone()))
            }
        }
    }

    /// Writes all of the changes or none. Each record must still be as it was in `seen`, the state that the changes were derived from,
    /// and each placement must be on an instance that exists. An instance that is removed takes its placements with it. Returns once
    /// the replica contains the changes; without any it returns at once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if a record was changed since `seen`; [`StoreError::LeaseLost`] if `lease` is not the current one;
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn commit(
        &self,
        seen: &State,
        changes: Vec<Change>,
        lease: Option<&Lease>,
    ) -> Result<Revision, StoreError> {
        self.commit_if(seen, changes, lease.map_or(Condition::None, Condition::Lease)).await
    }

    /// As [`commit`](Self::commit), for changes that say what the whole pool is: it must still be of the instances in `seen`, so that
    /// of two such changes at once one follows the other.
    ///
    /// # Errors
    /// As `commit`; [`StoreError::Conflict`] also if an instance came or went since `seen`.
    pub async fn commit_pool(&self, seen: &State, changes: Vec<Change>) -> Result<Revision, StoreError> {
        self.commit_if(seen, changes, Condition::SamePool).await
    }

    async fn commit_if(
        &self,
        seen: &State,
        changes: Vec<Change>,
        condition: Condition<'_>,
    ) -> Result<Revision, StoreError> {
        if changes.is_empty() {
            return Ok(self.replica.state().revision);
        }
        match &self.backend {
            Backend::Redis(redis) => redis.commit(seen, &changes, condition).await,
            Backend::Embedded(embedded) => embedded.commit(seen, changes, condition).await,
        }
    }

    /// Takes the lease, or extends it if it is `held`. `None` while another control plane has it, and when what was `held` was lost.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn lease(
        &self,
        name: &'static str,
        held: Option<&Lease>,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.lease(name, held, ttl).await,
            Backend::Embedded(embedded) => Ok(embedded.lease(name, held)),
        }
    }

    /// Lets one more user of a tenant in, and counts that until a check has seen it; false if the tenant has as many as it may. Atomic over
    /// all control planes.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn admit(&self, join: &Join) -> Result<bool, StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.admit(join).await,
            Backend::Embedded(embedded) => Ok(embedded.admit(join)),
        }
    }

    /// Leaves a note for all control planes, which they find under `name` until `ttl` has passed or another one replaces it.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`] if `lease` is not the current one; [`StoreError::Unavailable`], at once while the store is known to be
    /// away, within [`DEADLINE`] otherwise.
    pub async fn publish(
        &self,
        lease: &Lease,
        name: &'static str,
        payload: String,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.publish(lease, name, payload, ttl).await,
            Backend::Embedded(embedded) => embedded.publish(lease, name, payload, ttl),
        }
    }

    /// The note that was left under `name`, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], at once while the store is known to be away, within [`DEADLINE`] otherwise.
    pub async fn published(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        match &self.backend {
            Backend::Redis(redis) => redis.published(name).await,
            Backend::Embedded(embedded) => Ok(embedded.published(name)),
        }
    }
}

impl Work {
    /// Works until `shutdown`; from then on the store is unavailable. Neither an error of the store nor its absence ends it.
    pub async fn run(self, shutdown: CancellationToken) {
        match self.0 {
            Task::Redis(tail) => tail.run(shutdown).await,
            Task::Embedded(writer) => writer.run(shutdown).await,
        }
    }
}

/// A name for a new history.
fn new_epoch() -> String {
    hex::encode(rand::random::<[u8; 8]>())
}
