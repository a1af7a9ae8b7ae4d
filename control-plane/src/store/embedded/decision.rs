//! What a claim and a commit come to, decided on the state alone.

use crate::state::{Admission, Change, Hook, Meeting, Placement, State};
use crate::store::{Claim, Claimed, POOL, Refusal, StoreError, record};
use std::sync::Arc;

/// What becomes of a claim on this state. Nothing is written yet when it says `Placed`.
pub(super) fn claim(state: &State, claim: &Claim) -> Claimed {
    let Claim { meeting, placement, leaving, bound, limit } = claim;
    let wanted = &placement.instance;
    if let Some(existing) = state.placements.get(meeting)
        && (leaving.as_ref() != Some(&existing.instance) || existing.instance == *wanted)
    {
        return Claimed::Existing(existing.as_ref().clone());
    }
    if let Some(limit) = limit
        && !state.placements.contains_key(meeting)
        && state.placements.keys().filter(|other| other.tenant == meeting.tenant).count() >= *limit as usize
    {
        return Claimed::Refused(Refusal::MeetingPool);
    }
    let has_number = |(other, held): (&Meeting, &Arc<Placement>)| {
        other != meeting && held.voice_bridge.is_some() && held.voice_bridge == placement.voice_bridge
    };
    if placement.voice_bridge.is_some() && state.placements.iter().any(has_number) {
        return Claimed::Refused(Refusal::BridgeTaken);
    }
    if state.instances.get(wanted).is_none_or(|instance| instance.admission != Admission::Open && !bound) {
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
/// [`StoreError::Conflict`] names the first record that is not, or the instance that does not exist.
pub(super) fn commit(now: &State, seen: &State, changes: &[Change]) -> Result<(), StoreError> {
    let needed = record::instances_needed(changes)?;
    if let Some(change) = changes.iter().find(|change| !is_as_seen(change, now, seen)) {
        return Err(StoreError::Conflict(change.subject()));
    }
    match needed.iter().find(|url| !now.instances.contains_key(*url)) {
        Some(url) => Err(StoreError::Conflict(format!("instance {url}"))),
        None => Ok(()),
    }
}

/// No instance came or went.
///
/// # Errors
/// [`StoreError::Conflict`] if one did.
pub(super) fn same_pool(now: &State, seen: &State) -> Result<(), StoreError> {
    let same = now.instances.len() == seen.instances.len() && now.instances.keys().eq(seen.instances.keys());
    if same { Ok(()) } else { Err(StoreError::Conflict(POOL.to_owned())) }
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
        Change::Recorded(id, _) | Change::RecordingRemoved(id) => now.recordings.get(id) == seen.recordings.get(id),
        Change::Hook(Hook { id, .. }) | Change::HookRemoved(id) => now.hooks.get(id) == seen.hooks.get(id),
        Change::Remembered(meeting, _) | Change::Forgotten(meeting) => {
            now.pasts.get(meeting) == seen.pasts.get(meeting)
        }
    }
}
