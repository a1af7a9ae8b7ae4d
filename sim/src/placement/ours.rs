//! The production code, in the place of a control plane: its state, its books and its decisions, over the simulated pool.

use super::balancer::{Balancer, Listed, Lists};
use super::scenario::Setup;
use super::workload::Workload;
use super::world::{Measured, World};
use b3lb_config::Settings;
use b3lb_config::settings::{self, Policy};
use b3lb_control_plane::ledger::{Ledger, Question, Seen};
use b3lb_control_plane::metrics::{Readings, Sample};
use b3lb_control_plane::policy::Ineligible;
use b3lb_control_plane::policy::expectation::Hint;
use b3lb_control_plane::state::{Change, Instance, Meeting, Past, Placement, Reason, State, Tenant};
use bbb::{MeetingKey, Secret};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// When the simulation begins, in milliseconds since 1970.
const EPOCH: u64 = 1_800_000_000_000;

/// How long one control plane does not know yet what another has placed, in milliseconds: a thousand times what Redis takes.
const LAG: u64 = 100;

/// New placements are not given up for so long, in milliseconds.
const GRACE: u64 = 120_000;

/// Control planes over one store.
pub(super) struct Ours {
    planes: Vec<Plane>,
    balancer: settings::Balancer,
    tenant: Tenant,
    urls: Vec<Arc<str>>,
    positions: HashMap<Arc<str>, usize>,
    meetings: Vec<Meeting>,
    /// The one that places next.
    next: usize,
    /// What a control plane does not know yet, and when it will.
    travelling: VecDeque<(u64, usize, Change)>,
    /// The last three checks of each instance.
    checks: Vec<Vec<bool>>,
    /// In how many lists in a row each meeting was absent.
    absent: HashMap<Meeting, u8>,
    all_knowing: bool,
}

/// One control plane.
struct Plane {
    state: State,
    ledger: Ledger,
    rng: SmallRng,
}

impl Ours {
    pub(super) fn new(policy: Policy, setup: &Setup, capacities: &[f64], workload: &Workload, seed: u64) -> Self {
        let balancer = settings::Balancer { policy, ..Settings::default().balancer };
        let urls: Vec<Arc<str>> =
            (0..capacities.len()).map(|i| format!("https://bbb{i:03}.example.org/bigbluebutton").into()).collect();
        let id = |number: usize| MeetingKey::of(format!("meeting {number}").as_bytes());
        let meetings: Vec<Meeting> =
            (0..workload.meetings.len()).map(|number| Meeting { key: id(number), tenant: "*".into() }).collect();
        let mut state = State { epoch: "simulated".into(), ..State::default() };
        for (url, capacity) in urls.iter().zip(capacities) {
            let instance = Instance::new(url, Secret::new("secret"));
            state.apply(Change::Instance(Instance { capacity: *capacity, ..instance }));
        }
        if setup.past {
            for (meeting, drawn) in meetings.iter().zip(&workload.meetings) {
                let remember = |past: Option<Past>, peak: &f64| Some(Past::after(past.as_ref(), *peak, EPOCH));
                if let Some(past) = drawn.peaks.iter().fold(None, remember) {
                    state.apply(Change::Remembered(meeting.clone(), past));
                }
            }
        }
        let plane = |number: usize| {
            let mut ledger = Ledger::default();
            ledger.follow(&state, EPOCH);
            Plane { state: state.clone(), ledger, rng: SmallRng::seed_from_u64(seed + number as u64) }
        };
        Self {
            planes: (0..setup.control_planes).map(plane).collect(),
            balancer,
            tenant: Tenant::new("*", []),
            positions: urls.iter().cloned().zip(0..).collect(),
            checks: vec![Vec::new(); urls.len()],
            urls,
            meetings,
            next: 0,
            travelling: VecDeque::new(),
            absent: HashMap::new(),
            all_knowing: false,
        }
    }

    /// With a ledger that knows at every decision who is where, and how busy every instance is.
    pub(super) fn all_knowing(setup: &Setup, capacities: &[f64], workload: &Workload, seed: u64) -> Self {
        Self { all_knowing: true, ..Self::new(Policy::Ledger, setup, capacities, workload, seed) }
    }

    /// A change that one control plane makes, and the others learn of.
    fn change(&mut self, plane: usize, change: Change, now: u64) {
        for other in (0..self.planes.len()).filter(|other| *other != plane) {
            self.travelling.push_back((now + LAG, other, change.clone()));
        }
        self.planes[plane].apply(change, now);
    }

    fn deliver(&mut self, now: u64) {
        while self.travelling.front().is_some_and(|(due, ..)| *due <= now) {
            if let Some((due, plane, change)) = self.travelling.pop_front() {
                self.planes[plane].apply(change, due);
            }
        }
    }

    fn see(&mut self, instance: usize, listed: &[Listed], now: u64) {
        let seen: Vec<(Meeting, Seen)> = listed
            .iter()
            .map(|listed| {
                let (users, webcams) = (listed.users as u64, listed.webcams as u64);
                (self.meetings[listed.meeting].clone(), Seen { users, webcams, is_room: false })
            })
            .collect();
        for plane in &mut self.planes {
            plane.ledger.seen(&self.urls[instance], &seen, EPOCH + now);
        }
    }

    /// Makes the books see the pool as it is.
    fn look(&mut self, world: &World, now: u64) {
        let mut samples = HashMap::new();
        for (index, instance) in world.instances.iter().enumerate().filter(|(_, instance)| instance.up) {
            let listed: Vec<Listed> = instance.meetings.iter().map(|meeting| world.listed(*meeting)).collect();
            self.see(index, &listed, now);
            let busy = Some(world.busy(index));
            let sample =
                Sample { cpu_mean: busy, cpu_recent: busy, mem_mean: Some(30.0), measured_at: Some(EPOCH + now) };
            samples.insert(self.urls[index].clone(), sample);
        }
        self.read(samples, now);
    }

    fn read(&mut self, samples: HashMap<Arc<str>, Sample>, now: u64) {
        let readings = Readings { read_at: EPOCH + now, samples, ..Readings::default() };
        for plane in &mut self.planes {
            plane.ledger.measured(&readings, EPOCH + now);
        }
    }

    /// Two of the last three checks decide whether an instance is online.
    fn check(&mut self, instance: usize, good: bool, now: u64) {
        let checks = &mut self.checks[instance];
        checks.push(good);
        if checks.len() > 3 {
            checks.remove(0);
        }
        let count = |good: bool| checks.iter().filter(|check| **check == good).count();
        let (good, bad) = (count(true), count(false));
        let known = self.planes[0].state.instances[&self.urls[instance]].clone();
        let online = if good >= 2 { true } else { bad < 2 && known.online };
        if online != known.online {
            self.change(0, Change::Instance(Instance { online, ..known.as_ref().clone() }), now);
        }
    }

    /// Gives up placements that two lists in a row do not have.
    fn release(&mut self, lists: &Lists, now: u64) {
        let listed: HashMap<&Meeting, usize> = lists
            .iter()
            .enumerate()
            .flat_map(|(index, list)| list.iter().flatten().map(move |listed| (listed.meeting, index)))
            .map(|(meeting, index)| (&self.meetings[meeting], index))
            .collect();
        let mut over = Vec::new();
        for (meeting, placement) in &self.planes[0].state.placements {
            let instance = self.positions[&placement.instance];
            let is_there = lists[instance].is_none() || listed.get(meeting) == Some(&instance);
            if is_there || EPOCH + now < placement.placed_at + GRACE {
                self.absent.remove(meeting);
                continue;
            }
            let absent = self.absent.entry(meeting.clone()).or_default();
            *absent += 1;
            if *absent == 2 {
                over.push(meeting.clone());
            }
        }
        for meeting in over {
            self.absent.remove(&meeting);
            let past = self.planes[0].ledger.past(&meeting, EPOCH + now);
            self.change(0, Change::Released(meeting.clone()), now);
            if let Some(past) = past {
                self.change(0, Change::Remembered(meeting, past), now);
            }
        }
    }
}

impl Plane {
    fn apply(&mut self, change: Change, now: u64) {
        self.state.apply(change);
        self.ledger.follow(&self.state, EPOCH + now);
    }
}

impl Balancer for Ours {
    fn poll_interval(&self) -> u64 {
        15_000
    }

    fn tries_others(&self) -> bool {
        true
    }

    fn choose(&mut self, meeting: usize, failed: &[usize], world: &World, now: u64) -> Option<usize> {
        self.deliver(now);
        if self.all_knowing {
            self.look(world, now);
        }
        let number = self.next % self.planes.len();
        self.next += 1;
        let against: Vec<(Arc<str>, Ineligible)> =
            failed.iter().map(|index| (self.urls[*index].clone(), Ineligible::Excluded)).collect();
        let meeting = self.meetings[meeting].clone();
        let plane = &mut self.planes[number];
        for (url, _) in &against {
            plane.ledger.unreachable(url, EPOCH + now);
        }
        plane.ledger.follow(&plane.state, EPOCH + now);
        let question = Question { tenant: &self.tenant, meeting: &meeting, hint: Hint::default(), against: &against };
        let choice = plane.ledger.choose(&self.balancer, &question, EPOCH + now, &mut plane.rng)?;
        let placement = Placement {
            reason: Reason::Chosen(Box::new(choice.chosen)),
            ..Placement::new(choice.instance.clone(), "", EPOCH + now)
        };
        self.change(number, Change::Placed(meeting.clone(), placement), now);
        self.planes[number].ledger.settle(&meeting);
        self.positions.get(&choice.instance).copied()
    }

    fn created(&mut self, meeting: usize, _: usize, now: u64) {
        for plane in &mut self.planes {
            plane.ledger.confirm(&self.meetings[meeting], EPOCH + now);
        }
    }

    fn polled(&mut self, lists: &Lists, now: u64) {
        self.deliver(now);
        for (index, list) in lists.iter().enumerate() {
            self.check(index, list.is_some(), now);
            if let Some(list) = list {
                self.see(index, list, now);
            }
        }
        self.release(lists, now);
    }

    fn measured(&mut self, measured: &[Measured], now: u64) {
        let sample = |measured: &Measured| Sample {
            cpu_mean: measured.busy,
            cpu_recent: measured.recent,
            mem_mean: measured.mem,
            measured_at: measured.at.map(|at| EPOCH + at),
        };
        self.read(self.urls.iter().cloned().zip(measured.iter().map(sample)).collect(), now);
    }

    fn fail_over(&mut self, now: u64) {
        let plane = &mut self.planes[0];
        plane.ledger = Ledger::default();
        plane.ledger.follow(&plane.state, EPOCH + now);
    }
}
