//! What is remembered of meetings that are over: pure, from what is released to what is remembered and forgotten.

use crate::state::{Change, Meeting, Past, State};

/// Meetings of which something is remembered. The rooms of a large university; a hundred bytes each, in Redis and in memory.
const PASTS_MAX: usize = 100_000;

/// How long a meeting is remembered that does not take place again, in milliseconds: over the holidays between two terms.
const REMEMBERED: u64 = 180 * 24 * 60 * 60 * 1000;

/// The most that is forgotten in one round, so that a round stays short.
const FORGOTTEN_MAX: usize = 500;

/// The changes to what is remembered that follow from `changes`, those to placements. `past` tells what is to be remembered of a meeting.
pub(super) fn remembered(
    state: &State,
    changes: &[Change],
    now: u64,
    past: impl Fn(&Meeting) -> Option<Past>,
) -> Vec<Change> {
    let released = changes.iter().filter_map(|change| match change {
        Change::Released(meeting) => Some(meeting),
        _ => None,
    });
    let mut remembered: Vec<Change> =
        released.filter_map(|meeting| Some(Change::Remembered(meeting.clone(), past(meeting)?))).collect();
    let is_new =
        |change: &&Change| matches!(change, Change::Remembered(meeting, _) if !state.pasts.contains_key(meeting));
    let excess = (state.pasts.len() + remembered.iter().filter(is_new).count()).saturating_sub(PASTS_MAX);
    remembered.extend(forgotten(state, &remembered, excess, now));
    remembered
}

/// The oldest ones that are too many, and those that are too old.
fn forgotten(state: &State, remembered: &[Change], excess: usize, now: u64) -> Vec<Change> {
    let stays = |meeting: &Meeting| {
        remembered.iter().any(|change| matches!(change, Change::Remembered(other, _) if other == meeting))
    };
    let is_old = |past: &Past| now.saturating_sub(past.at) > REMEMBERED;
    if excess == 0 && !state.pasts.values().any(is_old) {
        return Vec::new();
    }
    let mut oldest: Vec<(u64, &Meeting)> = state.pasts.iter().map(|(meeting, past)| (past.at, meeting)).collect();
    oldest.sort_unstable_by_key(|(at, _)| *at);
    let others = oldest.into_iter().filter(|(_, meeting)| !stays(meeting)).enumerate();
    let due = others.filter(|(index, (at, _))| *index < excess || now.saturating_sub(*at) > REMEMBERED);
    due.take(FORGOTTEN_MAX).map(|(_, (_, meeting))| Change::Forgotten(meeting.clone())).collect()
}

#[cfg(test)]
mod tests;
