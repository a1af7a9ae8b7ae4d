//! What a commit asks of its script: what must be as it was, and what shall be instead.

use super::script::{COMMIT, Invocation};
use crate::state::{Change, State};
use crate::store::record::{self, Record, Table};
use crate::store::{Condition, Lease, StoreError};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A commit that has not been written yet.
pub(super) struct Plan<'a> {
    changes: &'a [Change],
    lease: Option<&'a Lease>,
    /// The urls of all instances that there must be, if that matters.
    pool: Option<Vec<Arc<str>>>,
    /// One for each change, in the same order.
    records: Vec<Expectation>,
    /// The urls of instances that must exist.
    needed: BTreeSet<Arc<str>>,
}

/// One record before and after.
struct Expectation {
    table: Table,
    field: String,
    expected: Option<String>,
    value: Option<String>,
}

/// A plan as the script reads it.
#[derive(Serialize)]
struct Script<'a> {
    lease: Option<String>,
    pool: Option<&'a [Arc<str>]>,
    needed: &'a BTreeSet<Arc<str>>,
    steps: Vec<Step<'a>>,
}

/// A change as the script reads it.
#[derive(Serialize)]
struct Step<'a> {
    table: &'static str,
    field: &'a str,
    expected: Option<&'a str>,
    value: Option<&'a str>,
    /// Meetings that go with the instance if they are on it: all that the caller knows there.
    meetings: Vec<String>,
}

impl<'a> Plan<'a> {
    /// # Errors
    /// [`StoreError::Conflict`] if the changes contradict each other.
    pub(super) fn new(seen: &State, changes: &'a [Change], condition: Condition<'a>) -> Result<Self, StoreError> {
        let expectation = |change: &Change| {
            let Record { table, field, value } = Record::of(change);
            Expectation { table, field, expected: Record::of_state(change, seen), value }
        };
        let needed = record::instances_needed(changes)?;
        let (lease, pool) = match condition {
            Condition::None => (None, None),
            Condition::Lease(lease) => (Some(lease), None),
            Condition::SamePool => (None, Some(seen.instances.keys().cloned().collect())),
        };
        Ok(Self { changes, lease, pool, records: changes.iter().map(expectation).collect(), needed })
    }

    /// The plan for a script, sent by one who knows `state`.
    pub(super) fn invocation(&self, state: &State) -> Invocation {
        let step = |(change, record): (&Change, _)| self.step(change, record, state);
        let script = Script {
            lease: self.lease.map(|lease| lease.token.to_string()),
            pool: self.pool.as_deref(),
            needed: &self.needed,
            steps: self.changes.iter().zip(&self.records).map(step).collect(),
        };
        let rest = vec![record::json(&script), record::json(&self.changes)];
        Invocation::stateful(&COMMIT, state, rest).under(self.lease)
    }

    fn step<'b>(&self, change: &Change, record: &'b Expectation, state: &State) -> Step<'b> {
        Step {
            table: record.table.name(),
            field: &record.field,
            expected: record.expected.as_deref(),
            value: record.value.as_deref(),
            meetings: self.meetings_with(change, state),
        }
    }

    /// The fields of meetings that may go with a change: those on an instance that is removed.
    fn meetings_with(&self, change: &Change, state: &State) -> Vec<String> {
        let Change::InstanceRemoved(url) = change else { return Vec::new() };
        let known = state.placements.iter().map(|(meeting, placement)| (meeting, &**placement));
        let placed = self.changes.iter().filter_map(|change| match change {
            Change::Placed(meeting, placement) => Some((meeting, placement)),
            _ => None,
        });
        let there = known.chain(placed).filter(|(_, placement)| placement.instance == *url);
        there.map(|(meeting, _)| record::field(meeting)).collect()
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
            let conflict = || StoreError::Conflict(change.subject());
            let expected = record.expected.as_deref().filter(|_| !pair[1].is_empty()).ok_or_else(conflict)?;
            if record::read(record.table, &record.field, expected)?
                != record::read(record.table, &record.field, &pair[1])?
            {
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
