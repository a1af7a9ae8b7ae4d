//! The original's policy: the lowest mean of cpu and memory over `balancer.metrics_range` wins, those above a limit are dropped.
//!
//! It knows nothing of meetings that were just placed, so that a burst of them goes to one instance. Cpu is the busy time; the original
//! looked at system time alone, which misses where BigBlueButton spends its own.

use super::{Candidate, Ineligible, Score, Verdict, age, within_limits};
use crate::metrics::Sample;
use b3lb_config::settings::Balancer;

/// Judges all candidates. Without a measurement of any of them within `balancer.metrics_range` the fewest meetings win: missing metrics
/// never make a pool unavailable.
pub fn judge(balancer: &Balancer, candidates: &[Candidate], now: u64) -> Vec<Verdict> {
    let range = u64::try_from(balancer.metrics_range.as_millis()).unwrap_or(u64::MAX);
    let means: Vec<Option<(f64, f64)>> =
        candidates.iter().map(|candidate| means(&candidate.sample, range, now)).collect();
    if means.iter().all(Option::is_none) {
        return candidates.iter().map(|candidate| Ok(by_meetings(candidate))).collect();
    }
    means.into_iter().map(|means| judge_one(balancer, means)).collect()
}

/// Mean cpu and memory; `None` where the last reading that succeeded is so old that a new one would not contain any of it.
fn means(sample: &Sample, range: u64, now: u64) -> Option<(f64, f64)> {
    let current = sample.measured_at.is_some_and(|at| age(at, now) <= range);
    if current { sample.cpu_mean.zip(sample.mem_mean) } else { None }
}

fn judge_one(balancer: &Balancer, means: Option<(f64, f64)>) -> Verdict {
    let (cpu, mem) = means.ok_or(Ineligible::NotMeasured)?;
    within_limits(balancer, Some(cpu), Some(mem))?;
    Ok(Score::new([("cpu", cpu), ("memory", mem), ("meetings", 0.0)]))
}

fn by_meetings(candidate: &Candidate) -> Score {
    Score::new([("cpu", 0.0), ("memory", 0.0), ("meetings", candidate.meetings as f64)])
}
