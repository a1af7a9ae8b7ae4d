//! Where the state is kept: in Redis, shared by all control planes, or embedded in this one.
//!
//! Every mutation is atomic and carries its own entry of the stream of changes, so that nobody sees one without the other. The store
//! advances the [`Replica`]; it is the only part that knows Redis.

use crate::replica::Replica;
use crate::state::{Change, Meeting, Placement, Revision, State};
use std::sync::Arc;
use std::time::Duration;

/// A store that has been opened. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Store {
    _replica: Replica,
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
}

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
}

/// The right to run a background job on one control plane at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// What the job is called.
    pub name: &'static str,
    /// Higher than that of every holder before; guards the writes of a holder that does not know yet that it lost the lease.
    pub token: u64,
}

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not answer; the state in memory stays good, but nothing can be changed.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// The record was changed by another control plane at the same moment.
    #[error("{0} was changed by someone else at the same moment; try again")]
    Conflict(String),
    /// The lease ran out and another control plane may hold it.
    #[error("the lease {0:?} was lost")]
    LeaseLost(&'static str),
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
    /// The copy of the state that this store advances.
    pub fn replica(&self) -> &Replica {
        &self._replica
    }

    /// `redis` or `embedded`.
    pub fn kind(&self) -> &'static str {
        "embedded"
    }

    /// The store answered the last time it was asked.
    pub fn is_available(&self) -> bool {
        true
    }

    /// Writes the placement unless the meeting has an instance already; atomic over all control planes.
    pub async fn claim(&self, _claim: &Claim) -> Result<Claimed, StoreError> {
        unimplemented!()
    }

    /// Looks a meeting up past the replica, which may be some milliseconds behind.
    pub async fn find(&self, _meeting: &Meeting) -> Result<Option<Placement>, StoreError> {
        unimplemented!()
    }

    /// Writes all of the changes or none. Each record must still be as it was in `seen`, the state that the changes were derived from;
    /// otherwise `Conflict`. Returns once the replica contains them.
    pub async fn commit(
        &self,
        _seen: &State,
        _changes: Vec<Change>,
        _lease: Option<&Lease>,
    ) -> Result<Revision, StoreError> {
        unimplemented!()
    }

    /// Takes the lease, or extends it if it is `held`. `None` while another control plane has it.
    pub async fn lease(
        &self,
        _name: &'static str,
        _held: Option<&Lease>,
        _ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        unimplemented!()
    }
}
