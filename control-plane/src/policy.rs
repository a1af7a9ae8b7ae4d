//! How instances are compared: pure functions over numbers. The clock and randomness are arguments.
//!
//! - [`classic`]: lowest mean of cpu and memory, as the original did;
//! - [`ledger`]: own book-keeping of expected users, corrected by measurements;
//! - [`expectation`]: how many users a meeting will have;
//! - [`cpu`]: what of an instance's cpu its users explain.

pub mod classic;
pub mod cpu;
pub mod expectation;
pub mod ledger;

use crate::metrics::Sample;
use b3lb_config::settings::{Balancer, Policy};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Older measurements guard no limit any more: telegraf writes every ten seconds, so that three flushes are missing.
const FRESH: u64 = 40_000;

/// What a policy knows of one instance that may take a meeting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// How many users it can hold, relative to the others.
    pub capacity: f64,
    /// What a user costs it, relative to an instance of capacity 1; `1 / capacity` as long as nothing else was measured.
    pub cost: f64,
    /// Peak users expected of its meetings, those not seen yet included.
    pub expected: f64,
    /// Meetings on it.
    pub meetings: usize,
    /// Load that its meetings do not explain, in users of an instance of capacity 1.
    pub background: f64,
    /// When it last answered a check, in milliseconds since 1970; 0 if never.
    pub checked_at: u64,
    /// When it last came into the pool, or back into it; 0 if it was there from the start.
    pub returned_at: u64,
    /// What telegraf measured.
    pub sample: Sample,
}

/// How an instance compares: lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Score {
    /// By the policy [`ledger`].
    Ledger(ledger::Terms),
    /// By the policy [`classic`].
    Classic(classic::Terms),
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

impl Score {
    /// The sum of the terms; always finite.
    pub fn total(&self) -> f64 {
        match self {
            Self::Ledger(terms) => terms.total(),
            Self::Classic(terms) => terms.total(),
        }
    }

    /// What it is made of, by name.
    pub fn terms(&self) -> Vec<(&'static str, f64)> {
        match self {
            Self::Ledger(terms) => terms.named().to_vec(),
            Self::Classic(terms) => terms.named().to_vec(),
        }
    }
}

/// How far from the best score an instance may be and still be picked for a meeting of which so many users are expected.
pub fn margin(policy: Policy, expected: f64) -> f64 {
    match policy {
        Policy::Ledger => ledger::margin(expected),
        Policy::Classic => 0.0,
    }
}

/// The best score; infinite if no instance is eligible.
pub fn best(verdicts: &[Verdict]) -> f64 {
    verdicts.iter().flatten().map(Score::total).fold(f64::INFINITY, f64::min)
}

/// How many instances are eligible, and how many of them are within `margin` of the best.
pub fn candidates(verdicts: &[Verdict], margin: f64) -> (usize, usize) {
    let limit = best(verdicts) + margin;
    let totals = || verdicts.iter().flatten().map(Score::total);
    (totals().count(), totals().filter(|total| *total <= limit).count())
}

/// Picks one of those within `margin` of the best at random, the better of two draws; its index.
pub fn pick(verdicts: &[Verdict], margin: f64, rng: &mut impl Rng) -> Option<usize> {
    better_of_two(verdicts, best(verdicts) + margin, rng)
}

/// Picks the better of two that are drawn at random; its index. What is best is not worth much while little is known, and everybody
/// who knows as little would pick the same.
pub fn pick_of_two(verdicts: &[Verdict], rng: &mut impl Rng) -> Option<usize> {
    better_of_two(verdicts, f64::INFINITY, rng)
}

/// The better of two that are drawn from those whose scores are not above `limit`.
fn better_of_two(verdicts: &[Verdict], limit: f64, rng: &mut impl Rng) -> Option<usize> {
    let good = || {
        let scores = verdicts.iter().enumerate().filter_map(|(index, verdict)| Some((index, verdict.as_ref().ok()?)));
        scores.map(|(index, score)| (index, score.total())).filter(|(_, total)| *total <= limit)
    };
    let count = good().count();
    if count == 0 {
        return None;
    }
    let drawn = [0, 1].map(|_| good().nth(rng.random_range(0..count)));
    drawn.into_iter().flatten().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
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

/// A number that is none counts as nothing: a damaged measurement must not decide.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

impl Ineligible {
    /// The word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Cordoned => "cordoned",
            Self::Disabled => "disabled",
            Self::Offline => "offline",
            Self::Unreachable => "unreachable",
            Self::NotTheTenants => "not_the_tenants",
            Self::HeldForAnotherTenant => "held_for_another_tenant",
            Self::Excluded => "excluded",
            Self::Cpu(..) => "cpu_limit",
            Self::Memory(..) => "mem_limit",
            Self::NotMeasured => "not_measured",
        }
    }
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
