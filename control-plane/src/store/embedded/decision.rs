//! What a claim and a commit come to, decided on the state alone.

use crate::state::{Admission, Change, State};
use crate::store::{Claim, Claimed, Refusal, StoreError};
use std::collections::HashSet;

/// What becomes of a claim on this state. Nothing is written yet when it says `Placed`.
pub(super) fn claim(state: &State, claim: &Claim) -> Claimed {
    let Claim { meeting, placement, leaving } = claim;
    let wanted = &placement.instance;
    if let Some(existing) = state.placements.get(meeting)
        && (leaving.as_ref() != Some(&existing.instance) || existing.instance == *wanted)
    {
        return Claimed::Existing(existing.as_ref().clone());
    }
    if state.instances.get(wanted).is_none_or(|instance| instance.admission != Admission::Open) {
        return Claimed::Refused(Refusal::NotOpen);
    }
    let mut same_id = state.placements_of(meeting.key).filter(|(other, _)| other.tenant != meeting.tenant);
    if same_id.any(|(_, other)| other.instance == *wanted) {
        return Claimed::Refused(Refusal::HeldForAnotherTenant);
    }
    Claimed::Placed
}

/// Every record that is touched is still as it was seen, and every placement has an instance.
///
/// # Errors
/// [`StoreError::Conflict`] names the first record that is not.
pub(super) fn commit(now: &State, seen: &State, changes: &[Change]) -> Result<(), StoreError> {
    let added: HashSet<&str> = changes.iter().filter_map(Change::added_instance).collect();
    for change in changes {
        let known = match change {
            Change::Placed(_, p) => added.contains(&*p.instance) || now.instances.contains_key(&p.instance),
            _ => true,
        };
        if !known || !is_as_seen(change, now, seen) {
            return Err(StoreError::Conflict(change.subject()));
        }
    }
    Ok(())
}

fn is_as_seen(change: &Change, now: &State, seen: &State) -> bool {
    match change {
        Change::Instance(instance) => now.instances.get(&instance.url) == seen.instances.get(&instance.url),
        Change::InstanceRemoved(url) => now.instances.get(url) == seen.instances.get(url),
        Change::Tenant(tenant) => now.tenants.get(&tenant.host) == seen.tenants.get(&tenant.host),
        Change::TenantRemoved(host) => now.tenants.get(host) == seen.tenants.get(host),
        Change::Placed(meeting, _) | Change::Released(meeting) => {
            now.placements.get(meeting) == seen.placements.get(meeting)
        }
    }
}
