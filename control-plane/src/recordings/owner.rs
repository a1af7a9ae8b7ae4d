//! Whose a recording is. Pure.

use crate::state::{Recording, State};
use bbb::listing;
use std::sync::Arc;

/// The tenant that has everything while it is alone.
const CATCH_ALL: &str = "*";

/// The tenant that a recording belongs to which an instance lists: the one that it names, the one that it is known to be of, the one whose
/// meeting it shows, or the one that has what nobody else does.
///
/// What is known goes before the meeting: another tenant may have the same meetingID by now.
pub(super) fn of_listed(state: &State, instance: &str, found: &listing::Recording) -> Option<Arc<str>> {
    if is_catch_alls(state) {
        return Some(CATCH_ALL.into());
    }
    let tenant = |host: &str| state.tenants.get_key_value(host).map(|(host, _)| host.clone());
    let known = || tenant(state.recordings.get(found.id.as_str())?.tenant.as_deref()?);
    let placed = || {
        found.meetings().find_map(|key| {
            let mut placed = state.placements_of(key).filter(|(_, placement)| &*placement.instance == instance);
            placed.find_map(|(meeting, _)| tenant(&meeting.tenant))
        })
    };
    let unlabelled = || state.tenants.values().find(|tenant| tenant.owns_unlabelled).map(|tenant| tenant.host.clone());
    found.tenant.as_deref().and_then(tenant).or_else(known).or_else(placed).or_else(unlabelled)
}

/// Whether a recording of the index is this tenant's; `None` if that has to be found out, since nobody has it.
pub(crate) fn is_of(state: &State, recording: &Recording, host: &str) -> Option<bool> {
    if is_catch_alls(state) {
        return Some(host == CATCH_ALL);
    }
    let owner = recording.tenant.as_deref().filter(|owner| state.tenants.contains_key(*owner))?;
    Some(owner == host)
}

fn is_catch_alls(state: &State) -> bool {
    state.tenants.keys().all(|host| &**host == CATCH_ALL)
}
