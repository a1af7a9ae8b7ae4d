//! What Prometheus is told of the queries to InfluxDB.

use ::metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

/// Their meters.
pub(super) struct Queries {
    errors: Counter,
    durations: Histogram,
}

impl Queries {
    /// Registers them with the recorder that is current.
    pub(super) fn new() -> Self {
        describe_counter!("b3lb_influxdb_errors_total", "Queries to InfluxDB that failed");
        describe_histogram!("b3lb_influxdb_query_duration_seconds", Unit::Seconds, "How long queries took");
        Self {
            errors: counter!("b3lb_influxdb_errors_total"),
            durations: histogram!("b3lb_influxdb_query_duration_seconds"),
        }
    }

    /// One was answered, or failed.
    pub(super) fn asked(&self, took: Duration, failed: bool) {
        self.durations.record(took);
        if failed {
            self.errors.increment(1);
        }
    }
}
