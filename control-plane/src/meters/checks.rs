//! How the checks of the pool go.

use super::counts::Counts;
use ::metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use b3lb_config::pulse::Pulse;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Of one control plane. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Checks {
    pub(super) failures: Counts,
    /// Milliseconds since 1970; 0: it did not happen yet.
    reconciled_at: Arc<AtomicU64>,
    durations: Histogram,
    failed_rounds: Counter,
    pub(super) pulse: Pulse,
}

/// A round takes as long as the slowest instance, some seconds, and the next one comes an interval later; the interval is a day at most, but
/// an operator who sets it so does not look at probes.
const PATIENCE_ROUNDS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(120);

/// What is not counted by instance has no other word.
const CHECK: &str = "";

impl Checks {
    pub(super) fn new(interval: Duration) -> Self {
        describe_histogram!("b3lb_reconcile_duration_seconds", Unit::Seconds, "How long it took to ask the pool");
        describe_counter!("b3lb_reconcile_failures_total", "Rounds in which it could not be found out what runs");
        Self {
            durations: histogram!("b3lb_reconcile_duration_seconds"),
            failed_rounds: counter!("b3lb_reconcile_failures_total"),
            pulse: Pulse::new("what asks the pool what runs", PATIENCE + interval * PATIENCE_ROUNDS),
            ..Self::default()
        }
    }

    /// A round ended: at some time well, in milliseconds since 1970, or not well.
    pub(crate) fn round(&self, reconciled_at: Option<u64>, took: Duration) {
        match reconciled_at {
            Some(at) => self.reconciled_at.store(at, Ordering::Relaxed),
            None => self.failed_rounds.increment(1),
        }
        self.pulse.beat();
        self.durations.record(took);
    }

    /// An instance did not answer one.
    pub(crate) fn failed(&self, instance: &Arc<str>) {
        self.failures.add(instance, CHECK);
    }

    /// When it was last known what runs, in milliseconds since 1970.
    pub(super) fn reconciled_at(&self) -> Option<u64> {
        Some(self.reconciled_at.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }
}

impl Default for Checks {
    /// Of what nobody looks at.
    fn default() -> Self {
        Self {
            failures: Counts::default(),
            reconciled_at: Arc::default(),
            durations: Histogram::noop(),
            failed_rounds: Counter::noop(),
            pulse: Pulse::new("", Duration::MAX),
        }
    }
}
