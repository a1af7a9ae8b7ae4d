//! What a commit asks of its script: what must be as it was, and what shall be instead.

use super::script::{COMMIT, Invocation};
use crate::state::{Change, State};
use crate::store::record::{self, Record};
use crate::store::{Lease, StoreError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A commit that has not been written yet.
pub(super) struct Plan<'a> {
    changes: &'a [Change],
    lease: Option<&'a Lease>,
    /// One for each change, in the same order.
    records: Vec<Expectation>,
    /// The urls of instances that must exist.
    needed: BTreeSet<Arc<str>>,
}

/// One record before and after.
#[derive(Clone, Serialize)]
struct Expectation {
    table: &'static str,
    field: String,
    expected: Option<String>,
    value: Option<String>,
}

/// A plan as the script reads it.
#[derive(Serialize)]
struct Script<'a> {
    lease: Option<String>,
    records: &'a [Expectation],
    needed: &'a BTreeSet<Arc<str>>,
    removed: Vec<Removed<'a>>,
}

/// An instance that goes, and the meetings on it that the caller knows.
#[derive(Serialize)]
struct Removed<'a> {
    url: &'a str,
    fields: Vec<String>,
}

impl<'a> Plan<'a> {
    pub(super) fn new(seen: &State, changes: &'a [Change], lease: Option<&'a Lease>) -> Self {
        let expectation = |change: &Change| {
            let Record { table, field, value } = Record::of(change);
            let expected = Record::of_state(change, seen).value;
            Expectation { table: table.name(), field, expected, value }
        };
        let added: BTreeSet<&str> = changes.iter().filter_map(Change::added_instance).collect();
        let needed = changes.iter().filter_map(|change| match change {
            Change::Placed(_, placement) => Some(&placement.instance),
            _ => None,
        });
        let needed = needed.filter(|url| !added.contains(&***url)).cloned().collect();
        Self { changes, lease, records: changes.iter().map(expectation).collect(), needed }
    }

    /// The plan for a script, sent by one who knows `state`.
    pub(super) fn invocation(&self, state: &State) -> Invocation {
        let removed = self.changes.iter().filter_map(|change| match change {
            Change::InstanceRemoved(url) => Some(Removed { url, fields: fields_on(state, url) }),
            _ => None,
        });
        let script = Script {
            lease: self.lease.map(|lease| lease.token.to_string()),
            records: &self.records,
            needed: &self.needed,
            removed: removed.collect(),
        };
        let rest = vec![record::json(&script), record::json(&self.changes)];
        Invocation::stateful(&COMMIT, state, rest).under(self.lease)
    }

    /// Takes what the script `found` for what was expected where it means the same: another version may write the same value in
    /// another way. `found` are pairs, the number of a record counted from 1 and what it is.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for the first record that means something else.
    pub(super) fn accept(&mut self, found: &[String]) -> Result<(), StoreError> {
        for pair in found.chunks_exact(2) {
            let record = pair[0].parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            let Some((record, change)) = record.and_then(|i| Some((self.records.get_mut(i)?, self.changes.get(i)?)))
            else {
                continue;
            };
            let table = Record::of(change).table;
            let conflict = || StoreError::Conflict(change.subject());
            let expected = record.expected.as_deref().filter(|_| !pair[1].is_empty()).ok_or_else(conflict)?;
            if record::read(table, &record.field, expected)? != record::read(table, &record.field, &pair[1])? {
                return Err(conflict());
            }
            record.expected = Some(pair[1].clone());
        }
        Ok(())
    }

    /// What the job is called that commits; empty if it is none.
    pub(super) fn lease_name(&self) -> &'static str {
        self.lease.map_or("", |lease| lease.name)
    }
}

fn fields_on(state: &State, url: &Arc<str>) -> Vec<String> {
    let placements = state.placements.iter().filter(|(_, placement)| placement.instance == *url);
    placements.map(|(meeting, _)| record::field(meeting)).collect()
}
