//! What is compared: the policies, and what each of them gets to see.

use super::ours::Ours;
use super::peers::{DeIbh, Original, Scale, Scalelite, Simple};
use super::scenario::Setup;
use super::seer::Seer;
use super::workload::Workload;
use super::world::{Measured, World};
use b3lb_config::settings;
use std::fmt;
use std::str::FromStr;

/// A way to choose instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Ours: the production code.
    Ledger,
    /// Ours: the production code of the compatible policy.
    Classic,
    /// The original B3LB: the lowest mean of `usage_system` and memory.
    Original,
    /// Scalelite.
    Scalelite,
    /// b3scale.
    B3scale,
    /// The B3LB of DE-IBH.
    DeIbh,
    /// Any instance.
    Random,
    /// One after the other.
    RoundRobin,
    /// The better of two by meetings.
    BestOfTwo,
    /// The ledger, if it knew at every moment who is where.
    Oracle,
    /// One who knows what is going to happen in every meeting.
    Clairvoyant,
}

/// The pool as it lists itself; `None`: it does not answer.
pub(super) type Lists = Vec<Option<Vec<Listed>>>;

/// A meeting as its instance lists it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listed {
    pub(super) meeting: usize,
    pub(super) created: u64,
    pub(super) users: usize,
    pub(super) webcams: usize,
}

/// What a policy does. Instances and meetings are numbers, times milliseconds from the start.
pub(super) trait Balancer {
    /// How often it asks the pool what runs, in milliseconds.
    fn poll_interval(&self) -> u64;

    /// An instance for a meeting, none of those that could not be connected for it; `None`: it refuses the create.
    fn choose(&mut self, meeting: usize, failed: &[usize], world: &World, now: u64) -> Option<usize>;

    /// It tries another instance when one cannot be connected.
    fn tries_others(&self) -> bool {
        false
    }

    /// The create that it chose an instance for succeeded there.
    fn created(&mut self, _meeting: usize, _instance: usize, _now: u64) {}

    /// Somebody joins by way of it.
    fn joined(&mut self, _instance: usize) {}

    /// The answers to its poll.
    fn polled(&mut self, _lists: &Lists, _now: u64) {}

    /// The answer to its query, by instance.
    fn measured(&mut self, _measured: &[Measured], _now: u64) {}

    /// Another process takes over that knows what is written only.
    fn fail_over(&mut self, _now: u64) {}
}

impl Policy {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Ledger,
        Self::Classic,
        Self::Original,
        Self::Scalelite,
        Self::B3scale,
        Self::DeIbh,
        Self::Random,
        Self::RoundRobin,
        Self::BestOfTwo,
        Self::Oracle,
        Self::Clairvoyant,
    ];

    /// As it is called on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Classic => "classic",
            Self::Original => "original",
            Self::Scalelite => "scalelite",
            Self::B3scale => "b3scale",
            Self::DeIbh => "de-ibh",
            Self::Random => "random",
            Self::RoundRobin => "round-robin",
            Self::BestOfTwo => "best-of-two",
            Self::Oracle => "oracle",
            Self::Clairvoyant => "clairvoyant",
        }
    }

    pub(super) fn balancer<'w>(self, setup: &Setup, workload: &'w Workload, seed: u64) -> Box<dyn Balancer + 'w> {
        let ones = vec![1.0; setup.capacities.len()];
        let known = if setup.capacities_known { &setup.capacities } else { &ones };
        let count = known.len();
        match self {
            Self::Ledger => Box::new(Ours::new(settings::Policy::Ledger, setup, known, workload, seed)),
            Self::Classic => Box::new(Ours::new(settings::Policy::Classic, setup, known, workload, seed)),
            Self::Oracle => Box::new(Ours::all_knowing(setup, known, workload, seed)),
            Self::Original => Box::new(Original::default()),
            Self::Scalelite => Box::new(Scalelite::new(known)),
            Self::B3scale => Box::new(Scale::new(count)),
            Self::DeIbh => Box::new(DeIbh::new(count, seed)),
            Self::Random => Box::new(Simple::random(count, seed)),
            Self::RoundRobin => Box::new(Simple::round_robin(count)),
            Self::BestOfTwo => Box::new(Simple::best_of_two(count, seed)),
            Self::Clairvoyant => Box::new(Seer::new(setup, workload)),
        }
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|policy| policy.name() == text);
        let names = || Self::ALL.map(Self::name).join(", ");
        known.ok_or_else(|| format!("there is no policy {text:?}, but {}", names()))
    }
}
