//! Own book-keeping of the users that each instance's meetings will have, corrected by what is measured.
//!
//! Scores are in users of an instance of capacity 1. They say how full an instance will be with the meeting on it:
//! `expected users × cost + the meeting × cost + background load + pessimism for old information + what keeps it from filling up at once`.

use super::expectation::USUAL_USERS;
use super::{Candidate, FRESH, Score, Verdict, age, finite, within_limits};
use b3lb_config::settings::Balancer;
use serde::{Deserialize, Serialize};

/// Information this old, in milliseconds, is as good as none; new information is not penalised at all for three check intervals.
const WORTHLESS: u64 = 5 * 60 * 1000;

/// How long an instance that is new or back warms up, in milliseconds. Its services start, and an operator who brought it back too early
/// notices before it is full.
pub const WARM_UP: u64 = 10 * 60 * 1000;

/// The score's terms, each in users of an instance of capacity 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    /// Peak users expected of its meetings.
    pub users: f64,
    /// Those of the meeting that is to be placed.
    pub meeting: f64,
    /// Load that its meetings do not explain.
    pub background: f64,
    /// Old information may be wrong.
    pub pessimism: f64,
    /// It is new or back, and does not get all new meetings at once.
    pub warming: f64,
}

impl Terms {
    pub(super) fn total(&self) -> f64 {
        self.users + self.meeting + self.background + self.pessimism + self.warming
    }

    pub(super) fn named(&self) -> [(&'static str, f64); 5] {
        [
            ("users", self.users),
            ("meeting", self.meeting),
            ("background", self.background),
            ("pessimism", self.pessimism),
            ("warming", self.warming),
        ]
    }
}

/// How far from the best score an instance may be and still be picked: half the meeting, and half a usual one at most. Scores that differ by
/// less say nothing about the future, and several control planes that decide at once would otherwise all pick the same.
pub fn margin(expected: f64) -> f64 {
    expected.min(USUAL_USERS) / 2.0
}

/// Judges one instance for a meeting of which so many users are expected, without what [`warm_up`] adds.
pub fn judge(balancer: &Balancer, candidate: &Candidate, expected: f64, now: u64) -> Verdict {
    let sample = &candidate.sample;
    if sample.measured_at.is_some_and(|at| age(at, now) <= FRESH) {
        within_limits(balancer, sample.cpu_recent.or(sample.cpu_mean), sample.mem_mean)?;
    }
    let known_at = candidate.checked_at.max(sample.measured_at.unwrap_or(0));
    let staleness = (age(known_at, now).saturating_sub(FRESH) as f64 / WORTHLESS as f64).min(1.0);
    // What telegraf said last is still likely for a while.
    let unmeasured = age(sample.measured_at.unwrap_or(0), now).saturating_sub(FRESH);
    let trust = 1.0 - (unmeasured as f64 / WORTHLESS as f64).min(1.0);
    Ok(Score::Ledger(Terms {
        users: finite(candidate.expected * candidate.cost),
        meeting: finite(expected * candidate.cost),
        background: finite(candidate.background) * trust,
        pessimism: USUAL_USERS / 2.0 * staleness,
        warming: 0.0,
    }))
}

/// How much of its warming up an instance has still before it, from 1 to 0.
pub fn warming(returned_at: u64, now: u64) -> f64 {
    1.0 - age(returned_at, now).min(WARM_UP) as f64 / WARM_UP as f64
}

/// Makes an instance that warms up look as full as the others are in the mean, and less so as time goes by: at first it gets no more than its
/// share, and it catches up evenly over the whole time, whatever comes.
pub fn warm_up(terms: &mut Terms, warming: f64, mean: f64) {
    terms.warming = (warming * mean - terms.users - terms.background).max(0.0);
}
