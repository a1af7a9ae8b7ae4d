//! How instances are compared: pure functions over numbers. The clock and randomness are arguments.
//!
//! - [`classic`]: lowest mean of cpu and memory, as the original did;
//! - [`ledger`]: own book-keeping of expected users, corrected by measurements.

pub mod classic;
pub mod ledger;

use crate::metrics::Sample;
use b3lb_config::settings::{Balancer, Policy};
use rand::Rng;
use std::fmt;

/// Users expected of a meeting that nothing is known of: what Scalelite and b3scale assume as well.
pub const EXPECTED_USERS: f64 = 15.0;

/// How far from the best score an instance may be and still be picked: half an expected meeting. Scores that differ by less say nothing
/// about the future, and several control planes that decide at once would otherwise all pick the same.
const MARGIN: f64 = EXPECTED_USERS / 2.0;

/// Older measurements guard no limit any more: telegraf writes every ten seconds, so that three flushes are missing.
const FRESH: u64 = 40_000;

/// What a policy knows of one instance that may take a meeting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// How many users it can hold, relative to the others.
    pub capacity: f64,
    /// Peak users expected of its meetings, those not seen yet included.
    pub expected: f64,
    /// Users on it when it was last asked.
    pub users: f64,
    /// Meetings on it.
    pub meetings: usize,
    /// When it last answered a check, in milliseconds since 1970; 0 if never.
    pub checked_at: u64,
    /// What telegraf measured.
    pub sample: Sample,
}

/// How an instance compares: lower is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The sum of the terms; always finite.
    pub total: f64,
    /// What it is made of.
    pub terms: [(&'static str, f64); 3],
}

/// Why an instance takes no new meeting.
#[derive(Debug, Clone, PartialEq)]
pub enum Ineligible {
    /// An operator wants none on it.
    Cordoned,
    /// It is out of the pool.
    Disabled,
    /// Two of its last three checks failed.
    Offline,
    /// A proxy could not connect to it since its last good check.
    Unreachable,
    /// The tenant may not use it.
    NotTheTenants,
    /// It holds the same meetingID for another tenant.
    HeldForAnotherTenant,
    /// It refused this very meeting, or could not be connected for it.
    Excluded,
    /// Its cpu is above `balancer.cpu_limit`; both in percent.
    Cpu(f64, f64),
    /// Its memory is above `balancer.mem_limit`; both in percent.
    Memory(f64, f64),
    /// The policy compares measurements, and there are none of it.
    NotMeasured,
}

/// The verdict on one instance.
pub type Verdict = Result<Score, Ineligible>;

/// Judges all candidates, in their order.
pub fn judge(balancer: &Balancer, candidates: &[Candidate], now: u64) -> Vec<Verdict> {
    match balancer.policy {
        Policy::Ledger => candidates.iter().map(|candidate| ledger::judge(balancer, candidate, now)).collect(),
        Policy::Classic => classic::judge(balancer, candidates, now),
    }
}

/// How far from the best score one may be and still be picked.
pub fn margin(policy: Policy) -> f64 {
    match policy {
        Policy::Ledger => MARGIN,
        Policy::Classic => 0.0,
    }
}

/// Picks one of those within `margin` of the best at random; its index.
pub fn pick(scores: &[Option<f64>], margin: f64, rng: &mut impl Rng) -> Option<usize> {
    let best = scores.iter().flatten().copied().min_by(f64::total_cmp)?;
    let within: Vec<usize> =
        (0..scores.len()).filter(|index| scores[*index].is_some_and(|score| score <= best + margin)).collect();
    within.get(rng.next_u64() as usize % within.len()).copied()
}

impl Score {
    /// Sums the terms up. One that is no number counts as nothing: a damaged measurement must not decide.
    fn new(terms: [(&'static str, f64); 3]) -> Self {
        let terms = terms.map(|(name, value)| (name, if value.is_finite() { value } else { 0.0 }));
        Self { total: terms.iter().map(|(_, value)| value).sum(), terms }
    }
}

/// The limits, as hard guards while measurements are fresh.
fn within_limits(balancer: &Balancer, cpu: Option<f64>, mem: Option<f64>) -> Result<(), Ineligible> {
    match (cpu, mem) {
        (Some(cpu), _) if cpu > balancer.cpu_limit => Err(Ineligible::Cpu(cpu, balancer.cpu_limit)),
        (_, Some(mem)) if mem > balancer.mem_limit => Err(Ineligible::Memory(mem, balancer.mem_limit)),
        _ => Ok(()),
    }
}

/// The time since `then`, in milliseconds; none for a time in the future, which only a wrong clock makes.
fn age(then: u64, now: u64) -> u64 {
    now.saturating_sub(then)
}

impl fmt::Display for Ineligible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("cordoned"),
            Self::Disabled => f.write_str("disabled"),
            Self::Offline => f.write_str("offline: two of its last three checks failed"),
            Self::Unreachable => f.write_str("a proxy could not connect to it since its last good check"),
            Self::NotTheTenants => f.write_str("not one of the tenant's instances"),
            Self::HeldForAnotherTenant => f.write_str("holds the same meetingID for another tenant"),
            Self::Excluded => f.write_str("refused this meeting or could not be connected for it"),
            Self::Cpu(value, limit) => write!(f, "cpu {value:.1} % is above the limit of {limit} %"),
            Self::Memory(value, limit) => write!(f, "memory {value:.1} % is above the limit of {limit} %"),
            Self::NotMeasured => f.write_str("no cpu and memory measured"),
        }
    }
}

#[cfg(test)]
mod tests;
