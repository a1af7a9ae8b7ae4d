//! The original's policy: the lowest mean of cpu and memory over `balancer.metrics_range` wins, those above a limit are dropped.
//!
//! It knows nothing of meetings that were just placed, so that a burst of them goes to one instance. Cpu is the busy time; the original
//! looked at system time alone, which misses where BigBlueButton spends its own.

use super::{Candidate, Ineligible, Score, Verdict, within_limits};
use b3lb_config::settings::Balancer;

/// Judges all candidates. Without a measurement of any of them the fewest meetings win: missing metrics never make a pool unavailable.
pub fn judge(balancer: &Balancer, candidates: &[Candidate]) -> Vec<Verdict> {
    let measured = |candidate: &Candidate| candidate.sample.cpu_mean.is_some() && candidate.sample.mem_mean.is_some();
    if !candidates.iter().any(measured) {
        return candidates.iter().map(|candidate| Ok(by_meetings(candidate))).collect();
    }
    candidates.iter().map(|candidate| judge_one(balancer, candidate)).collect()
}

fn judge_one(balancer: &Balancer, candidate: &Candidate) -> Verdict {
    let (Some(cpu), Some(mem)) = (candidate.sample.cpu_mean, candidate.sample.mem_mean) else {
        return Err(Ineligible::NotMeasured);
    };
    within_limits(balancer, Some(cpu), Some(mem))?;
    Ok(Score::new([("cpu", cpu), ("memory", mem), ("meetings", 0.0)]))
}

fn by_meetings(candidate: &Candidate) -> Score {
    Score::new([("cpu", 0.0), ("memory", 0.0), ("meetings", candidate.meetings as f64)])
}
