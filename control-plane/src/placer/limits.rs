//! What a tenant may have: users, and numbers to dial of its own.

use super::{PlaceError, Placer, tenant_of};
use crate::clock;
use crate::state::{Meeting, State, Tenant, VoiceBridges};
use crate::store::Join;
use rand::RngExt;
use std::collections::HashSet;
use std::sync::Arc;

/// How long somebody who was let in may take to appear in the meeting, in milliseconds: the browser has to load the client.
const JOIN_SETTLE: u64 = 10_000;

/// Numbers that are tried at random before they are looked through in their order.
const RANDOM_TRIES: usize = 16;

/// The numbers to dial that one meeting may be given.
pub(super) struct Numbers {
    range: Option<VoiceBridges>,
    /// The number that the meeting has already.
    kept: Option<u32>,
    taken: HashSet<u32>,
}

impl Numbers {
    pub(super) fn of(state: &State, tenant: &Tenant, meeting: &Meeting) -> Self {
        let range = tenant.voice_bridges;
        let kept = state.placements.get(meeting).and_then(|placement| placement.voice_bridge);
        let taken = match range {
            Some(_) => state.placements.values().filter_map(|placement| placement.voice_bridge).collect(),
            None => HashSet::new(),
        };
        Self { range, kept, taken }
    }

    /// A number that nobody has, as far as is known; another one each time. `None` if the tenant wants none, or all are taken: a class
    /// has to begin even if nobody can dial in.
    pub(super) fn next(&mut self) -> Option<u32> {
        if self.kept.is_some() {
            return self.kept.take();
        }
        let range = self.range?.range();
        let mut random = rand::rng();
        let random = (0..RANDOM_TRIES).map(|_| random.random_range(range.clone()));
        let number = random.chain(range.clone()).find(|number| !self.taken.contains(number));
        match number {
            Some(number) => drop(self.taken.insert(number)),
            None => tracing::warn!(?range, "all numbers to dial are taken"),
        }
        number
    }
}

impl Placer {
    /// Lets one more user into a meeting of the tenant with this host, unless it has as many users as it may.
    ///
    /// # Errors
    /// [`PlaceError::UserPool`] if it has; [`PlaceError::UnknownTenant`]; [`PlaceError::Store`] if that cannot be found out.
    pub async fn admit(&self, host: &Arc<str>) -> Result<(), PlaceError> {
        let state = self.store.replica().state();
        let tenant = tenant_of(&state, host).filter(|tenant| tenant.host == *host);
        let tenant = tenant.ok_or_else(|| PlaceError::UnknownTenant(host.clone()))?;
        let Some(limit) = tenant.user_pool else { return Ok(()) };
        let (users, seen_at) = self.books_after(&state).users_of_tenant(host);
        let join = Join {
            tenant: host.clone(),
            limit: limit.into(),
            users,
            seen_until: seen_at.saturating_sub(JOIN_SETTLE),
            now: clock::now(),
        };
        if self.store.admit(&join).await? { Ok(()) } else { Err(PlaceError::UserPool(host.clone(), limit)) }
    }

    /// An instance refused a create: its meeting need not be waited for.
    pub fn refused(&self, meeting: &Meeting) {
        self.books().refused(meeting);
    }

    /// Meetings whose creates were refused, and of which nothing else was heard.
    pub(crate) fn refused_creates(&self) -> HashSet<Meeting> {
        self.books().refused_creates()
    }
}
