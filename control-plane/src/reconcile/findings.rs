//! What a round of checks means: pure, from the answers of the instances and the state to the changes that follow.
//!
//! Only a complete list in which a meeting is absent is evidence against it. An instance that does not answer loses eligibility, never
//! its meetings.

use crate::state::{Change, Meeting, Placement, State};
use bbb::MeetingKey;
use bbb::listing;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Checks of an instance that count: two of the last three decide whether it is online.
const CHECKS: usize = 3;

/// Complete lists in a row in which a meeting must be absent before its placement is released.
const ABSENCES: u8 = 2;

/// What an instance answered to a check: its meetings, or nothing that could be used.
pub(super) type Answers = HashMap<Arc<str>, Option<Vec<listing::Meeting>>>;

/// What the rounds before have found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// By instance: the last checks, the newest last.
    checks: HashMap<Arc<str>, Vec<bool>>,
    /// By meeting: in how many complete lists in a row it was absent.
    absent: HashMap<Meeting, u8>,
}

impl Findings {
    /// The changes that one round of answers leads to. Placements younger than `grace` (milliseconds) are never released: their create may
    /// still be under way; those that were `refused` are released at once.
    pub(super) fn changes(
        &mut self,
        state: &State,
        answers: &Answers,
        refused: &HashSet<Meeting>,
        now: u64,
        grace: u64,
    ) -> Vec<Change> {
        let mut changes = self.health(state, answers);
        changes.extend(self.absences(state, answers, refused, now, grace));
        changes.extend(adoptions(state, answers, now));
        changes
    }

    fn health(&mut self, state: &State, answers: &Answers) -> Vec<Change> {
        self.checks.retain(|url, _| state.instances.contains_key(url));
        let mut changes = Vec::new();
        for (url, answer) in answers {
            let Some(instance) = state.instances.get(url) else { continue };
            let checks = self.checks.entry(url.clone()).or_default();
            if checks.len() == CHECKS {
                checks.remove(0);
            }
            checks.push(answer.is_some());
            let good = checks.iter().filter(|good| **good).count();
            let online = match (good >= 2, checks.len() - good >= 2) {
                (true, _) => true,
                (_, true) => false,
                _ => instance.online,
            };
            if online != instance.online {
                tracing::warn!(instance = %url, online, "two of the last three checks say so");
                changes.push(Change::Instance(crate::state::Instance { online, ..instance.as_ref().clone() }));
            }
        }
        changes
    }

    fn absences(
        &mut self,
        state: &State,
        answers: &Answers,
        refused: &HashSet<Meeting>,
        now: u64,
        grace: u64,
    ) -> Vec<Change> {
        let listed: HashMap<&Arc<str>, HashSet<MeetingKey>> = answers
            .iter()
            .filter_map(|(url, answer)| Some((url, answer.as_ref()?.iter().map(listing::Meeting::key).collect())))
            .collect();
        let mut changes = Vec::new();
        self.absent.retain(|meeting, _| state.placements.contains_key(meeting));
        for (meeting, placement) in &state.placements {
            let Some(keys) = listed.get(&placement.instance) else { continue };
            let is_new = now.saturating_sub(placement.placed_at) < grace;
            if !keys.contains(&meeting.key) && refused.contains(meeting) {
                self.absent.remove(meeting);
                changes.push(Change::Released(meeting.clone()));
                continue;
            }
            if keys.contains(&meeting.key) || is_new {
                self.absent.remove(meeting);
                continue;
            }
            let absences = self.absent.entry(meeting.clone()).or_default();
            *absences += 1;
            if *absences >= ABSENCES {
                self.absent.remove(meeting);
                changes.push(Change::Released(meeting.clone()));
            }
        }
        changes
    }
}

/// A meeting as an instance lists it.
type Listed<'a> = (&'a Arc<str>, &'a listing::Meeting);

/// What runs, by whose it is, in the order of the instances, so that the same answers always lead to the same changes.
fn running<'a>(state: &'a State, answers: &'a Answers) -> Vec<(Meeting, Vec<Listed<'a>>)> {
    let mut running: Vec<(Meeting, Vec<Listed<'a>>)> = Vec::new();
    let mut positions: HashMap<Meeting, usize> = HashMap::new();
    for url in state.instances.keys() {
        let Some(Some(listed)) = answers.get(url) else { continue };
        // Breakout rooms belong to whom their parent does, wherever in the list it stands.
        let (breakouts, parents): (Vec<_>, Vec<_>) =
            listed.iter().filter(|found| !found.ended).partition(|found| found.parent.is_some());
        let mut owners: HashMap<MeetingKey, Arc<str>> = HashMap::new();
        for found in parents.into_iter().chain(breakouts) {
            let Some(tenant) = tenant_of(state, url, found, &owners) else { continue };
            owners.insert(found.key(), tenant.clone());
            let meeting = Meeting { key: found.key(), tenant };
            let position = *positions.entry(meeting.clone()).or_insert(running.len());
            match running.get_mut(position) {
                Some((_, all)) => all.push((url, found)),
                None => running.push((meeting, vec![(url, found)])),
            }
        }
    }
    running
}

/// Placements for meetings that run somewhere and that nobody has mapped, and for those that run twice and have more users where they are
/// not mapped. Nothing is ended: BigBlueButton ends a meeting that everybody has left. Who joins from now on joins the larger one, so that
/// it stays the larger.
fn adoptions(state: &State, answers: &Answers, now: u64) -> Vec<Change> {
    let mut changes = Vec::new();
    for (meeting, all) in running(state, answers) {
        let mapped = state.placements.get(&meeting).map(|placement| &placement.instance);
        let own = all.iter().find(|(url, _)| Some(*url) == mapped);
        let most = all.iter().copied().reduce(|most, other| if other.1.users > most.1.users { other } else { most });
        let Some((url, found)) = most else { continue };
        let moves = match (mapped, own) {
            (None, _) => true,
            (Some(_), Some((_, own))) => found.users > own.users,
            // Without users elsewhere it may be that the list was made before the meeting. Of one that does not answer nothing is known.
            (Some(mapped), None) => found.users > 0 && answers.get(mapped).is_some_and(Option::is_some),
        };
        if let Some(mapped) = mapped
            && (all.len() > 1 || own.is_none())
        {
            let kept = if moves { url } else { mapped };
            tracing::warn!(meeting = %meeting.key, mapped = %mapped, kept = %kept, on = all.len(), "a meeting runs on two instances");
        }
        if moves {
            changes.push(Change::Placed(meeting, Placement::new(url.clone(), &found.id, begun(found, now))));
        }
    }
    changes
}

/// When a meeting began, if its instance's clock can be believed: nobody else is expected in one that has run for an hour.
fn begun(found: &listing::Meeting, now: u64) -> u64 {
    if found.created_at == 0 { now } else { found.created_at.min(now) }
}

/// Whose a meeting is: as it is placed already, as its label says, as its parent is (`owners` has those of the same list), the only
/// one's who may use the instance, or the catch-all's.
fn tenant_of(
    state: &State,
    url: &Arc<str>,
    found: &listing::Meeting,
    owners: &HashMap<MeetingKey, Arc<str>>,
) -> Option<Arc<str>> {
    let catch_all = || state.tenants.is_empty().then(|| Arc::from("*"));
    // The catch-all of a pool that had no tenant yet has lost its meetings to the first one.
    let exists = |tenant: &str| state.tenants.contains_key(tenant) || state.tenants.is_empty() && tenant == "*";
    let placed = |key: MeetingKey| {
        let mut placed = state.placements_of(key).filter(|(_, placement)| placement.instance == *url);
        placed.find(|(meeting, _)| exists(&meeting.tenant)).map(|(meeting, _)| meeting.tenant.clone())
    };
    if let Some(tenant) = placed(found.key()) {
        return Some(tenant);
    }
    if let Some(label) = &found.tenant {
        return state.tenants.get_key_value(label.as_str()).map(|(host, _)| host.clone()).or_else(catch_all);
    }
    let parent = found.parent.as_ref().and_then(|parent| MeetingKey::of_internal(parent.as_bytes()));
    if let Some(tenant) = parent.and_then(|parent| owners.get(&parent).cloned().or_else(|| placed(parent))) {
        return Some(tenant);
    }
    let instance = state.instances.get(url)?;
    let mut may_use = state.tenants.values().filter(|tenant| tenant.may_use(instance));
    match (may_use.next(), may_use.next()) {
        (Some(only), None) => Some(only.host.clone()),
        _ => state.tenants.get_key_value("*").map(|(host, _)| host.clone()).or_else(catch_all),
    }
}

#[cfg(test)]
mod tests;
