//! What of an instance's cpu its users explain, learned while it runs, and what they do not: background load.

use super::finite;

/// Cpu that one user costs on an instance of capacity 1 as long as nothing was measured, in percent: BigBlueButton's own sizing has 200
/// users on one server.
pub const USUAL: f64 = 0.5;

/// What is measured and what is seen are both averaged over this time, in milliseconds: somebody who starts a browser is no load yet,
/// and noise is none at all.
const SMOOTHING: f64 = 60_000.0;

/// Measurements of more than this ago, in milliseconds, hardly count for what a user costs: a morning's lectures tell, yesterday's
/// version of BigBlueButton does not.
const MEMORY: f64 = 2.0 * 60.0 * 60.0 * 1000.0;

/// How much has to be seen before what is learned outweighs what is usual: as much as five minutes in which users differ by ten.
const CREDIT: f64 = 30.0 * 10.0 * 10.0;

/// What a user costs is not believed to be further from the usual than by this factor, so that something else which grows with the
/// lessons is not taken for them.
const FACTOR_MAX: f64 = 8.0;

/// Busy cpu above which more load does not show any more, in percent.
const SATURATED: f64 = 95.0;

/// After a longer time without a measurement, in milliseconds, averages begin anew.
const GAP_MAX: u64 = 5 * 60 * 1000;

/// What was learned of one instance's cpu.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cpu {
    at: u64,
    load: f64,
    busy: f64,
    /// Sums over the past, fading: of ones, loads, busy times, squares of loads, and products of both.
    sums: [f64; 5],
}

impl Cpu {
    /// Takes a measurement of `at` (milliseconds since 1970): so much load by users, in users, and so much busy cpu, in percent. One that
    /// is no number, or not newer than the last, is left out.
    pub fn observe(&mut self, load: f64, busy: f64, at: u64) {
        if !load.is_finite() || !busy.is_finite() || at <= self.at {
            return;
        }
        let (load, busy) = (load.max(0.0), busy.clamp(0.0, 100.0));
        let passed = at - self.at;
        let keep = if passed > GAP_MAX { 0.0 } else { (-(passed as f64) / SMOOTHING).exp() };
        self.load = keep * self.load + (1.0 - keep) * load;
        self.busy = keep * self.busy + (1.0 - keep) * busy;
        self.at = at;
        // What is full says nothing about what a user more would cost.
        if self.busy < SATURATED {
            let fade = (-(passed as f64) / MEMORY).exp();
            let new = [1.0, self.load, self.busy, self.load * self.load, self.load * self.busy];
            for (sum, new) in self.sums.iter_mut().zip(new) {
                *sum = *sum * fade + new;
            }
        }
    }

    /// Cpu that one user costs, in percent, by least squares.
    pub fn per_user(&self, capacity: f64) -> f64 {
        let usual = USUAL / capacity;
        let [count, load, busy, squares, products] = self.sums;
        if count <= 0.0 {
            return usual;
        }
        let variance = (squares - load * load / count).max(0.0);
        let covariance = products - load * busy / count;
        let credit = CREDIT * capacity * capacity;
        let learned = (covariance + credit * usual) / (variance + credit);
        finite(learned).clamp(usual / FACTOR_MAX, usual * FACTOR_MAX)
    }

    /// Busy cpu that users do not explain, in percent.
    pub fn background(&self, capacity: f64) -> f64 {
        (self.busy - self.per_user(capacity) * self.load).max(0.0)
    }
}
