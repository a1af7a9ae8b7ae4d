//! The rules of other balancers, as far as they decide where a meeting goes. Written from what is known of them; none of their code.

use super::balancer::{Balancer, Lists};
use super::scenario::MINUTE;
use super::world::{Measured, World};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The lowest of these; the first of equals.
fn lowest(loads: impl IntoIterator<Item = Option<f64>>) -> Option<usize> {
    let loads = loads.into_iter().enumerate().filter_map(|(index, load)| Some((index, load?)));
    loads.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(index, _)| index)
}

/// The original asks InfluxDB with every create. It looks at system time, which is a quarter of what BigBlueButton uses, and knows of no
/// create that was not measured yet.
#[derive(Default)]
pub(super) struct Original {
    measured: Vec<Measured>,
}

impl Balancer for Original {
    fn poll_interval(&self) -> u64 {
        MINUTE
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        lowest(self.measured.iter().map(|measured| Some(measured.system? + measured.mem?)))
    }

    fn measured(&mut self, measured: &[Measured], _: u64) {
        self.measured = measured.to_vec();
    }
}

/// Scalelite adds one for each create and join, and polls once a minute: users and moderators, fifteen for a meeting in its first fifteen
/// minutes at least, times a factor that the operator gives.
pub(super) struct Scalelite {
    capacities: Vec<f64>,
    loads: Vec<f64>,
    online: Vec<bool>,
}

impl Scalelite {
    /// What a young meeting counts at least.
    const YOUNG: (u64, f64) = (15 * MINUTE, 15.0);

    pub(super) fn new(capacities: &[f64]) -> Self {
        let count = capacities.len();
        Self { capacities: capacities.to_vec(), loads: vec![0.0; count], online: vec![true; count] }
    }
}

impl Balancer for Scalelite {
    fn poll_interval(&self) -> u64 {
        MINUTE
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let loads = self.loads.iter().zip(&self.online).map(|(load, online)| online.then_some(*load));
        let chosen = lowest(loads)?;
        self.loads[chosen] += 1.0 / self.capacities[chosen];
        Some(chosen)
    }

    fn joined(&mut self, instance: usize) {
        self.loads[instance] += 1.0 / self.capacities[instance];
    }

    fn polled(&mut self, lists: &Lists, now: u64) {
        for (index, list) in lists.iter().enumerate() {
            self.online[index] = list.is_some();
            let Some(list) = list else { continue };
            let load = list.iter().map(|listed| {
                // One of them moderates, and counts twice.
                let users = listed.users as f64 + 1.0;
                if now - listed.created < Self::YOUNG.0 { users.max(Self::YOUNG.1) } else { users }
            });
            self.loads[index] = load.sum::<f64>() / self.capacities[index];
        }
    }
}

/// b3scale takes the larger of its users and fifteen for each meeting.
pub(super) struct Scale {
    meetings: Vec<usize>,
    users: Vec<usize>,
    online: Vec<bool>,
}

impl Scale {
    pub(super) fn new(count: usize) -> Self {
        Self { meetings: vec![0; count], users: vec![0; count], online: vec![true; count] }
    }
}

impl Balancer for Scale {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let load = |index: usize| (15 * self.meetings[index]).max(self.users[index]) as f64;
        let chosen = lowest((0..self.online.len()).map(|index| self.online[index].then(|| load(index))))?;
        self.meetings[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        for (index, list) in lists.iter().enumerate() {
            self.online[index] = list.is_some();
            let Some(list) = list else { continue };
            self.meetings[index] = list.len();
            self.users[index] = list.iter().map(|listed| listed.users).sum();
        }
    }
}

/// The B3LB of DE-IBH: users, thirty for each meeting, and more and more for a busy cpu; one meeting and one user for a create; chance
/// among equals.
pub(super) struct DeIbh {
    meetings: Vec<usize>,
    users: Vec<usize>,
    cpu: Vec<f64>,
    online: Vec<bool>,
    rng: SmallRng,
}

impl DeIbh {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self {
            meetings: vec![0; count],
            users: vec![0; count],
            cpu: vec![0.0; count],
            online: vec![true; count],
            rng: SmallRng::seed_from_u64(seed),
        }
    }

    /// What its polynomial makes of a busy cpu: little below the half, and five hundred users at the end.
    fn of_cpu(busy: f64) -> f64 {
        (busy / 100.0).powi(4) * 500.0
    }
}

impl Balancer for DeIbh {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let load =
            |index: usize| (30 * self.meetings[index] + self.users[index]) as f64 + Self::of_cpu(self.cpu[index]);
        let online = || (0..self.online.len()).filter(|index| self.online[*index]);
        let best = online().map(load).min_by(f64::total_cmp)?;
        let equals: Vec<usize> = online().filter(|index| load(*index) <= best).collect();
        let chosen = equals[self.rng.random_range(0..equals.len())];
        self.meetings[chosen] += 1;
        self.users[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        for (index, list) in lists.iter().enumerate() {
            self.online[index] = list.is_some();
            let Some(list) = list else { continue };
            self.meetings[index] = list.len();
            self.users[index] = list.iter().map(|listed| listed.users).sum();
        }
    }

    fn measured(&mut self, measured: &[Measured], _: u64) {
        for (cpu, measured) in self.cpu.iter_mut().zip(measured) {
            *cpu = measured.recent.unwrap_or(0.0);
        }
    }
}

/// What the simplest ones know: who answers.
struct Online(Vec<bool>);

impl Online {
    fn polled(&mut self, lists: &Lists) {
        self.0 = lists.iter().map(Option::is_some).collect();
    }

    fn all(&self) -> Vec<usize> {
        (0..self.0.len()).filter(|index| self.0[*index]).collect()
    }
}

/// Any.
pub(super) struct Random(Online, SmallRng);

impl Random {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self(Online(vec![true; count]), SmallRng::seed_from_u64(seed))
    }
}

impl Balancer for Random {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let online = self.0.all();
        (!online.is_empty()).then(|| online[self.1.random_range(0..online.len())])
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.0.polled(lists);
    }
}

/// One after the other.
pub(super) struct RoundRobin(Online, usize);

impl RoundRobin {
    pub(super) fn new(count: usize) -> Self {
        Self(Online(vec![true; count]), 0)
    }
}

impl Balancer for RoundRobin {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let online = self.0.all();
        self.1 += 1;
        (!online.is_empty()).then(|| online[self.1 % online.len()])
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.0.polled(lists);
    }
}

/// The one with fewer meetings of two that are drawn.
pub(super) struct BestOfTwo {
    online: Online,
    meetings: Vec<usize>,
    rng: SmallRng,
}

impl BestOfTwo {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self { online: Online(vec![true; count]), meetings: vec![0; count], rng: SmallRng::seed_from_u64(seed) }
    }
}

impl Balancer for BestOfTwo {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let online = self.online.all();
        if online.is_empty() {
            return None;
        }
        let drawn = [0, 1].map(|_| online[self.rng.random_range(0..online.len())]);
        let chosen = drawn.into_iter().min_by_key(|index| self.meetings[*index])?;
        self.meetings[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.online.polled(lists);
        for (meetings, list) in self.meetings.iter_mut().zip(lists) {
            *meetings = list.as_ref().map_or(0, Vec::len);
        }
    }
}
