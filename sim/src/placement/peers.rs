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

/// What a poll of the pool tells, by instance.
struct Counts {
    meetings: Vec<usize>,
    users: Vec<usize>,
    online: Vec<bool>,
}

impl Counts {
    fn new(count: usize) -> Self {
        Self { meetings: vec![0; count], users: vec![0; count], online: vec![true; count] }
    }

    fn take(&mut self, lists: &Lists) {
        for (index, list) in lists.iter().enumerate() {
            self.online[index] = list.is_some();
            let Some(list) = list else { continue };
            self.meetings[index] = list.len();
            self.users[index] = list.iter().map(|listed| listed.users).sum();
        }
    }

    fn online(&self) -> Vec<usize> {
        (0..self.online.len()).filter(|index| self.online[*index]).collect()
    }
}

/// b3scale takes the larger of its users and fifteen for each meeting.
pub(super) struct Scale(Counts);

impl Scale {
    pub(super) fn new(count: usize) -> Self {
        Self(Counts::new(count))
    }
}

impl Balancer for Scale {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let Self(counts) = self;
        let load = |index: usize| (15 * counts.meetings[index]).max(counts.users[index]) as f64;
        let chosen = lowest((0..counts.online.len()).map(|index| counts.online[index].then(|| load(index))))?;
        counts.meetings[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.0.take(lists);
    }
}

/// The B3LB of DE-IBH: users, thirty for each meeting, and more and more for a busy cpu; one meeting and one user for a create; chance
/// among equals.
pub(super) struct DeIbh {
    counts: Counts,
    cpu: Vec<f64>,
    rng: SmallRng,
}

impl DeIbh {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self { counts: Counts::new(count), cpu: vec![0.0; count], rng: SmallRng::seed_from_u64(seed) }
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
        let Counts { meetings, users, .. } = &self.counts;
        let load = |index: usize| (30 * meetings[index] + users[index]) as f64 + Self::of_cpu(self.cpu[index]);
        let mut equals = self.counts.online();
        let best = equals.iter().map(|index| load(*index)).min_by(f64::total_cmp)?;
        equals.retain(|index| load(*index) <= best);
        let chosen = equals[self.rng.random_range(0..equals.len())];
        self.counts.meetings[chosen] += 1;
        self.counts.users[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.counts.take(lists);
    }

    fn measured(&mut self, measured: &[Measured], _: u64) {
        for (cpu, measured) in self.cpu.iter_mut().zip(measured) {
            *cpu = measured.recent.unwrap_or(0.0);
        }
    }
}

/// What the simplest ones do with what they know.
#[derive(Debug, Clone, Copy)]
enum Rule {
    Any,
    Next,
    BestOfTwo,
}

/// Any instance, one after the other, or the one with fewer meetings of two that are drawn.
pub(super) struct Simple {
    rule: Rule,
    counts: Counts,
    turn: usize,
    rng: SmallRng,
}

impl Simple {
    pub(super) fn random(count: usize, seed: u64) -> Self {
        Self::new(Rule::Any, count, seed)
    }

    pub(super) fn round_robin(count: usize) -> Self {
        Self::new(Rule::Next, count, 0)
    }

    pub(super) fn best_of_two(count: usize, seed: u64) -> Self {
        Self::new(Rule::BestOfTwo, count, seed)
    }

    fn new(rule: Rule, count: usize, seed: u64) -> Self {
        Self { rule, counts: Counts::new(count), turn: 0, rng: SmallRng::seed_from_u64(seed) }
    }
}

impl Balancer for Simple {
    fn poll_interval(&self) -> u64 {
        10_000
    }

    fn choose(&mut self, _: usize, _: &[usize], _: &World, _: u64) -> Option<usize> {
        let online = self.counts.online();
        if online.is_empty() {
            return None;
        }
        let mut draw = || online[self.rng.random_range(0..online.len())];
        let chosen = match self.rule {
            Rule::Any => draw(),
            Rule::Next => {
                self.turn += 1;
                online[self.turn % online.len()]
            }
            Rule::BestOfTwo => [draw(), draw()].into_iter().min_by_key(|index| self.counts.meetings[*index])?,
        };
        self.counts.meetings[chosen] += 1;
        Some(chosen)
    }

    fn polled(&mut self, lists: &Lists, _: u64) {
        self.counts.take(lists);
    }
}
