//! What the lists of recordings mean: pure, from the answers of the instances and the state to the changes that follow.

use super::owner;
use crate::state::{Change, Recording, State};
use bbb::listing;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Complete lists in a row in which a recording must be absent before it is forgotten.
const ABSENCES: u8 = 2;

/// What an instance answered: its recordings, or nothing that could be used.
pub(super) type Answers = HashMap<Arc<str>, Option<Vec<listing::Recording>>>;

/// What the looks before have found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// By recordID: in how many complete lists in a row it was absent.
    absent: HashMap<Arc<str>, u8>,
}

/// The recordIDs that one instance lists.
type Ids<'a> = HashMap<&'a Arc<str>, HashSet<&'a str>>;

impl Findings {
    /// The changes that answers lead to which were asked for when the state was `asked`, and which are written to `state`.
    pub(super) fn changes(&mut self, asked: &State, state: &State, answers: &Answers) -> Vec<Change> {
        let listed: Ids<'_> =
            answers.iter().filter_map(|(url, answer)| Some((url, present(answer.as_ref()?)))).collect();
        let mut changes = recorded(asked, state, answers, &listed);
        let moved: HashSet<Arc<str>> = changes.iter().filter_map(recorded_id).collect();
        changes.extend(self.absences(asked, state, &listed, &moved));
        changes
    }

    /// The instances that should be asked again, since they did not list what they had.
    pub(super) fn doubtful<'s>(&self, state: &'s State) -> HashSet<&'s Arc<str>> {
        self.absent.keys().filter_map(|id| Some(&state.recordings.get(id)?.instance)).collect()
    }

    fn absences(&mut self, asked: &State, state: &State, listed: &Ids<'_>, moved: &HashSet<Arc<str>>) -> Vec<Change> {
        self.absent.retain(|id, _| state.recordings.contains_key(id));
        let mut changes = Vec::new();
        for (id, recording) in &state.recordings {
            if !state.instances.contains_key(&recording.instance) && !moved.contains(id) {
                changes.push(Change::RecordingRemoved(id.clone()));
                continue;
            }
            let Some(ids) = listed.get(&recording.instance) else { continue };
            // What was found while the instance answered may be newer than its answer.
            let newer = asked.recordings.get(id).is_none_or(|then| then.instance != recording.instance);
            if ids.contains(&**id) || moved.contains(id) || newer {
                self.absent.remove(id);
                continue;
            }
            let absences = self.absent.entry(id.clone()).or_default();
            *absences += 1;
            if *absences >= ABSENCES {
                self.absent.remove(id);
                changes.push(Change::RecordingRemoved(id.clone()));
            }
        }
        changes
    }
}

/// The recordIDs in a list, but for those that are deleted.
fn present(list: &[listing::Recording]) -> HashSet<&str> {
    list.iter().filter(|found| !found.deleted).map(|found| found.id.as_str()).collect()
}

fn recorded_id(change: &Change) -> Option<Arc<str>> {
    match change {
        Change::Recorded(id, _) => Some(id.clone()),
        _ => None,
    }
}

/// What is new, elsewhere, or of somebody else.
fn recorded(asked: &State, state: &State, answers: &Answers, listed: &Ids<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut new = HashSet::new();
    // In the order of the instances, so that the same answers always lead to the same changes.
    for url in state.instances.keys() {
        let Some(Some(list)) = answers.get(url) else { continue };
        for found in list.iter().filter(|found| !found.deleted) {
            let known = state.recordings.get(found.id.as_str());
            // It was forgotten while the instance answered: somebody has deleted it.
            let gone = known.is_none() && asked.recordings.contains_key(found.id.as_str());
            if gone || known.is_some_and(|known| stays(state, known, url, &found.id, listed)) {
                continue;
            }
            let recording = Recording { instance: url.clone(), tenant: owner::of_listed(state, url, found) };
            if known.is_none_or(|known| **known != recording) && new.insert(found.id.as_str()) {
                changes.push(Change::Recorded(found.id.as_str().into(), recording));
            }
        }
    }
    changes
}

/// A recording that two instances have stays where it is known to be, unless that one says that it has it no more.
fn stays(state: &State, known: &Recording, url: &Arc<str>, id: &str, listed: &Ids<'_>) -> bool {
    known.instance != *url
        && state.instances.contains_key(&known.instance)
        && listed.get(&known.instance).is_none_or(|ids| ids.contains(id))
}

#[cfg(test)]
mod tests;
