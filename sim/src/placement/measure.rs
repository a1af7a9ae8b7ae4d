//! What is measured of a run.

use super::scenario::{MINUTE, Setup};
use super::world::{CAPACITY, World};
use std::collections::VecDeque;

/// The share of its capacity above which an instance is overloaded.
const OVERLOAD: f64 = 0.85;
/// Loads are measured so often, in minutes.
const STEP: f64 = 1.0 / 6.0;

/// How a policy did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// The largest load over what it had to be at least, the mean load or the largest meeting: mean over time.
    pub rho: f64,
    /// The same at its worst.
    pub rho_peak: f64,
    /// Users × minutes on instances above 85 % of their capacity.
    pub overload: f64,
    /// The most creates that one instance got within 60 s.
    pub most_creates: usize,
    /// Creates that failed.
    pub refused: usize,
    /// Loads by instance, in users of an instance of capacity 1, at the times they were measured, in minutes.
    pub loads: Vec<(f64, Vec<f64>)>,
    /// Creates by instance.
    pub creates: Vec<usize>,
}

/// Measures a run.
pub(super) struct Meter {
    from: u64,
    measures: Measures,
    sum: f64,
    count: f64,
    /// Creates of the last minute by instance.
    recent: Vec<VecDeque<u64>>,
}

impl Meter {
    pub(super) fn new(setup: &Setup) -> Self {
        let count = setup.capacities.len();
        let measures = Measures { creates: vec![0; count], ..Measures::default() };
        Self { from: setup.from, measures, sum: 0.0, count: 0.0, recent: vec![VecDeque::new(); count] }
    }

    pub(super) fn refused(&mut self, now: u64) {
        if now >= self.from {
            self.measures.refused += 1;
        }
    }

    pub(super) fn created(&mut self, instance: usize, now: u64) {
        if now < self.from {
            return;
        }
        self.measures.creates[instance] += 1;
        let recent = &mut self.recent[instance];
        recent.push_back(now);
        while recent.front().is_some_and(|at| at + MINUTE <= now) {
            recent.pop_front();
        }
        self.measures.most_creates = self.measures.most_creates.max(recent.len());
    }

    pub(super) fn measure(&mut self, world: &World, now: u64) {
        let up = || world.instances.iter().filter(|instance| instance.up);
        let loads: Vec<f64> = world.instances.iter().map(|instance| instance.load / instance.capacity).collect();
        let capacity: f64 = up().map(|instance| instance.capacity).sum();
        let mean = up().map(|instance| instance.load).sum::<f64>() / capacity;
        let largest = world.meetings.iter().filter(|place| place.instance.is_some()).map(|place| place.load);
        let roomiest = up().map(|instance| instance.capacity).fold(0.0, f64::max);
        let least = mean.max(largest.fold(0.0, f64::max) / roomiest);
        if least > 0.0 {
            let rho = loads.iter().copied().fold(0.0, f64::max) / least;
            self.sum += rho;
            self.count += 1.0;
            self.measures.rho_peak = self.measures.rho_peak.max(rho);
        }
        for (instance, load) in world.instances.iter().zip(&loads) {
            if load + instance.foreign / 100.0 * CAPACITY > OVERLOAD * CAPACITY {
                self.measures.overload += instance.users as f64 * STEP;
            }
        }
        self.measures.loads.push(((now - self.from) as f64 / MINUTE as f64, loads));
    }

    pub(super) fn finish(mut self) -> Measures {
        self.measures.rho = if self.count > 0.0 { self.sum / self.count } else { 1.0 };
        self.measures
    }
}
