//! What Prometheus is told of Redis.

use super::script;
use ::metrics::{Counter, Histogram, Unit, counter, describe_counter, describe_histogram, histogram};
use std::time::Duration;

/// The meters of one link.
pub(super) struct Meter {
    pub(super) connections: Counter,
    scripts: Vec<(&'static str, Histogram)>,
    errors: [Counter; 3],
    /// From the answer of a script to the arrival of what it wrote.
    pub(super) tail_lag: Histogram,
}

/// Why a script has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It took too long.
    Timeout,
    /// Redis answered an error.
    Refused,
    /// The connection broke.
    Lost,
}

impl Meter {
    /// Registers them with the recorder that is current.
    pub(super) fn new() -> Self {
        describe_counter!("b3lb_redis_connections_total", "Times that Redis was connected");
        describe_counter!("b3lb_redis_errors_total", "Scripts without an answer, by what went wrong");
        describe_histogram!("b3lb_redis_script_duration_seconds", Unit::Seconds, "How long scripts took");
        describe_histogram!(
            "b3lb_redis_tail_lag_seconds",
            Unit::Seconds,
            "From the answer of a script to the arrival of what it wrote in the stream of changes"
        );
        let histogram = |name| (name, histogram!("b3lb_redis_script_duration_seconds", "script" => name));
        Self {
            connections: counter!("b3lb_redis_connections_total"),
            scripts: script::NAMES.map(histogram).into(),
            errors: [Trouble::Timeout, Trouble::Refused, Trouble::Lost]
                .map(|trouble| counter!("b3lb_redis_errors_total", "error" => trouble.label())),
            tail_lag: histogram!("b3lb_redis_tail_lag_seconds"),
        }
    }

    /// A script ran.
    pub(super) fn ran(&self, script: &str, took: Duration, trouble: Option<Trouble>) {
        if let Some((_, histogram)) = self.scripts.iter().find(|(name, _)| *name == script) {
            histogram.record(took);
        }
        if let Some(trouble) = trouble {
            self.errors[trouble as usize].increment(1);
        }
    }
}

impl Trouble {
    fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}
