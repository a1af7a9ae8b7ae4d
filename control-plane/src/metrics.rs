//! What the instances' telegraf agents measured, from InfluxDB or received by this control plane itself.

use std::collections::HashMap;
use std::sync::Arc;

/// The metrics of one instance over `balancer.metrics_range`. Only finite numbers; what was not measured is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    /// Busy cpu in percent (100 − idle, all cores), mean over the range.
    pub cpu_mean: Option<f64>,
    /// Busy cpu in percent, mean over the last minute.
    pub cpu_recent: Option<f64>,
    /// Used memory in percent, mean over the range.
    pub mem_mean: Option<f64>,
    /// When the newest of the measurements was made, in milliseconds since 1970.
    pub measured_at: Option<u64>,
}

/// One reading of all instances.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Readings {
    /// When the reading was made, in milliseconds since 1970; 0 if there has been none yet.
    pub read_at: u64,
    /// By instance url in its one form ([`bbb::instance_url`]).
    pub samples: HashMap<Arc<str>, Sample>,
    /// Values of the host tag that are no url, or match no instance.
    pub unmatched: Vec<String>,
    /// Why the last attempt failed; the samples are then those of the last one that succeeded.
    pub error: Option<String>,
}
