//! A bound on what any policy can do: one who knows who will be in every meeting, and when.

use super::balancer::Balancer;
use super::scenario::{MINUTE, Setup};
use super::workload::Workload;
use super::world::World;

/// Puts every meeting where the largest load while it lasts will be lowest.
pub(super) struct Seer<'w> {
    workload: &'w Workload,
    capacities: Vec<f64>,
    /// By instance and minute: the load of the meetings that are there, in users.
    future: Vec<Vec<f64>>,
    /// Load by others, in users, by instance and minute.
    foreign: Vec<Vec<f64>>,
}

impl<'w> Seer<'w> {
    pub(super) fn new(setup: &Setup, workload: &'w Workload) -> Self {
        let last = workload.meetings.iter().map(|meeting| meeting.end).max().unwrap_or_default();
        let minutes = (last / MINUTE + 2) as usize;
        let count = setup.capacities.len();
        let mut foreign = vec![vec![0.0; minutes]; count];
        if let Some(load) = setup.foreign {
            for of_instance in &mut foreign[..load.instances] {
                for minute in load.from / MINUTE..load.until / MINUTE {
                    of_instance[minute as usize] = load.cpu / 100.0 * super::world::CAPACITY;
                }
            }
        }
        Self { workload, capacities: setup.capacities.clone(), future: vec![vec![0.0; minutes]; count], foreign }
    }

    /// The load of a meeting in each minute from now on, in users.
    fn profile(&self, meeting: usize, now: u64) -> Vec<f64> {
        let meeting = &self.workload.meetings[meeting];
        let first = now / MINUTE;
        let mut profile = vec![0.0; (meeting.end.max(now) / MINUTE - first + 1) as usize];
        for visit in meeting.visits.iter().filter(|visit| visit.until > now) {
            let from = (visit.from.max(now) / MINUTE - first) as usize;
            let until = (visit.until / MINUTE - first) as usize;
            for minute in &mut profile[from..=until] {
                *minute += visit.load();
            }
        }
        profile
    }
}

impl Balancer for Seer<'_> {
    fn poll_interval(&self) -> u64 {
        MINUTE
    }

    fn choose(&mut self, meeting: usize, _: &[usize], world: &World, now: u64) -> Option<usize> {
        let profile = self.profile(meeting, now);
        let first = (now / MINUTE) as usize;
        for (future, instance) in self.future.iter_mut().zip(&world.instances) {
            if !instance.up {
                future[first..].fill(0.0);
            }
        }
        let peak = |index: usize| {
            let loads = profile.iter().enumerate().map(|(minute, load)| {
                let there = self.future[index][first + minute] + load;
                there / self.capacities[index] + self.foreign[index][first + minute]
            });
            loads.fold(0.0, f64::max)
        };
        let up = (0..self.capacities.len()).filter(|index| world.instances[*index].up);
        let (chosen, _) = up.map(|index| (index, peak(index))).min_by(|a, b| a.1.total_cmp(&b.1))?;
        for (future, load) in self.future[chosen][first..].iter_mut().zip(&profile) {
            *future += load;
        }
        Some(chosen)
    }
}
