//! What is told of a call once it is over.

use crate::table::Caller;
use crate::tally::{Outcome, Tally};
use bbb::Call;
use std::cell::{Cell, OnceCell};
use tokio::time::Instant;

/// What is told of one call. Whatever becomes of it, it is told when this is dropped.
pub(super) struct Story<'a> {
    tally: &'a Tally,
    call: Call,
    arrived: Instant,
    /// Whose call it is, once that is known.
    pub(super) caller: OnceCell<Caller>,
    outcome: Cell<Outcome>,
}

impl<'a> Story<'a> {
    pub(super) fn begin(tally: &'a Tally, call: Call, arrived: Instant) -> Self {
        tally.begin();
        Self { tally, call, arrived, caller: OnceCell::new(), outcome: Cell::new(Outcome::Abandoned) }
    }

    /// Its answer begins.
    pub(super) fn end(self, outcome: Outcome) {
        self.outcome.set(outcome);
    }
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        let tenant = self.caller.get().map(|caller| &caller.tenant.host);
        self.tally.end(self.call, tenant, self.outcome.get(), self.arrived.elapsed());
    }
}
