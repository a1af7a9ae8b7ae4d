//! What Prometheus is told of this control plane.
//!
//! Counts go on for as long as the program runs; what the pool looks like is read from the state when somebody asks, so that what is
//! gone is gone. Nothing is global, so that several control planes can run in one process.

use ::metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use ::metrics::{Unit, with_local_recorder};
use b3lb_proto::v1::{InstanceStatus, PoolStatus};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusRecorder};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How often [`Meters::tidy`] wants to be called: every observed duration takes memory until then.
pub(crate) const TIDY_INTERVAL: Duration = Duration::from_secs(5);

/// Seconds. A placement is one write to the store, a millisecond or less on a local network.
const PLACE_BUCKETS: [f64; 9] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];

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

/// What is only known when somebody asks.
pub(crate) struct Moment {
    pub(crate) pool: PoolStatus,
    /// How old the readings of metrics are; `None`: there are none.
    pub(crate) metrics_age: Option<Duration>,
}

/// A proxy that watches; counted until this is dropped.
pub(crate) struct Watching(Meters);

impl Meters {
    pub(crate) fn new() -> Result<Self, BuildError> {
        let recorder = Arc::new(PrometheusBuilder::new().set_buckets(&PLACE_BUCKETS)?.build_recorder());
        Ok(with_local_recorder(&*recorder, || {
            describe_counter!("b3lb_placements_total", "Wishes to place a meeting, by what became of them");
            describe_counter!("b3lb_joins_total", "Users of tenants with a limit, by whether they were let in");
            describe_histogram!("b3lb_place_duration_seconds", Unit::Seconds, "From a wish to its answer");
            describe_counter!(
                "b3lb_placed_alone_total",
                "Meetings that proxies placed alone, by whether they were elsewhere too"
            );
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
        self.recorder.handle().run_upkeep();
    }

    /// Everything, in Prometheus' text format.
    pub(crate) fn render(&self, moment: &Moment) -> String {
        let mut text = self.recorder.handle().render();
        text.push_str(&moment.render());
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

    fn label(self) -> &'static str {
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

impl Moment {
    fn render(&self) -> String {
        let recorder = PrometheusBuilder::new().build_recorder();
        with_local_recorder(&recorder, || {
            self.set_pool();
            for instance in &self.pool.instances {
                set_instance(instance);
            }
        });
        recorder.handle().render()
    }

    fn set_pool(&self) {
        let pool = &self.pool;
        set("b3lb_tenants", "Tenants that are defined", pool.tenants as f64);
        set("b3lb_meetings", "Meetings that have an instance", pool.meetings as f64);
        set("b3lb_users", "Users in them, as last seen", pool.users as f64);
        set("b3lb_store_up", "1 while the store answers; without it no meeting is placed", up(pool.store_ok));
        set("b3lb_metrics_up", "1 while metrics are read", up(pool.metrics_ok));
        if let Some(age) = self.metrics_age {
            set("b3lb_metrics_age_seconds", "How old the readings of metrics are", age.as_secs_f64());
        }
        describe_gauge!("b3lb_instances", "Instances by whether they take new meetings");
        for (eligible, label) in [(true, "true"), (false, "false")] {
            let count = pool.instances.iter().filter(|instance| instance.ineligible.is_empty() == eligible).count();
            gauge!("b3lb_instances", "eligible" => label).set(count as f64);
        }
        describe_gauge!("b3lb_instance_online", "1 while the instance answers checks");
        describe_gauge!("b3lb_instance_meetings", "Meetings on the instance");
        describe_gauge!("b3lb_instance_users", "Users in them, as last seen");
        describe_gauge!("b3lb_instance_score", "What placement compares; lower is better; absent if not eligible");
    }
}

/// The labels are as many as there are instances.
fn set_instance(instance: &InstanceStatus) {
    let labels = [("instance", instance.url.clone())];
    gauge!("b3lb_instance_online", &labels).set(up(instance.online));
    gauge!("b3lb_instance_meetings", &labels).set(instance.meetings as f64);
    gauge!("b3lb_instance_users", &labels).set(instance.users as f64);
    if let Some(score) = instance.score {
        gauge!("b3lb_instance_score", &labels).set(score);
    }
}

fn set(name: &'static str, meaning: &'static str, value: f64) {
    describe_gauge!(name, meaning);
    gauge!(name).set(value);
}

fn up(yes: bool) -> f64 {
    if yes { 1.0 } else { 0.0 }
}
