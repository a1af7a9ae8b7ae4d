//! Own book-keeping of the users that each instance's meetings will have, corrected by what is measured.
//!
//! Scores are in users of an instance of capacity 1:
//! `expected users / capacity + background load that its users do not explain + pessimism for old information`.

use super::{Candidate, EXPECTED_USERS, FRESH, Score, Verdict, age, within_limits};
use b3lb_config::settings::Balancer;

/// How long a meeting is given to reach its expected size, in milliseconds: those that come, come in the first quarter of an hour.
pub const RAMP: u64 = 15 * 60 * 1000;

/// Cpu that one user costs on an instance of capacity 1, in percent: BigBlueButton's own sizing has 200 users on one server. What an
/// instance is busy with beyond its users at this rate is background load.
const CPU_PER_USER: f64 = 0.5;

/// Information this old, in milliseconds, is as good as none; new information is not penalised at all for three check intervals.
const WORTHLESS: u64 = 5 * 60 * 1000;

/// Users that a meeting is expected to have at its peak: those seen in it, or what is left of the expectation as its time runs out.
pub fn expected_users(placed_at: u64, seen: Option<u64>, now: u64) -> f64 {
    let seen = seen.unwrap_or(0) as f64;
    let left = 1.0 - age(placed_at, now).min(RAMP) as f64 / RAMP as f64;
    seen + (EXPECTED_USERS - seen).max(0.0) * left
}

/// Judges one instance.
pub fn judge(balancer: &Balancer, candidate: &Candidate, now: u64) -> Verdict {
    let sample = &candidate.sample;
    let fresh = sample.measured_at.is_some_and(|at| age(at, now) <= FRESH);
    let mut background = 0.0;
    if fresh {
        within_limits(balancer, sample.cpu_recent.or(sample.cpu_mean), sample.mem_mean)?;
        let busy = sample.cpu_recent.filter(|busy| busy.is_finite()).unwrap_or(0.0).clamp(0.0, 100.0);
        let explained = candidate.users / candidate.capacity * CPU_PER_USER;
        background = (busy - explained).max(0.0) / CPU_PER_USER;
    }
    let known_at = candidate.checked_at.max(sample.measured_at.unwrap_or(0));
    let staleness = age(known_at, now).saturating_sub(FRESH) as f64 / WORTHLESS as f64;
    let pessimism = EXPECTED_USERS / 2.0 * staleness.min(1.0);
    Ok(Score::new([
        ("users", candidate.expected / candidate.capacity),
        ("background", background),
        ("pessimism", pessimism),
    ]))
}
