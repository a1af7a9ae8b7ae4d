//! How often each call was made, what became of it, and how long it took: one tally for each worker, which alone writes to it, so that
//! counting costs a call next to nothing. They are added up when Prometheus asks.

mod render;

pub(crate) use render::render;

use crate::failure::Failure;
use bbb::Call;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds in milliseconds: from what a call on a local network takes to the deadline of a create.
const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 2_500, 10_000, 60_000];

/// Every call, by its discriminant.
const CALLS: usize = Call::Other as usize + 1;

/// What one worker counted.
#[derive(Debug, Default)]
pub(crate) struct Tally([Counts; CALLS]);

#[derive(Debug)]
struct Counts {
    /// By the index of the outcome.
    outcomes: [AtomicU64; Outcome::COUNT],
    /// How many took at most as long as the bucket of the same place says, the last one for those that took longer. Not cumulative.
    buckets: [AtomicU64; BUCKETS_MS.len() + 1],
    nanoseconds: AtomicU64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An instance answered, or several did.
    Answered,
    /// No instance was needed.
    Local,
    /// The frontend was sent to the instance.
    Redirected,
    Failed(Failure),
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            outcomes: [const { AtomicU64::new(0) }; Outcome::COUNT],
            buckets: Default::default(),
            nanoseconds: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// Counts one call. Only the worker that the tally belongs to may do so.
    pub(crate) fn count(&self, call: Call, outcome: Outcome, took: Duration) {
        let counts = &self.0[call as usize];
        let bucket = BUCKETS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        add(&counts.outcomes[outcome.index()], 1);
        add(&counts.buckets[bucket.unwrap_or(BUCKETS_MS.len())], 1);
        add(&counts.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Adds to a number that nobody else writes, which needs no locked instruction.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Outcome {
    const COUNT: usize = 3 + Failure::ALL.len();

    fn all() -> impl Iterator<Item = Self> {
        [Self::Answered, Self::Local, Self::Redirected].into_iter().chain(Failure::ALL.map(Self::Failed))
    }

    fn index(self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Local => 1,
            Self::Redirected => 2,
            Self::Failed(failure) => 3 + failure as usize,
        }
    }

    /// How it is called in metrics and in the access log.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Local => "local",
            Self::Redirected => "redirected",
            Self::Failed(failure) => failure.label(),
        }
    }
}
