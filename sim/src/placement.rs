//! A simulation of placement: policies side by side over the same meetings, in discrete events.
//!
//! What is ours runs the control plane's own code (`ours`); what is others' is written from what is known of them (`peers`).
//!
//! - `scenario`, `workload`: what happens, and who meets when;
//! - `world`: the instances as they are, and what can be measured of them;
//! - `balancer`: the policies and what they get to see; `seer`: a bound on all of them;
//! - `run`, `measure`: one run, and how it went;
//! - `report`, `plots`: what is told of all runs.

mod balancer;
mod measure;
mod ours;
mod peers;
mod plots;
mod report;
mod run;
mod scenario;
mod seer;
#[cfg(test)]
mod tests;
mod workload;
mod world;

pub use balancer::Policy;
pub use measure::Measures;
pub use plots::draw;
pub use report::Report;
pub use scenario::Scenario;

use rayon::prelude::*;
use workload::Workload;

/// What is to be compared.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// In these scenarios …
    pub scenarios: Vec<Scenario>,
    /// … these policies …
    pub policies: Vec<Policy>,
    /// … over so many different courses …
    pub seeds: u64,
    /// … the first of which is drawn from this.
    pub seed: u64,
}

/// How one policy did in one course of one scenario.
#[derive(Debug, Clone)]
pub struct Run {
    /// In which.
    pub scenario: Scenario,
    /// Of which.
    pub policy: Policy,
    /// In which course.
    pub seed: u64,
    /// How well.
    pub measures: Measures,
}

impl Comparison {
    /// How many runs that makes.
    pub fn runs(&self) -> u64 {
        (self.scenarios.len() * self.policies.len()) as u64 * self.seeds
    }

    /// Runs all of it on all cores; `done` is called after each run. The same comparison has the same outcome, in the same order.
    pub fn run(&self, done: impl Fn() + Sync) -> Vec<Run> {
        let courses: Vec<(Scenario, u64)> =
            self.scenarios.iter().flat_map(|s| (0..self.seeds).map(|number| (*s, self.seed + number))).collect();
        let runs = courses.par_iter().flat_map_iter(|(scenario, seed)| {
            let setup = scenario.setup();
            let workload = Workload::draw(&setup, *seed);
            let run = |policy: &Policy| {
                let mut measures = run::run(&setup, &workload, *policy, *seed);
                if *seed != self.seed {
                    // Only the first course is drawn.
                    measures.loads = Vec::new();
                }
                done();
                Run { scenario: *scenario, policy: *policy, seed: *seed, measures }
            };
            self.policies.iter().map(run).collect::<Vec<_>>()
        });
        runs.collect()
    }
}
