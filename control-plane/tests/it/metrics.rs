//! Both sources of metrics against what a real InfluxDB answered and a real telegraf sent.

mod embedded;
mod influx;
mod influxd;
mod refusals;
mod wire;

use b3lb_config::Settings;
use b3lb_control_plane::clock;
use b3lb_control_plane::metrics::{Metrics, Readings, Sample};
use b3lb_control_plane::replica::Replica;
use b3lb_control_plane::state::{Instance, State};
use bbb::Secret;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The file in `tests/recorded/influxdb`.
macro_rules! recorded {
    ($name:literal) => {
        include_bytes!(concat!("../../recorded/influxdb/", $name)).as_slice()
    };
}
use recorded;

/// How long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);

/// The moment of the recorded answer, in milliseconds since 1970.
const RECORDED_AT: u64 = 1_795_401_732_164;

/// The time of the last line of `pool.lp`.
const LAST_LINE: u64 = 1_795_401_680_000;

/// When bbb4's agent fell silent.
const BBB4_LAST_LINE: u64 = 1_795_401_560_000;

/// Metrics that are being read, until this is dropped.
struct Running {
    readings: watch::Receiver<Arc<Readings>>,
    shutdown: DropGuard,
    run: JoinHandle<()>,
}

impl Running {
    fn start(mut metrics: Metrics) -> Self {
        metrics.interval = Duration::from_millis(10);
        let shutdown = CancellationToken::new();
        let readings = metrics.readings();
        let run = tokio::spawn(metrics.run(shutdown.clone()));
        Self { readings, shutdown: shutdown.drop_guard(), run }
    }

    /// The next reading that is as wanted.
    async fn when(&mut self, wanted: impl FnMut(&Arc<Readings>) -> bool) -> Arc<Readings> {
        tokio::time::timeout(PATIENCE, self.readings.wait_for(wanted)).await.expect("no such reading").unwrap().clone()
    }

    async fn first(&mut self) -> Arc<Readings> {
        self.when(|readings| readings.read_at > 0 || readings.error.is_some()).await
    }

    async fn stop(self) {
        drop(self.shutdown);
        tokio::time::timeout(PATIENCE, self.run).await.expect("does not end").unwrap();
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.influxdb.token = Some(Secret::new("devtoken"));
    settings.influxdb.organization = "b3lb".to_owned();
    settings.influxdb.bucket = "bucket".to_owned();
    settings
}

/// A pool of the instances bbb1 to bbb4.
fn replica() -> Replica {
    let instances = (1..=4).map(|number| {
        let instance = Instance::new(&url(number), Secret::new("instance-secret"));
        (instance.url.clone(), Arc::new(instance))
    });
    Replica::new(State { instances: instances.collect(), ..State::default() })
}

fn url(number: usize) -> Arc<str> {
    format!("https://bbb{number}.example.org/bigbluebutton").into()
}

/// What the recorded answer says of the pool, `shift` milliseconds later.
fn samples_of_recorded_pool(shift: u64) -> HashMap<Arc<str>, Sample> {
    let sample = |idle_mean: f64, idle_recent: Option<f64>, mem_mean, last: u64| Sample {
        cpu_mean: Some(100.0 - idle_mean),
        cpu_recent: idle_recent.map(|idle| 100.0 - idle),
        mem_mean,
        measured_at: Some(last + shift),
    };
    HashMap::from([
        (url(1), sample(86.54, Some(87.5), Some(22.0), LAST_LINE)),
        (url(2), sample(59.04, Some(60.0), None, LAST_LINE)),
        (url(3), sample(27.79, Some(28.75), Some(63.5), LAST_LINE)),
        (url(4), sample(94.07692307692308, None, Some(18.25), BBB4_LAST_LINE)),
    ])
}

/// How much later the lines of `pool.lp` must be for a reading of them now to be the recorded one. Any moment of ten seconds reads the
/// same; the first of them leaves the test the most time.
fn shift_to_now() -> u64 {
    let read_at = LAST_LINE + 50_001;
    assert!(read_at <= RECORDED_AT && RECORDED_AT < read_at + 10_000);
    clock::now() - read_at
}

/// The lines with other timestamps.
fn retimed(lines: &str, time: impl Fn(u64) -> u64) -> String {
    let lines = lines.lines().map(|line| {
        let (point, timestamp) = line.rsplit_once(' ').unwrap();
        format!("{point} {}\n", time(timestamp.parse().unwrap()))
    });
    lines.collect()
}
