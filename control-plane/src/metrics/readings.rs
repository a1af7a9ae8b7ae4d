//! A reading of the whole pool, and how hosts as telegraf names them become instances.

use crate::state::State;
use std::collections::HashMap;
use std::sync::Arc;

/// Unmatched hosts that are reported at most. They are for people to find a misspelt tag; nobody reads more.
const UNMATCHED_MAX: usize = 100;

/// How much of an unmatched host is reported; the rest of an url would not tell more.
const UNMATCHED_LENGTH: usize = 200;

/// How agents are reported whose configuration sets no host tag.
const NO_HOST_TAG: &str = "(no b3lb_host tag)";

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
    /// When the samples were read, in milliseconds since 1970; 0 if there has been no reading yet.
    pub read_at: u64,
    /// By instance url in its one form ([`bbb::instance_url`]).
    pub samples: HashMap<Arc<str>, Sample>,
    /// Values of the host tag that are no url, or match no instance.
    pub unmatched: Vec<String>,
    /// Why the last attempt failed; the samples are then those of the last one that succeeded.
    pub error: Option<String>,
}

impl Readings {
    /// Finds the instance of each host. Where an instance goes by several spellings, e.g. because the tag was corrected a minute ago,
    /// the one that was measured last counts.
    pub(super) fn new(hosts: impl IntoIterator<Item = (String, Sample)>, state: &State, now: u64) -> Self {
        let mut samples: HashMap<Arc<str>, Sample> = HashMap::new();
        let mut unmatched = Vec::new();
        for (host, sample) in hosts {
            let url = bbb::instance_url(&host).ok();
            match url.and_then(|url| state.instances.get_key_value(&*url)) {
                Some((url, _)) => {
                    let known = samples.entry(url.clone()).or_insert(sample);
                    if known.measured_at < sample.measured_at {
                        *known = sample;
                    }
                }
                None if host.is_empty() => unmatched.push(NO_HOST_TAG.to_owned()),
                None => unmatched.push(host.chars().take(UNMATCHED_LENGTH).collect()),
            }
        }
        unmatched.sort_unstable();
        unmatched.truncate(UNMATCHED_MAX);
        Self { read_at: now, samples, unmatched, error: None }
    }
}

/// Busy cpu in percent from idle cpu in percent. Agents report a hair below 0 or above 100 now and then.
pub(super) fn busy(idle: f64) -> f64 {
    percent(100.0 - idle)
}

/// A number as percent.
pub(super) fn percent(value: f64) -> f64 {
    value.clamp(0.0, 100.0)
}
