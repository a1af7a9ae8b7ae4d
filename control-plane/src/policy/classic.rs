//! The original's policy: the lowest mean of cpu and memory over `balancer.metrics_range` wins, those above a limit are dropped.
//!
//! It knows nothing of meetings that were just placed, so that a burst of them goes to one instance. Cpu is the busy time; the original
//! looked at system time alone, which misses where BigBlueButton spends its own.

use super::{Candidate, Ineligible, Score, Verdict, age, within_limits};
use crate::metrics::Sample;
use b3lb_config::settings::Balancer;
use serde::{Deserialize, Serialize};

/// The score's terms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// Mean busy cpu, in percent.
    pub cpu: f64,
    /// Mean used memory, in percent.
    pub memory: f64,
    /// Meetings on it, which count while nothing is measured anywhere.
    pub meetings: f64,
}

impl Terms {
    pub(super) fn total(&self) -> f64 {
        self.cpu + self.memory + self.meetings
    }

    pub(super) fn named(&self) -> [(&'static str, f64); 3] {
        [("cpu", self.cpu), ("memory", self.memory), ("meetings", self.meetings)]
    }
}

/// There is a measurement within `balancer.metrics_range`.
pub fn is_measured(balancer: &Balancer, sample: &Sample, now: u64) -> bool {
    means(balancer, sample, now).is_some()
}

/// Judges one instance. Without a measurement of any of them within `balancer.metrics_range` the fewest meetings win: missing metrics
/// never make a pool unavailable.
pub fn judge(balancer: &Balancer, candidate: &Candidate, any_measured: bool, now: u64) -> Verdict {
    if !any_measured {
        return Ok(Score::Classic(Terms { meetings: candidate.meetings as f64, ..Terms::default() }));
    }
    let (cpu, memory) = means(balancer, &candidate.sample, now).ok_or(Ineligible::NotMeasured)?;
    within_limits(balancer, Some(cpu), Some(memory))?;
    Ok(Score::Classic(Terms { cpu, memory, meetings: 0.0 }))
}

/// Mean cpu and memory; `None` where the last reading that succeeded is so old that a new one would not contain any of it.
fn means(balancer: &Balancer, sample: &Sample, now: u64) -> Option<(f64, f64)> {
    let range = u64::try_from(balancer.metrics_range.as_millis()).unwrap_or(u64::MAX);
    let current = sample.measured_at.is_some_and(|at| age(at, now) <= range);
    let means = sample.cpu_mean.zip(sample.mem_mean).filter(|(cpu, mem)| cpu.is_finite() && mem.is_finite());
    if current { means } else { None }
}
