//! The instances as they really are, and what can be measured of them.

use super::balancer::Listed;
use super::scenario::Setup;
use super::workload::Workload;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Normal};
use std::collections::VecDeque;

/// What an instance of capacity 1 holds, in users: two hundred, of whom thirty in a hundred show a webcam, as BigBlueButton's sizing has it.
/// Its cpu is busy all the time then.
pub(super) const CAPACITY: f64 = 200.0 * (1.0 + 0.3 * super::workload::WEBCAM);

/// telegraf samples so often, in milliseconds.
pub(super) const SAMPLING: u64 = 10_000;
/// Means are taken over this.
const RANGE: u64 = 5 * 60_000;
/// What counts as recent.
const RECENT: u64 = 60_000;
/// How samples of the cpu differ for no reason, in percent.
const NOISE: f64 = 3.0;
/// The share of its cpu that BigBlueButton spends in the system, and what others do.
const SYSTEM: (f64, f64) = (0.25, 0.1);

/// The pool.
pub(super) struct World {
    pub(super) instances: Vec<Instance>,
    /// Where each meeting is, and who is in it.
    pub(super) meetings: Vec<Place>,
    noise: SmallRng,
}

/// One instance.
pub(super) struct Instance {
    pub(super) capacity: f64,
    pub(super) up: bool,
    pub(super) users: usize,
    /// What its users cost, in users.
    pub(super) load: f64,
    /// Load that no meeting causes, in percent of its cpu.
    pub(super) foreign: f64,
    pub(super) meetings: Vec<usize>,
    samples: VecDeque<Sample>,
}

/// One meeting as it is now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place {
    pub(super) instance: Option<usize>,
    /// When it was created last.
    pub(super) created: u64,
    pub(super) users: usize,
    pub(super) webcams: usize,
    pub(super) load: f64,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: u64,
    busy: f64,
    system: f64,
    mem: f64,
}

/// What a query says of one instance, in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Measured {
    pub(super) busy: Option<f64>,
    pub(super) recent: Option<f64>,
    pub(super) system: Option<f64>,
    pub(super) mem: Option<f64>,
    pub(super) at: Option<u64>,
}

impl World {
    pub(super) fn new(setup: &Setup, workload: &Workload, seed: u64) -> Self {
        let instance = |capacity: &f64| Instance {
            capacity: *capacity,
            up: true,
            users: 0,
            load: 0.0,
            foreign: 0.0,
            meetings: Vec::new(),
            samples: VecDeque::new(),
        };
        Self {
            instances: setup.capacities.iter().map(instance).collect(),
            meetings: vec![Place::default(); workload.meetings.len()],
            noise: SmallRng::seed_from_u64(seed ^ 0x006e_6f69_7365),
        }
    }

    /// Puts a meeting and those who are in it on an instance.
    pub(super) fn place(&mut self, meeting: usize, instance: usize, now: u64) {
        let place = &mut self.meetings[meeting];
        (place.instance, place.created) = (Some(instance), now);
        let there = &mut self.instances[instance];
        there.users += place.users;
        there.load += place.load;
        there.meetings.push(meeting);
    }

    /// Takes a meeting from its instance; those who are in it wait.
    pub(super) fn remove(&mut self, meeting: usize) {
        let place = &mut self.meetings[meeting];
        let Some(instance) = place.instance.take() else { return };
        let there = &mut self.instances[instance];
        there.users -= place.users;
        there.load -= place.load;
        there.meetings.retain(|other| *other != meeting);
    }

    /// Somebody comes or goes.
    pub(super) fn visit(&mut self, meeting: usize, comes: bool, webcam: bool, load: f64) {
        let place = &mut self.meetings[meeting];
        let change = |count: &mut usize| *count = if comes { *count + 1 } else { *count - 1 };
        change(&mut place.users);
        if webcam {
            change(&mut place.webcams);
        }
        let load = if comes { load } else { -load };
        place.load += load;
        if let Some(instance) = place.instance {
            change(&mut self.instances[instance].users);
            self.instances[instance].load += load;
        }
    }

    /// The instance dies; returns the meetings that it had.
    pub(super) fn crash(&mut self, instance: usize) -> Vec<usize> {
        self.instances[instance].up = false;
        self.instances[instance].samples.clear();
        let meetings = std::mem::take(&mut self.instances[instance].meetings);
        for meeting in &meetings {
            self.meetings[*meeting].instance = None;
        }
        (self.instances[instance].users, self.instances[instance].load) = (0, 0.0);
        meetings
    }

    /// Every telegraf takes a sample.
    pub(super) fn sample(&mut self, now: u64) {
        let normal = Normal::new(0.0, NOISE).expect("a finite deviation");
        for instance in &mut self.instances {
            let (noise, offset) = (normal.sample(&mut self.noise), self.noise.random_range(0..SAMPLING));
            if !instance.up {
                continue;
            }
            let own = instance.load / (instance.capacity * CAPACITY) * 100.0;
            let busy = (own + instance.foreign + noise).clamp(0.0, 100.0);
            let system = (own * SYSTEM.0 + instance.foreign * SYSTEM.1 + noise * SYSTEM.0).clamp(0.0, 100.0);
            let mem = (30.0 + 0.1 * instance.users as f64 / instance.capacity).min(100.0);
            instance.samples.push_back(Sample { at: now.saturating_sub(offset), busy, system, mem });
            // The longest delay that a scenario has comes on top of the range.
            while instance.samples.front().is_some_and(|sample| sample.at + 3 * RANGE < now) {
                instance.samples.pop_front();
            }
        }
    }

    /// What a query at `now` sees of an instance when samples take `delay` to arrive.
    pub(super) fn measured(&self, instance: usize, now: u64, delay: u64) -> Measured {
        let samples = &self.instances[instance].samples;
        let arrived = || samples.iter().filter(|sample| sample.at + delay <= now && sample.at + RANGE >= now);
        let mean = |of: fn(&Sample) -> f64, since: u64| {
            let (count, sum) = arrived()
                .filter(|sample| sample.at + since >= now)
                .fold((0_u32, 0.0), |(count, sum), sample| (count + 1, sum + of(sample)));
            (count > 0).then(|| sum / f64::from(count))
        };
        Measured {
            busy: mean(|sample| sample.busy, RANGE),
            recent: mean(|sample| sample.busy, RECENT),
            system: mean(|sample| sample.system, RANGE),
            mem: mean(|sample| sample.mem, RANGE),
            at: arrived().map(|sample| sample.at).max(),
        }
    }

    /// What runs on an instance, as it lists it itself; `None`: it does not answer.
    pub(super) fn list(&self, instance: usize) -> Option<Vec<Listed>> {
        let there = &self.instances[instance];
        there.up.then(|| there.meetings.iter().map(|meeting| self.listed(*meeting)).collect())
    }

    pub(super) fn listed(&self, meeting: usize) -> Listed {
        let Place { created, users, webcams, .. } = self.meetings[meeting];
        Listed { meeting, created, users, webcams }
    }

    /// What an instance is busy with at this moment, without any delay.
    pub(super) fn busy(&self, instance: usize) -> f64 {
        let there = &self.instances[instance];
        (there.load / (there.capacity * CAPACITY) * 100.0 + there.foreign).clamp(0.0, 100.0)
    }
}
