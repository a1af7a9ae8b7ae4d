//! Who meets when: drawn once for a scenario and a seed, so that all policies have to place the same meetings.

use super::scenario::{MINUTE, Setup};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal};

/// What a webcam costs in users.
pub(super) const WEBCAM: f64 = 2.0;

/// More do not fit into one BigBlueButton meeting.
const SIZE_MAX: f64 = 180.0;
/// The median size of meetings.
const SIZE: f64 = 8.0;
/// The median duration, and how durations differ.
const DURATION: (f64, f64) = (50.0 * MINUTE as f64, 0.5);
/// The mean time after the beginning at which people come.
const ARRIVAL: f64 = 3.0 * MINUTE as f64;
/// People leave within so long before the end.
const DEPARTURE: f64 = 5.0 * MINUTE as f64;
/// The share of those who leave at any time before.
const EARLY: f64 = 0.1;
/// The share of users who show a webcam in small meetings.
const WEBCAMS: f64 = 0.3;
/// What a small meeting is, in users, and how many webcams a larger one has.
const SMALL: (usize, usize) = (20, 8);
/// The share of meetings that take place every week.
const RECURRING: f64 = 0.6;
/// How one week's size differs from the next.
const WEEKLY: f64 = 0.25;
/// Weeks that are remembered.
const WEEKS: usize = 4;

/// Everything that is going to happen of itself.
#[derive(Debug)]
pub(super) struct Workload {
    pub(super) meetings: Vec<Meeting>,
}

/// One meeting.
#[derive(Debug)]
pub(super) struct Meeting {
    pub(super) create: u64,
    pub(super) end: u64,
    pub(super) visits: Vec<Visit>,
    /// Its peaks in the weeks before, the oldest first, in users; none if it takes place once.
    pub(super) peaks: Vec<f64>,
    /// How long after its instance has died its people come back.
    pub(super) comeback: u64,
}

/// Somebody's presence.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) from: u64,
    pub(super) until: u64,
    pub(super) webcam: bool,
}

impl Visit {
    pub(super) fn load(&self) -> f64 {
        if self.webcam { 1.0 + WEBCAM } else { 1.0 }
    }
}

impl Workload {
    pub(super) fn draw(setup: &Setup, seed: u64) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let total: f64 = setup.capacities.iter().sum::<f64>() * super::world::CAPACITY;
        // What one meeting contributes in the mean, from meetings that are only drawn for that.
        let samples = 4000;
        let mut probe = SmallRng::seed_from_u64(0);
        let contributed: f64 = (0..samples).map(|_| Meeting::draw(0, setup.variation, &mut probe).user_time()).sum();
        let between = contributed / f64::from(samples) / (setup.base * total);
        let gap = Exp::new(1.0 / between).expect("the pool is not empty");
        let mut meetings = Vec::new();
        let mut at = 0.0;
        loop {
            at += gap.sample(&mut rng);
            if at >= setup.end as f64 {
                break;
            }
            meetings.push(Meeting::draw(at as u64, setup.variation, &mut rng));
        }
        if let Some(burst) = setup.burst {
            for _ in 0..burst.creates {
                let at = burst.at + rng.random_range(0..burst.within);
                meetings.push(Meeting::draw(at, setup.variation, &mut rng));
            }
        }
        meetings.sort_by_key(|meeting| meeting.create);
        Self { meetings }
    }
}

impl Meeting {
    fn draw(create: u64, variation: f64, rng: &mut SmallRng) -> Self {
        let usual = lognormal(SIZE, variation, rng);
        let recurring = rng.random_bool(RECURRING);
        let week = |rng: &mut SmallRng| size(usual * if recurring { lognormal(1.0, WEEKLY, rng) } else { 1.0 });
        let weeks = if recurring { WEEKS } else { 0 };
        let peaks = (0..weeks).map(|_| week(rng)).map(|size| size as f64 + WEBCAM * webcams(size) as f64).collect();
        let size = week(rng);
        let lasts = lognormal(DURATION.0, DURATION.1, rng).max(DEPARTURE);
        let end = create + lasts as u64;
        let arrival = Exp::new(1.0 / ARRIVAL).expect("a positive rate");
        let webcams = webcams(size);
        let visits = (0..size).map(|number| {
            let from = create + (arrival.sample(rng) as u64).min(lasts as u64 - 1);
            let last = end.saturating_sub(rng.random_range(0.0..DEPARTURE) as u64).max(from + 1);
            let until = if rng.random_bool(EARLY) { rng.random_range(from + 1..=last) } else { last };
            Visit { from, until, webcam: number < webcams }
        });
        let visits = visits.collect();
        Self { create, end, visits, peaks, comeback: rng.random_range(5_000..60_000) }
    }

    /// Users × milliseconds.
    fn user_time(&self) -> f64 {
        self.visits.iter().map(|visit| visit.load() * (visit.until - visit.from) as f64).sum()
    }
}

fn size(users: f64) -> usize {
    users.round().clamp(1.0, SIZE_MAX) as usize
}

fn webcams(size: usize) -> usize {
    let (small, most) = SMALL;
    if size <= small { (size as f64 * WEBCAMS).round() as usize } else { most }
}

fn lognormal(median: f64, variation: f64, rng: &mut SmallRng) -> f64 {
    let sigma = (1.0 + variation * variation).ln().sqrt();
    LogNormal::new(median.ln(), sigma).expect("a finite deviation").sample(rng)
}
