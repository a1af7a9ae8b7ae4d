//! What Prometheus is told of this control plane.
//!
//! Counts go on for as long as the program runs; what the pool looks like is read from the state when somebody asks, so that what is
//! gone is gone. Nothing is global, so that several control planes can run in one process.

mod checks;
mod counts;
mod moment;

pub(crate) use checks::Checks;
pub(crate) use moment::Moment;

use ::metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use ::metrics::{Unit, with_local_recorder};
use b3lb_config::Live;
use b3lb_config::process::Process;
use b3lb_config::pulse::Pulse;
use counts::Counts;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusRecorder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often [`Meters::tidy`] wants to be called: every observed duration takes memory until then.
pub(crate) const TIDY_INTERVAL: Duration = Duration::from_secs(5);

/// That it is not called for so long means that jobs of this process do not get their turn.
const TIDY_PATIENCE: Duration = Duration::from_secs(30);

/// Seconds. A placement is one write to the store, a millisecond or less on a local network.
const PLACE_BUCKETS: [f64; 9] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];

/// Seconds. Asking a whole pool takes as long as its slowest instance, InfluxDB up to its deadline.
const ASK_BUCKETS: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The meters of one control plane. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Meters {
    recorder: Arc<PrometheusRecorder>,
    placements: Arc<[(Outcome, Counter)]>,
    /// Users who were let in, and those who were not.
    joins: [Counter; 2],
    alone: [Counter; 2],
    reported_alone: Arc<AtomicU64>,
    place_duration: Histogram,
    watches: Gauge,
    watching: Arc<AtomicU64>,
    process: Process,
    placed_on: Counts,
    limits_hit: Counts,
    pub(crate) checks: Checks,
    pulse: Pulse,
}

/// What became of a wish to place a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The meeting is on an instance now.
    Placed,
    /// It had one before.
    Existing,
    /// No instance would take it.
    NoInstance,
    /// Its tenant has as many meetings as it may.
    Limited,
    /// The store could not be asked.
    Unavailable,
    /// The request made no sense.
    Refused,
}

/// A proxy that watches; counted until this is dropped.
pub(crate) struct Watching(Meters);

impl Meters {
    pub(crate) fn new(live: Live) -> Result<Self, BuildError> {
        let builder = PrometheusBuilder::new()
            .set_buckets(&PLACE_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full("b3lb_reconcile_duration_seconds".to_owned()), &ASK_BUCKETS)?
            .set_buckets_for_metric(Matcher::Full("b3lb_influxdb_query_duration_seconds".to_owned()), &ASK_BUCKETS)?;
        let interval = live.now().control_plane.check_interval;
        let recorder = Arc::new(builder.build_recorder());
        Ok(with_local_recorder(&*recorder, || {
            describe_counter!("b3lb_placements_total", "Wishes to place a meeting, by what became of them");
            describe_counter!("b3lb_joins_total", "Users of tenants with a limit, by whether they were let in");
            describe_histogram!("b3lb_place_duration_seconds", Unit::Seconds, "From a wish to its answer");
            describe_counter!(
                "b3lb_placed_alone_total",
                "Meetings that proxies placed alone, by whether they were elsewhere too"
            );
            describe_counter!("b3lb_admin_calls_total", "Calls of operators, by method and status");
            describe_gauge!("b3lb_watch_streams", "Proxies that watch this control plane");
            let placements = Outcome::ALL.map(|o| (o, counter!("b3lb_placements_total", "outcome" => o.label())));
            Self {
                recorder: recorder.clone(),
                placements: Arc::new(placements),
                joins: ["admitted", "user_pool"].map(|outcome| counter!("b3lb_joins_total", "outcome" => outcome)),
                alone: ["single", "double"].map(|of| counter!("b3lb_placed_alone_total", "meeting" => of)),
                reported_alone: Arc::default(),
                place_duration: histogram!("b3lb_place_duration_seconds"),
                watches: gauge!("b3lb_watch_streams"),
                watching: Arc::default(),
                process: Process::new(live, |s| vec![("control_plane.tls", s.control_plane.tls.as_ref())]),
                placed_on: Counts::default(),
                limits_hit: Counts::default(),
                checks: Checks::new(interval),
                pulse: Pulse::new("what looks after the meters", TIDY_PATIENCE),
            }
        }))
    }

    /// What `make` registers is rendered here.
    pub(crate) fn register<T>(&self, make: impl FnOnce() -> T) -> T {
        with_local_recorder(&*self.recorder, make)
    }

    /// Counts a wish to place a meeting.
    pub(crate) fn placed(&self, outcome: Outcome, took: Duration) {
        if let Some((_, counter)) = self.placements.iter().find(|(known, _)| *known == outcome) {
            counter.increment(1);
        }
        self.place_duration.record(took);
    }

    /// Counts a meeting that was put on an instance.
    pub(crate) fn placed_on(&self, instance: &Arc<str>, reason: &'static str) {
        self.placed_on.add(instance, reason);
    }

    /// Counts what a tenant of the state was refused.
    pub(crate) fn limit_hit(&self, tenant: &Arc<str>, limit: &'static str) {
        self.limits_hit.add(tenant, limit);
    }

    /// Counts a call of an operator. Rare enough to look the counter up.
    pub(crate) fn admin_call(&self, method: &str, code: String) {
        let labels = [("method", method.to_owned()), ("code", code)];
        self.register(|| counter!("b3lb_admin_calls_total", &labels)).increment(1);
    }

    /// Counts somebody who wants to come in.
    pub(crate) fn admitted(&self, admitted: bool) {
        self.joins[usize::from(!admitted)].increment(1);
    }

    /// Counts a meeting that a proxy placed by itself.
    pub(crate) fn placed_alone(&self, double: bool) {
        self.reported_alone.fetch_add(1, Ordering::Relaxed);
        self.alone[usize::from(double)].increment(1);
    }

    /// Meetings that proxies placed by themselves, as far as they told this control plane.
    pub(crate) fn reported_alone(&self) -> u64 {
        self.reported_alone.load(Ordering::Relaxed)
    }

    /// Counts a proxy that begins to watch.
    pub(crate) fn watching(&self) -> Watching {
        self.watching.fetch_add(1, Ordering::Relaxed);
        self.watches.increment(1);
        Watching(self.clone())
    }

    /// Proxies that watch now.
    pub(crate) fn watches(&self) -> u64 {
        self.watching.load(Ordering::Relaxed)
    }

    /// Works off what was observed; to be called now and then.
    pub(crate) fn tidy(&self) {
        self.pulse.beat();
        self.recorder.handle().run_upkeep();
    }

    /// What stands still that must not, if anything does.
    pub(crate) fn stopped(&self) -> Option<&'static str> {
        [&self.pulse, &self.checks.pulse].into_iter().find_map(Pulse::stopped)
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self, moment: &Moment) -> String {
        with_local_recorder(&*self.recorder, || self.process.observe());
        let mut text = self.recorder.handle().render();
        text.push_str(&moment.render(self));
        text
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watching.fetch_sub(1, Ordering::Relaxed);
        self.0.watches.decrement(1);
    }
}

impl Outcome {
    const ALL: [Self; 6] =
        [Self::Placed, Self::Existing, Self::NoInstance, Self::Limited, Self::Unavailable, Self::Refused];

    /// The word for it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Placed => "placed",
            Self::Existing => "existing",
            Self::NoInstance => "no_instance",
            Self::Limited => "meeting_pool",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
        }
    }
}
