//! Steps from table to table, which may arrive in parts.

use super::{Changes, Table};

/// One part of a step, as the control plane sends it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Part {
    pub(crate) epoch: String,
    /// The revision that the step builds on; empty: on nothing.
    pub(crate) base: String,
    pub(crate) revision: String,
    pub(crate) last: bool,
    pub(crate) changes: Changes,
    /// How much each instance should get of new meetings, in the order of their urls; empty: as before.
    pub(crate) weights: Vec<u32>,
}

/// The step that is under way. Its parts are applied to a table beside the one in use, so that as much memory is needed as for two
/// tables, however many parts there are.
#[derive(Debug, Default)]
pub(crate) struct Assembly(Option<Pending>);

#[derive(Debug)]
struct Pending {
    epoch: String,
    base: String,
    revision: String,
    table: Table,
}

/// The step builds on another table than there is; only all of it, from nothing, can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the control plane sent a step that builds on something else than what is known")]
pub(crate) struct OutOfStep;

impl Assembly {
    /// Takes the next part; returns the table once its step is complete.
    pub(crate) fn take(&mut self, current: &Table, part: Part) -> Result<Option<Table>, OutOfStep> {
        let mut pending = match self.0.take() {
            Some(pending) if pending.continues_in(&part) => pending,
            Some(_) => return Err(OutOfStep),
            None => Pending::begin(current, &part)?,
        };
        pending.table.apply(part.changes);
        if !part.last {
            self.0 = Some(pending);
            return Ok(None);
        }
        let mut table = pending.table;
        table.weigh(&part.weights);
        if *table.epoch != *part.epoch {
            table.epoch = part.epoch.into();
        }
        if *table.revision != *part.revision {
            table.revision = part.revision.into();
        }
        Ok(Some(table))
    }
}

impl Pending {
    fn begin(current: &Table, part: &Part) -> Result<Self, OutOfStep> {
        let table = if part.base.is_empty() {
            Table::default()
        } else if (*current.epoch == *part.epoch) && (*current.revision == *part.base) {
            current.clone()
        } else {
            return Err(OutOfStep);
        };
        Ok(Self { epoch: part.epoch.clone(), base: part.base.clone(), revision: part.revision.clone(), table })
    }

    fn continues_in(&self, part: &Part) -> bool {
        (&self.epoch, &self.base, &self.revision) == (&part.epoch, &part.base, &part.revision)
    }
}
