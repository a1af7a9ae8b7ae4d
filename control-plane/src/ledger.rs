//! The books: which meetings each instance has or was just promised, and what was seen and measured of them. Pure: the clock and
//! randomness are arguments.
//!
//! A placement is booked before it is written, so that a burst spreads at once. The books follow the state by differences; what is seen
//! corrects them meeting by meeting and never overwrites a total.
//!
//! - `account`: an instance's account;
//! - `entry`: a meeting's entry;
//! - `choice`: the decision where a meeting goes.

mod account;
mod choice;
mod entry;

pub use account::Account;
pub use choice::{Choice, Question};
pub use entry::Seen;

use crate::metrics::{Readings, Sample};
use crate::policy::expectation::{self, Hint, Mean};
use crate::state::{Meeting, Past, Placement, Source, State};
use account::{Accounts, Slot};
use entry::Entry;
use imbl::ordmap::DiffItem;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// Expectations fade with time; they are computed anew so often, in milliseconds. A thirtieth of the time they take to fade.
const REVALUATION: u64 = 30_000;

/// Placements that are kept for people who want to know why.
pub const RECENT_MAX: usize = 1000;

/// The books of the whole pool.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The state that the books contain.
    known: State,
    accounts: Accounts,
    entries: HashMap<Meeting, Entry>,
    /// What each tenant has; those that have nothing are not there.
    crowds: HashMap<Arc<str>, Crowd>,
    /// Placements that the state does not show yet.
    bookings: HashMap<Meeting, Booking>,
    /// By tenant.
    means: HashMap<Arc<str>, Mean>,
    /// The latest placements, the oldest first.
    recent: VecDeque<(Meeting, Arc<Placement>)>,
    /// Of the last readings that were taken over.
    read_at: u64,
    valued_at: u64,
}

/// What a tenant has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crowd {
    /// Its meetings.
    pub meetings: u64,
    /// Users seen in them.
    pub users: u64,
}

#[derive(Debug)]
struct Booking {
    instance: Arc<str>,
    expected: f64,
    /// Several callers may ask for the same meeting at once.
    holders: usize,
}

impl Ledger {
    /// Takes over what has changed in the state.
    pub fn follow(&mut self, state: &State, now: u64) {
        let known = std::mem::replace(&mut self.known, state.clone());
        // Whoever knows nothing yet does not know what is new.
        let returned_at = if known.epoch.is_empty() { 0 } else { now };
        if self.accounts.follow(&known, state, returned_at) {
            // If an instance that is gone comes back, its new account does not have them.
            let accounts = &self.accounts;
            self.bookings.retain(|_, booking| accounts.find(&booking.instance).is_some());
        }
        for item in known.pasts.diff(&state.pasts) {
            let (old, new) = match item {
                DiffItem::Add(meeting, new) => (None, Some((meeting, new))),
                DiffItem::Update { old, new } => (Some(old), Some(new)),
                DiffItem::Remove(meeting, old) => (Some((meeting, old)), None),
            };
            if let Some((meeting, past)) = old {
                self.means.entry(meeting.tenant.clone()).or_default().remove(past);
            }
            if let Some((meeting, past)) = new {
                self.means.entry(meeting.tenant.clone()).or_default().add(past);
            }
        }
        let mut placed = Vec::new();
        for item in known.placements.diff(&state.placements) {
            match item {
                DiffItem::Add(meeting, new) => placed.push((meeting, new)),
                DiffItem::Update { old: (_, old), new } => {
                    if old.instance != new.1.instance || old.placed_at != new.1.placed_at {
                        placed.push(new);
                    }
                }
                DiffItem::Remove(meeting, _) => self.remove(meeting),
            }
        }
        placed.sort_by_key(|(_, placement)| placement.placed_at);
        for (meeting, placement) in placed {
            self.enter(meeting, placement);
        }
        if now.saturating_sub(self.valued_at) >= REVALUATION {
            self.revalue(now);
        }
    }

    fn enter(&mut self, meeting: &Meeting, placement: &Arc<Placement>) {
        self.remove(meeting);
        if let Some(booking) = self.bookings.remove(meeting) {
            self.unbook(&booking);
        }
        let expected = placement.reason.expected().unwrap_or_else(|| self.expect(meeting, Hint::default()).0);
        let entry = Entry::new(placement.instance.clone(), placement.placed_at, expected);
        if let Some(account) = self.accounts.get_mut(&entry.instance) {
            account.meetings += 1;
            account.expected += entry.valued;
        }
        self.crowds.entry(meeting.tenant.clone()).or_default().meetings += 1;
        self.entries.insert(meeting.clone(), entry);
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back((meeting.clone(), placement.clone()));
    }

    /// Takes over what was measured, and learns from it; nothing if it did so before.
    pub fn measured(&mut self, readings: &Readings, now: u64) {
        if readings.read_at == self.read_at {
            return;
        }
        self.read_at = readings.read_at;
        for slot in self.accounts.iter_mut() {
            slot.sample = readings.samples.get(&slot.instance.url).copied().unwrap_or_default();
            if let (Some(busy), Some(at)) = (slot.sample.cpu_recent, slot.sample.measured_at)
                && slot.account.checked_at > 0
            {
                slot.cpu.observe(slot.account.load, busy, at.min(now));
            }
        }
        self.accounts.compare();
    }

    /// The account of an instance; an empty one if it has none yet.
    pub fn account(&self, instance: &str) -> Account {
        self.accounts.find(instance).map(|slot| slot.account).unwrap_or_default()
    }

    /// What telegraf measured of an instance.
    pub fn sample(&self, instance: &str) -> Sample {
        self.accounts.find(instance).map(|slot| slot.sample).unwrap_or_default()
    }

    /// How many users a meeting would have at its peak if it began now, and how that is known.
    pub fn expect(&self, meeting: &Meeting, hint: Hint) -> (f64, Source) {
        let mean = self.means.get(&meeting.tenant).copied().unwrap_or_default();
        expectation::of(self.known.pasts.get(meeting), mean, hint)
    }

    /// What each tenant has; those that have nothing are not there.
    pub fn crowds(&self) -> &HashMap<Arc<str>, Crowd> {
        &self.crowds
    }

    /// Users seen in a meeting; `None` if it was not seen yet.
    pub fn users_of(&self, meeting: &Meeting) -> Option<u64> {
        self.entries.get(meeting)?.seen.map(|seen| seen.users)
    }

    /// What is to be remembered of a meeting that is over; `None` if there was nobody, or if it was a breakout room, whose id is used once.
    pub fn past(&self, meeting: &Meeting, now: u64) -> Option<Past> {
        let peak = self.entries.get(meeting)?.peak?;
        Some(Past::after(self.known.pasts.get(meeting), peak, now))
    }

    /// The latest placements, the latest first.
    pub fn recent(&self) -> impl Iterator<Item = &(Meeting, Arc<Placement>)> {
        self.recent.iter().rev()
    }

    /// Its instance is known to have this meeting.
    pub fn is_confirmed(&self, meeting: &Meeting) -> bool {
        self.entries.get(meeting).is_some_and(|entry| entry.confirmed)
    }

    /// Books a placement before it is written. The same meeting is booked once, however many ask for it.
    pub fn book(&mut self, meeting: &Meeting, instance: &Arc<str>, expected: f64) {
        if let Some(booking) = self.bookings.get_mut(meeting) {
            booking.holders += 1;
            return;
        }
        if let Some(account) = self.accounts.get_mut(instance) {
            account.meetings += 1;
            account.expected += expected;
            self.bookings.insert(meeting.clone(), Booking { instance: instance.clone(), expected, holders: 1 });
        }
    }

    /// A placement that was booked was answered, or given up. If it was written, the state shows it by now.
    pub fn settle(&mut self, meeting: &Meeting) {
        let Some(booking) = self.bookings.get_mut(meeting) else { return };
        booking.holders -= 1;
        if booking.holders == 0
            && let Some(booking) = self.bookings.remove(meeting)
        {
            self.unbook(&booking);
        }
    }

    /// An instance refused a create of the meeting.
    pub fn refused(&mut self, meeting: &Meeting) {
        if let Some(entry) = self.entries.get_mut(meeting) {
            entry.refused = true;
        }
    }

    /// Meetings whose creates were refused, and of which nothing else was heard.
    pub fn refused_creates(&self) -> HashSet<Meeting> {
        let refused = self.entries.iter().filter(|(_, entry)| entry.refused && !entry.confirmed);
        refused.map(|(meeting, _)| meeting.clone()).collect()
    }

    /// Users seen in the meetings of a tenant, and when the latest check was.
    pub fn users_of_tenant(&self, host: &str) -> (u64, u64) {
        let own = self.entries.iter().filter(|(meeting, _)| *meeting.tenant == *host);
        let users = own.filter_map(|(_, entry)| entry.seen).map(|seen| seen.users).sum();
        (users, self.accounts.iter().map(|slot| slot.account.checked_at).max().unwrap_or_default())
    }

    /// A create of the meeting succeeded. One that was ended begins anew.
    pub fn confirm(&mut self, meeting: &Meeting, now: u64) {
        let Some(entry) = self.entries.get_mut(meeting) else { return };
        entry.confirmed = true;
        if entry.ended {
            self.correct(meeting, now, |entry| entry.begin_again(now));
        }
    }

    /// The meeting was ended: nobody is expected in it any more.
    pub fn ended(&mut self, meeting: &Meeting, now: u64) {
        self.correct(meeting, now, Entry::end);
    }

    /// A proxy could not connect to the instance.
    pub fn unreachable(&mut self, instance: &str, now: u64) {
        if let Some(account) = self.accounts.get_mut(instance) {
            account.unreachable_at = Some(now);
        }
    }

    /// The instance answered a check at `now`, and lists these meetings.
    pub fn seen(&mut self, instance: &Arc<str>, meetings: &[(Meeting, Seen)], now: u64) {
        let Some(account) = self.accounts.get_mut(instance) else { return };
        account.checked_at = now;
        account.unreachable_at = account.unreachable_at.filter(|at| *at > now);
        for (meeting, seen) in meetings {
            self.correct(meeting, now, |entry| {
                if entry.instance == *instance {
                    entry.see(*seen);
                }
            });
        }
    }

    fn correct(&mut self, meeting: &Meeting, now: u64, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(meeting) else { return };
        let (valued, load, users) = (entry.valued, entry.load(), entry.users());
        change(entry);
        entry.valued = entry.value(now);
        if let Some(account) = self.accounts.get_mut(&entry.instance) {
            account.expected += entry.valued - valued;
            account.load += entry.load() - load;
            account.users = account.users + entry.users() - users;
        }
        if let Some(crowd) = self.crowds.get_mut(&meeting.tenant) {
            crowd.users = crowd.users + entry.users() - users;
        }
    }

    fn remove(&mut self, meeting: &Meeting) {
        let Some(entry) = self.entries.remove(meeting) else { return };
        if let Some(account) = self.accounts.get_mut(&entry.instance) {
            account.meetings -= 1;
            account.expected -= entry.valued;
            account.load -= entry.load();
            account.users -= entry.users();
        }
        if let Some(crowd) = self.crowds.get_mut(&meeting.tenant) {
            crowd.meetings -= 1;
            crowd.users -= entry.users();
            if crowd.meetings == 0 {
                self.crowds.remove(&meeting.tenant);
            }
        }
    }

    fn unbook(&mut self, booking: &Booking) {
        if let Some(account) = self.accounts.get_mut(&booking.instance) {
            account.meetings -= 1;
            account.expected -= booking.expected;
        }
    }

    /// Computes every expectation anew, which also takes away what rounding has left behind.
    fn revalue(&mut self, now: u64) {
        self.valued_at = now;
        for Slot { account, .. } in self.accounts.iter_mut() {
            (account.expected, account.load) = (0.0, 0.0);
        }
        for entry in self.entries.values_mut() {
            entry.valued = entry.value(now);
            if let Some(account) = self.accounts.get_mut(&entry.instance) {
                account.expected += entry.valued;
                account.load += entry.load();
            }
        }
        for booking in self.bookings.values() {
            if let Some(account) = self.accounts.get_mut(&booking.instance) {
                account.expected += booking.expected;
            }
        }
    }
}

#[cfg(test)]
mod tests;
