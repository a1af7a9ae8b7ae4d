//! How often each call was made, what became of it, and how long it took, and the same of the requests to instances: one sheet for each
//! worker, on which it alone writes, so that counting costs a call next to nothing. They are added up when Prometheus asks.

mod named;
mod render;
mod requests;

use named::Labels;
pub(crate) use render::render;
pub(crate) use requests::{Requests, Sending, Sent};

use crate::failure::Failure;
use crate::table::Table;
use bbb::Call;
use named::{Named, Shown};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Upper bounds in milliseconds: from what a call on a local network takes to the deadline of a create.
const BUCKETS_MS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 2_500, 10_000, 60_000];

/// Every call, by its discriminant.
const CALLS: usize = Call::Other as usize + 1;

/// Tenants whose calls are counted apart. Each is a few dozen time series for Prometheus; those with more tenants than this look at the
/// access log for one of them.
const TENANTS_MAX: usize = 100;

/// Instances whose requests are counted apart: more than any pool known has.
const INSTANCES_MAX: usize = 1024;

/// What one worker writes its sheet with.
pub(crate) struct Tally {
    sheet: Arc<Sheet>,
    tenants: Named<Outcomes>,
    instances: Named<Requests>,
}

/// What one worker counted.
pub(crate) struct Sheet {
    durations: [Durations; CALLS],
    /// Of calls that belong to no tenant.
    nobodys: Outcomes,
    tenants: Shown<Outcomes>,
    instances: Shown<Requests>,
    /// Calls that are under way.
    under_way: AtomicU64,
}

/// The names that may be labels, in all workers of one proxy.
#[derive(Clone)]
pub(crate) struct Names {
    tenants: Arc<Labels>,
    instances: Arc<Labels>,
}

/// Calls by what became of them. Those that are never made take no memory.
#[derive(Default)]
struct Outcomes([OnceLock<Box<[AtomicU64; Outcome::COUNT]>>; CALLS]);

/// How long something took.
#[derive(Default)]
struct Durations {
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
    /// The frontend went away before there was an answer.
    Abandoned,
    Failed(Failure),
}

impl Names {
    pub(crate) fn new() -> Self {
        Self { tenants: Arc::new(Labels::new(TENANTS_MAX)), instances: Arc::new(Labels::new(INSTANCES_MAX)) }
    }
}

impl Sheet {
    pub(crate) fn new(names: &Names) -> Self {
        Self {
            durations: Default::default(),
            nobodys: Outcomes::default(),
            tenants: Shown::new(Arc::clone(&names.tenants)),
            instances: Shown::new(Arc::clone(&names.instances)),
            under_way: AtomicU64::new(0),
        }
    }
}

impl Tally {
    /// The only one that writes on this sheet.
    pub(crate) fn of(sheet: Arc<Sheet>) -> Self {
        Self { sheet, tenants: Named::default(), instances: Named::default() }
    }

    /// Counts a call that begins.
    pub(crate) fn begin(&self) {
        add(&self.sheet.under_way, 1);
    }

    /// Counts a call that began, and ends; its tenant is that of the table by this name.
    pub(crate) fn end(&self, call: Call, tenant: Option<&Arc<str>>, outcome: Outcome, took: Duration) {
        add(&self.sheet.under_way, u64::MAX);
        match tenant {
            Some(tenant) => self.tenants.with(&self.sheet.tenants, tenant, |outcomes| outcomes.count(call, outcome)),
            None => self.sheet.nobodys.count(call, outcome),
        }
        if outcome != Outcome::Abandoned {
            self.sheet.durations[call as usize].count(took);
        }
    }

    /// What is counted of the requests to an instance of the table.
    pub(crate) fn requests(&self, instance: &Arc<str>) -> Arc<Requests> {
        self.instances.with(&self.sheet.instances, instance, Arc::clone)
    }

    /// Forgets what the table does not know any more. To be called every few seconds.
    pub(crate) fn sweep(&self, table: &Table) {
        self.tenants.retain(&self.sheet.tenants, |host| table.is_tenant(host));
        self.instances.retain(&self.sheet.instances, |url| table.instance(url).is_some());
    }
}

impl Outcomes {
    fn count(&self, call: Call, outcome: Outcome) {
        let counts = self.0[call as usize].get_or_init(|| Box::new([const { AtomicU64::new(0) }; Outcome::COUNT]));
        add(&counts[outcome.index()], 1);
    }

    fn get(&self, call: Call, outcome: Outcome) -> u64 {
        self.0[call as usize].get().map_or(0, |counts| counts[outcome.index()].load(Relaxed))
    }
}

impl Durations {
    fn count(&self, took: Duration) {
        let bucket = BUCKETS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        add(&self.buckets[bucket.unwrap_or(BUCKETS_MS.len())], 1);
        add(&self.nanoseconds, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// Adds to a number that nobody else writes, which needs no locked instruction.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Outcome {
    const COUNT: usize = 4 + Failure::ALL.len();

    fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Answered, Self::Local, Self::Redirected, Self::Abandoned];
        others.into_iter().chain(Failure::ALL.map(Self::Failed))
    }

    fn index(self) -> usize {
        match self {
            Self::Answered => 0,
            Self::Local => 1,
            Self::Redirected => 2,
            Self::Abandoned => 3,
            Self::Failed(failure) => 4 + failure as usize,
        }
    }

    /// How it is called in metrics and in the access log.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Local => "local",
            Self::Redirected => "redirected",
            Self::Abandoned => "abandoned",
            Self::Failed(failure) => failure.label(),
        }
    }
}
