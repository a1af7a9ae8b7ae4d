//! The people of a meeting: who comes, talks, shows a webcam and leaves, told by a seed and the time alone.
//!
//! A `Plan` is drawn once, when its meeting is created. Who is there at a time is then read off it, so that the same seed and times
//! give the same meeting, however often and in whatever steps they are asked for.

use crate::documents::{Attendee, Role};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// The most users a plan has: more than a BigBlueButton of any size holds in one meeting.
const VISITS_MAX: usize = 500;

/// How long somebody talks, or lets others talk, in ms.
const SPELL: u64 = 20_000;

/// The share of spells in which one with a microphone talks: among thirty, one or two at a time.
const TALKING: f64 = 0.05;

/// What kind of meetings people hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Crowd {
    /// The mean number of people who come to a meeting; most meetings have fewer, few have many more.
    pub users: f64,
    /// Within this time of a meeting's creation its people arrive.
    pub arrival: Duration,
    /// The mean time for which somebody stays.
    pub stay: Duration,
    /// The share of people with a microphone; the others only listen.
    pub microphones: f64,
    /// The share of people who show a webcam.
    pub webcams: f64,
}

/// Who comes to one meeting, and when.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Plan {
    visits: Vec<Visit>,
}

/// Somebody's presence in a meeting.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    pub(crate) user_id: String,
    pub(crate) full_name: String,
    pub(crate) role: Role,
    pub(crate) from: u64,
    pub(crate) until: u64,
    pub(crate) microphone: bool,
    pub(crate) webcam: bool,
}

impl Default for Crowd {
    /// A class: fifteen people who arrive within five minutes and stay for about three quarters of an hour.
    fn default() -> Self {
        Self {
            users: 15.0,
            arrival: Duration::from_secs(5 * 60),
            stay: Duration::from_secs(45 * 60),
            microphones: 0.8,
            webcams: 0.3,
        }
    }
}

impl Plan {
    /// Draws who comes to the meeting that is created at `now`.
    pub(crate) fn draw(crowd: &Crowd, seed: u64, meeting_id: &str, now: u64) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, meeting_id).hash(&mut hasher);
        let mut rng = StdRng::seed_from_u64(hasher.finish());
        let count = exponential(&mut rng, crowd.users).round().clamp(1.0, VISITS_MAX as f64) as usize;
        let visits = (0..count).map(|number| {
            let from = now + rng.random_range(0..=millis(crowd.arrival));
            let until = from + exponential(&mut rng, millis(crowd.stay) as f64) as u64;
            Visit {
                user_id: format!("w_{:012x}", rng.random::<u64>() >> 16),
                full_name: format!("Participant Number {number}"),
                role: if number == 0 { Role::Moderator } else { Role::Viewer },
                from,
                until,
                microphone: rng.random_bool(crowd.microphones.clamp(0.0, 1.0)),
                webcam: rng.random_bool(crowd.webcams.clamp(0.0, 1.0)),
            }
        });
        Self { visits: visits.collect() }
    }

    /// Adds somebody who really joined.
    pub(crate) fn add(&mut self, visit: Visit) {
        self.visits.push(visit);
    }

    /// Everybody leaves at `now`.
    pub(crate) fn end(&mut self, now: u64) {
        self.visits.retain(|visit| visit.from <= now);
        for visit in &mut self.visits {
            visit.until = visit.until.min(now);
        }
    }

    /// Who is there at `now`.
    pub(crate) fn present(&self, now: u64) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(move |visit| visit.from <= now && now < visit.until)
    }

    /// How many have come by `now`.
    pub(crate) fn visitors(&self, now: u64) -> usize {
        self.visits.iter().filter(|visit| visit.from <= now).count()
    }

    /// When somebody was last there, if anybody was by `now`.
    pub(crate) fn last_seen(&self, now: u64) -> Option<u64> {
        self.visits.iter().filter(|visit| visit.from <= now).map(|visit| visit.until.min(now)).max()
    }
}

impl Visit {
    /// Whether this user talks at `now`.
    pub(crate) fn talks(&self, now: u64) -> bool {
        let mut hasher = DefaultHasher::new();
        (&self.user_id, now / SPELL).hash(&mut hasher);
        self.microphone && (hasher.finish() as f64) < TALKING * u64::MAX as f64
    }

    /// Whether this user moderates.
    pub(crate) fn moderates(&self) -> bool {
        self.role == Role::Moderator
    }

    /// What the listings show; `presents`: this user holds the presentation.
    pub(crate) fn attendee(&self, presents: bool) -> Attendee {
        Attendee {
            user_id: self.user_id.clone(),
            full_name: self.full_name.clone(),
            role: self.role,
            is_presenter: presents,
            is_listening_only: !self.microphone,
            has_joined_voice: self.microphone,
            has_video: self.webcam,
        }
    }
}

fn exponential(rng: &mut StdRng, mean: f64) -> f64 {
    -(1.0 - rng.random::<f64>()).ln() * mean
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 60 * 60 * 1000;

    #[test]
    fn the_same_seed_and_time_give_the_same_people() {
        let plan = |seed| Plan::draw(&Crowd::default(), seed, "weekly", 1_000);
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        assert_ne!(plan(7), Plan::draw(&Crowd::default(), 7, "daily", 1_000));
    }

    #[test]
    fn people_come_after_the_start_and_leave() {
        for seed in 0..256 {
            let plan = Plan::draw(&Crowd::default(), seed, "weekly", HOUR);
            assert!((1..=VISITS_MAX).contains(&plan.visits.len()), "seed {seed}");
            assert_eq!(plan.present(HOUR - 1).count(), 0, "seed {seed}");
            assert_eq!(plan.present(100 * HOUR).count(), 0, "seed {seed}");
            for visit in &plan.visits {
                assert!(visit.until >= visit.from, "seed {seed}");
                assert_eq!(plan.present(visit.from).any(|v| v == visit), visit.until > visit.from, "seed {seed}");
                assert!(!plan.present(visit.until).any(|v| v == visit), "seed {seed}");
            }
        }
    }

    #[test]
    fn the_mean_number_of_people_is_what_the_crowd_says() {
        let total: usize = (0..2000).map(|seed| Plan::draw(&Crowd::default(), seed, "m", 0).visits.len()).sum();
        assert!((13.0..17.0).contains(&(total as f64 / 2000.0)), "{total}");
    }

    #[test]
    fn somebody_talks_now_and_then() {
        let crowd = Crowd { microphones: 1.0, ..Crowd::default() };
        let (mut present, mut talking) = (0, 0);
        for plan in (0..500).map(|seed| Plan::draw(&crowd, seed, "talk", 0)) {
            for now in (0..HOUR).step_by(SPELL as usize) {
                present += plan.present(now).count();
                talking += plan.present(now).filter(|visit| visit.talks(now)).count();
            }
        }
        let share = talking as f64 / present as f64;
        assert!((0.045..0.055).contains(&share), "{share}");
    }
}
