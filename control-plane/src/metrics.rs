//! What the instances' telegraf agents measured, from InfluxDB or received by this control plane itself.
//!
//! - [`Readings`]: one reading of the whole pool, what placement looks at;
//! - [`Metrics`]: takes readings, one after another, from its source;
//! - `influx`: the source that asks InfluxDB, and the only file that knows it;
//! - `write`, `line_protocol`, `window`: the embedded source, an endpoint that telegraf writes to as if it were InfluxDB, what it
//!   understands, and what it keeps.

mod influx;
mod line_protocol;
mod queries;
mod readings;
mod window;
mod write;

pub use influx::Unusable;
pub use readings::{Readings, Sample};

use crate::clock;
use crate::replica::Replica;
use axum::Router;
use b3lb_config::Settings;
use influx::Influx;
use queries::Queries;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use write::Endpoint;

/// How often InfluxDB is asked: as often as telegraf writes.
pub const READING_INTERVAL: Duration = Duration::from_secs(10);

/// How often the embedded window is read. It costs no request, so that a measurement counts almost at once.
const EMBEDDED_INTERVAL: Duration = Duration::from_secs(1);

/// Hosts that a reading knows at most, several times the largest pools known, so that a stray agent that makes up host names cannot
/// use up the memory.
const HOSTS_MAX: usize = 4096;

/// Measures the pool continuously. The control plane owns it and ends with its [`Metrics::run`].
pub struct Metrics {
    /// The time from one reading to the next.
    pub interval: Duration,
    source: Source,
    replica: Replica,
    readings: watch::Sender<Arc<Readings>>,
}

/// Where measurements come from.
enum Source {
    Influx(Influx, Queries),
    Embedded(Arc<Endpoint>),
}

impl Metrics {
    /// Asks InfluxDB where `influxdb.address` names one, and is what telegraf writes to otherwise.
    ///
    /// # Errors
    /// If InfluxDB cannot be asked with these settings.
    pub fn new(settings: &Settings, replica: Replica) -> Result<Self, Unusable> {
        let (source, interval) = match &settings.influxdb.address {
            Some(address) => (Source::Influx(Influx::new(settings, address)?, Queries::new()), READING_INTERVAL),
            None => (Source::Embedded(Arc::new(Endpoint::new(settings))), EMBEDDED_INTERVAL),
        };
        Ok(Self { interval, source, replica, readings: watch::Sender::default() })
    }

    /// `influxdb` or `embedded`.
    pub fn kind(&self) -> &'static str {
        match self.source {
            Source::Influx(..) => "influxdb",
            Source::Embedded(_) => "embedded",
        }
    }

    /// Follows the readings. The first is empty.
    pub fn readings(&self) -> watch::Receiver<Arc<Readings>> {
        self.readings.subscribe()
    }

    /// The routes that telegraf writes to: `/api/v2/write`, `/ping` and `/health`. None of them exists where InfluxDB is asked.
    pub fn router(&self) -> Router {
        match &self.source {
            Source::Influx(..) => Router::new(),
            Source::Embedded(endpoint) => endpoint.router(),
        }
    }

    /// Takes readings until `shutdown`. One that fails keeps the samples of the last that did not, and says why in
    /// [`Readings::error`].
    pub async fn run(self, shutdown: CancellationToken) {
        let _accepting = match &self.source {
            Source::Influx(..) => None,
            Source::Embedded(endpoint) => Some(endpoint.accept()),
        };
        shutdown.run_until_cancelled(self.read_on()).await;
    }

    async fn read_on(&self) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let hosts = match &self.source {
                Source::Influx(influx, queries) => {
                    let begun = Instant::now();
                    let hosts = influx.read().await;
                    queries.asked(begun.elapsed(), hosts.is_err());
                    hosts
                }
                Source::Embedded(endpoint) => Ok(endpoint.read(clock::now())),
            };
            let readings = match hosts {
                Ok(hosts) => Readings::new(hosts, &self.replica.state(), clock::now()),
                Err(failure) => {
                    let last = Readings::clone(&self.readings.borrow());
                    Readings { error: Some(failure.to_string()), ..last }
                }
            };
            log_change(&self.readings.borrow(), &readings);
            self.readings.send_replace(Arc::new(readings));
        }
    }
}

/// Says once, not with every reading, that readings fail or succeed again.
fn log_change(old: &Readings, new: &Readings) {
    match (&old.error, &new.error) {
        (old, Some(error)) if old.as_ref() != Some(error) => tracing::warn!("no metrics: {error}"),
        (Some(_), None) => tracing::info!("metrics are read again"),
        _ => {}
    }
}
