//! The instances in the books, in the order of their urls, so that a decision goes through them without looking any up.

use crate::metrics::Sample;
use crate::policy::Candidate;
use crate::policy::cpu::{self, Cpu};
use crate::state::{Admission, Instance, State};
use imbl::ordmap::DiffItem;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What a user costs on an instance is not believed to be further from what its capacity says than by this factor: an operator who gives no
/// capacities may have machines of that difference, and a measurement that says more is likelier wrong.
const COST_FACTOR_MAX: f64 = 4.0;

/// One instance's account.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Account {
    /// Meetings placed on it, those just promised included.
    pub meetings: usize,
    /// Peak users expected of them.
    pub expected: f64,
    /// What is seen of them, in users; webcams count more.
    pub load: f64,
    /// Users seen in them.
    pub users: u64,
    /// When it last answered a check, in milliseconds since 1970; 0 if never.
    pub checked_at: u64,
    /// When a proxy last could not connect to it.
    pub unreachable_at: Option<u64>,
    /// When it last came into the pool, or back into it; 0 if it was there from the start.
    pub returned_at: u64,
}

/// An instance with all that is known of it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) instance: Arc<Instance>,
    pub(super) account: Account,
    pub(super) cpu: Cpu,
    pub(super) sample: Sample,
    /// What a user costs it, relative to an instance of capacity 1.
    cost: f64,
    /// Load that its users do not explain, in users of an instance of capacity 1.
    background: f64,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Accounts {
    slots: Vec<Slot>,
    index: HashMap<Arc<str>, usize>,
    /// What a user costs on an instance of capacity 1, in percent of its cpu.
    mean: f64,
}

impl Accounts {
    /// Takes over the instances of a state; true if any is gone. Those that are new or back since the state before are so at `returned_at`.
    pub(super) fn follow(&mut self, known: &State, state: &State, returned_at: u64) -> bool {
        let (mut added, mut updated, mut removed) = (Vec::new(), Vec::new(), HashSet::new());
        for item in known.instances.diff(&state.instances) {
            match item {
                DiffItem::Add(_, new) => added.push(new),
                DiffItem::Update { old: (_, old), new: (_, new) } => updated.push((old, new)),
                DiffItem::Remove(url, _) => drop(removed.insert(url)),
            }
        }
        if !added.is_empty() || !removed.is_empty() {
            self.slots.retain(|slot| !removed.contains(&slot.instance.url));
            self.slots.extend(added.into_iter().map(|instance| Slot::new(instance.clone(), returned_at)));
            self.slots.sort_by(|a, b| a.instance.url.cmp(&b.instance.url));
            let urls = self.slots.iter().map(|slot| slot.instance.url.clone());
            self.index = urls.enumerate().map(|(position, url)| (url, position)).collect();
        }
        for (old, new) in updated {
            let Some(position) = self.position(&new.url) else { continue };
            let slot = &mut self.slots[position];
            if takes_meetings(new) && !takes_meetings(old) {
                slot.account.returned_at = returned_at;
            }
            slot.instance = new.clone();
            slot.compare(self.mean);
        }
        !removed.is_empty()
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Slot> {
        self.slots.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Slot> {
        self.slots.iter_mut()
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn position(&self, url: &str) -> Option<usize> {
        self.index.get(url).copied()
    }

    pub(super) fn find(&self, url: &str) -> Option<&Slot> {
        self.slots.get(self.position(url)?)
    }

    pub(super) fn at(&self, position: usize) -> &Slot {
        &self.slots[position]
    }

    pub(super) fn get_mut(&mut self, url: &str) -> Option<&mut Account> {
        let position = self.position(url)?;
        Some(&mut self.slots[position].account)
    }

    /// Compares what a user costs on each instance with what one costs in the mean.
    pub(super) fn compare(&mut self) {
        let each = || self.slots.iter().map(|slot| slot.cpu.per_user(slot.instance.capacity) * slot.instance.capacity);
        if !self.slots.is_empty() {
            self.mean = each().sum::<f64>() / self.slots.len() as f64;
        }
        for slot in &mut self.slots {
            slot.compare(self.mean);
        }
    }
}

impl Default for Accounts {
    fn default() -> Self {
        Self { slots: Vec::new(), index: HashMap::new(), mean: cpu::USUAL }
    }
}

impl Slot {
    fn new(instance: Arc<Instance>, returned_at: u64) -> Self {
        let account = Account { returned_at, ..Account::default() };
        let cost = 1.0 / instance.capacity;
        Self { instance, account, cpu: Cpu::default(), sample: Sample::default(), cost, background: 0.0 }
    }

    /// `mean`: what a user costs on an instance of capacity 1, in percent of its cpu.
    fn compare(&mut self, mean: f64) {
        let capacity = self.instance.capacity;
        let factor = self.cpu.per_user(capacity) * capacity / mean;
        self.cost = factor.clamp(1.0 / COST_FACTOR_MAX, COST_FACTOR_MAX) / capacity;
        self.background = self.cpu.background(capacity) / mean;
    }

    pub(super) fn candidate(&self) -> Candidate {
        Candidate {
            capacity: self.instance.capacity,
            cost: self.cost,
            expected: self.account.expected,
            meetings: self.account.meetings,
            background: self.background,
            checked_at: self.account.checked_at,
            returned_at: self.account.returned_at,
            sample: self.sample,
        }
    }
}

fn takes_meetings(instance: &Instance) -> bool {
    instance.online && instance.admission == Admission::Open
}
