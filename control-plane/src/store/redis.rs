//! The store that control planes share: a Redis.
//!
//! - `script`: everything that writes, as scripts that run inside Redis;
//! - `address`: where Redis is: at one place, where sentinels (`sentinel`) say, or in a part of a cluster (`cluster`);
//! - `dial`: opens connections, with TLS and a login;
//! - `link`: the connection on which commands travel;
//! - `tail`: follows the stream of changes and keeps the connections alive;
//! - `history`: what to do when Redis does not know what the replica knows;
//! - `load`, `entry`: how the state and its changes are read;
//! - `plan`: what a commit asks for.

mod address;
mod cluster;
mod dial;
mod entry;
mod history;
mod link;
mod load;
mod meter;
mod plan;
mod script;
mod sentinel;
mod tail;

use super::record;
use super::{Claim, Claimed, Condition, DEADLINE, JOIN_LIFE, Join, Lease, POOL, Refusal, StoreError};
use crate::replica::Replica;
use crate::state::{Change, Meeting, Placement, Revision, State};
use address::Address;
use link::Link;
use meter::Meter;
use plan::Plan;
use script::{Invocation, Reply};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::Duration;
pub(super) use tail::Tail;
use tokio::time::{Instant, timeout};

/// Attempts of one mutation when history changes under it: one that meets the change, one after it.
const ATTEMPTS: u32 = 2;

/// The store, as everyone else sees it.
#[derive(Clone)]
pub(super) struct Redis {
    replica: Replica,
    link: Link,
}

/// Redis can be connected as the settings say, as far as they and the files that they name tell.
///
/// # Errors
/// [`StoreError::Unusable`].
pub(super) fn check(settings: &b3lb_config::settings::Redis) -> Result<(), StoreError> {
    dial::check(settings).map_err(|error| StoreError::Unusable(error.to_string()))
}

/// Connects to the Redis at `address` and loads the state, however long that takes.
pub(super) async fn open(
    address: &str,
    settings: &b3lb_config::settings::Redis,
) -> Result<(Replica, Redis, Tail), StoreError> {
    let address = Address::new(address, settings).await?;
    let (replica, link) = (Replica::new(State::default()), Link::new());
    let mut tail = Tail::new(address, replica.clone(), link.clone());
    tail.open().await?;
    Ok((replica.clone(), Redis { replica, link }, tail))
}

impl Redis {
    pub(super) fn is_available(&self) -> bool {
        self.link.is_ready()
    }

    pub(super) fn measure(&self) {
        self.link.measure(Meter::new());
    }

    pub(super) async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        let Claim { meeting, placement, leaving, bound, limit } = claim;
        let wanted = [
            record::field(meeting),
            placement.instance.to_string(),
            leaving.as_deref().unwrap_or_default().to_owned(),
            record::json(placement),
            record::json(&[Change::Placed(meeting.clone(), placement.clone())]),
            if *bound { "bound" } else { "" }.to_owned(),
            limit.map(|limit| limit.to_string()).unwrap_or_default(),
        ];
        let invocation = |state: &State| {
            let rest = wanted.iter().cloned().chain(fields_of_others(state, meeting)).collect();
            Invocation::stateful(&script::CLAIM, state, rest)
        };
        let reply = self.ask(invocation).await?;
        match (&*reply.word, &reply.rest[..]) {
            ("placed", []) => Ok(Claimed::Placed),
            ("existing", [existing]) => Ok(Claimed::Existing(record::read_placement(&wanted[0], existing)?)),
            ("not_open", []) => Ok(Claimed::Refused(Refusal::NotOpen)),
            ("held", []) => Ok(Claimed::Refused(Refusal::HeldForAnotherTenant)),
            ("full", []) => Ok(Claimed::Refused(Refusal::MeetingPool)),
            ("taken", []) => Ok(Claimed::Refused(Refusal::BridgeTaken)),
            _ => Err(reply.unexpected()),
        }
    }

    pub(super) async fn find(&self, meeting: &Meeting) -> Result<Option<Placement>, StoreError> {
        let field = record::field(meeting);
        let reply = self.ask(|state| Invocation::stateful(&script::FIND, state, vec![field.clone()])).await?;
        match (&*reply.word, &reply.rest[..]) {
            ("found", [placement]) => record::read_placement(&field, placement).map(Some),
            ("none", []) => Ok(None),
            _ => Err(reply.unexpected()),
        }
    }

    pub(super) async fn commit(
        &self,
        seen: &State,
        changes: &[Change],
        condition: Condition<'_>,
    ) -> Result<Revision, StoreError> {
        let mut plan = Plan::new(seen, changes, condition)?;
        for _ in 0..ATTEMPTS {
            let reply = self.ask(|state| plan.invocation(state)).await?;
            match (&*reply.word, &reply.rest[..], reply.revision) {
                ("committed", [], Some(revision)) => return Ok(revision),
                ("lease_lost", [], None) => return Err(StoreError::LeaseLost(plan.lease_name())),
                ("other_pool", [], None) => return Err(StoreError::Conflict(POOL.to_owned())),
                ("unplaceable", [url], None) => return Err(StoreError::Conflict(format!("instance {url}"))),
                ("differing", found, None) => plan.accept(found)?,
                _ => return Err(reply.unexpected()),
            }
        }
        Err(unavailable("its records change all the time"))
    }

    pub(super) async fn lease(
        &self,
        name: &'static str,
        held: Option<&Lease>,
        ttl: Duration,
    ) -> Result<Option<Lease>, StoreError> {
        let token = held.map(|lease| lease.token.to_string()).unwrap_or_default();
        let keys = vec![lease_key(name), script::TOKENS.to_owned()];
        let reply = self.run(Invocation::new(&script::LEASE, keys, vec![token, ttl.as_millis().to_string()])).await?;
        match (&*reply.word, &reply.rest[..]) {
            ("held", [token]) => {
                let token = token.parse().map_err(|_| damaged(lease_key(name), "its token is no number"))?;
                Ok(Some(Lease { name, token }))
            }
            ("taken", []) => Ok(None),
            _ => Err(reply.unexpected()),
        }
    }

    pub(super) async fn admit(&self, join: &Join) -> Result<bool, StoreError> {
        let name = hex::encode(rand::random::<[u8; 8]>());
        let life = JOIN_LIFE.as_millis().to_string();
        let numbers = [join.seen_until, join.now, join.users, join.limit].map(|number| number.to_string());
        let args = numbers.into_iter().chain([name, life]).collect();
        let reply = self.run(Invocation::new(&script::ADMIT, vec![joins_key(&join.tenant)], args)).await?;
        match &*reply.word {
            "admitted" => Ok(true),
            "full" => Ok(false),
            _ => Err(reply.unexpected()),
        }
    }

    pub(super) async fn publish(
        &self,
        lease: &Lease,
        name: &'static str,
        payload: String,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let keys = vec![lease_key(lease.name), note_key(name)];
        let args = vec![lease.token.to_string(), payload, ttl.as_millis().to_string()];
        let reply = self.run(Invocation::new(&script::PUBLISH, keys, args)).await?;
        match &*reply.word {
            "published" => Ok(()),
            "lease_lost" => Err(StoreError::LeaseLost(lease.name)),
            _ => Err(reply.unexpected()),
        }
    }

    pub(super) async fn published(&self, name: &'static str) -> Result<Option<String>, StoreError> {
        let reply = self.run(Invocation::new(&script::PUBLISHED, vec![note_key(name)], Vec::new())).await?;
        Ok(reply.rest.into_iter().next())
    }

    /// Runs a script that has nothing to do with the state.
    async fn run(&self, invocation: Invocation) -> Result<Reply, StoreError> {
        let connection = self.link.connection().await?;
        self.link.run(&connection, &invocation).await
    }

    /// Runs a script about the state as the replica knows it, and returns once the replica knows what the answer is based on.
    async fn ask(&self, invocation: impl Fn(&State) -> Invocation) -> Result<Reply, StoreError> {
        let asked = timeout(DEADLINE, self.ask_in_history(invocation)).await;
        asked.unwrap_or_else(|_| Err(unavailable("the change has not come back")))
    }

    async fn ask_in_history(&self, invocation: impl Fn(&State) -> Invocation) -> Result<Reply, StoreError> {
        for _ in 0..ATTEMPTS {
            let connection = self.link.connection().await?;
            let state = self.replica.state();
            let reply = self.link.run(&connection, &invocation(&state)).await?;
            if reply.word == "history" {
                self.link.doubt(&connection);
                continue;
            }
            // What was written in a history that ended before it came back may be lost.
            let answered = Instant::now();
            match reply.revision {
                Some(revision) if !self.replica.reached(&state.epoch, revision).await => {}
                Some(_) => {
                    self.link.caught_up(answered.elapsed());
                    return Ok(reply);
                }
                None => return Ok(reply),
            }
        }
        Err(unavailable("its history changed"))
    }
}

/// The records that the same meetingID would have for other tenants.
fn fields_of_others(state: &State, meeting: &Meeting) -> BTreeSet<String> {
    let holding = state.placements_of(meeting.key).map(|(other, _)| &other.tenant);
    let tenants = state.tenants.keys().chain(holding).filter(|tenant| **tenant != meeting.tenant);
    tenants.map(|tenant| record::field(&Meeting { key: meeting.key, tenant: tenant.clone() })).collect()
}

fn lease_key(name: &str) -> String {
    format!("{{b3lb}}:lease:{name}")
}

fn joins_key(tenant: &str) -> String {
    format!("{{b3lb}}:joins:{tenant}")
}

fn note_key(name: &str) -> String {
    format!("{{b3lb}}:note:{name}")
}

fn unavailable(reason: impl Display) -> StoreError {
    StoreError::Unavailable(reason.to_string())
}

fn damaged(key: String, reason: impl Display) -> StoreError {
    StoreError::Damaged { key, reason: reason.to_string() }
}
