//! The books: which meetings each instance has or was just promised, and what was seen of them.
//!
//! A placement is booked before it is written, so that a burst spreads at once. The books follow the state by differences; what is seen
//! corrects them meeting by meeting and never overwrites a total.

use crate::policy::EXPECTED_USERS;
use crate::policy::ledger::expected_users;
use crate::state::{Meeting, State};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Expectations fade with time; they are computed anew so often, in milliseconds. A thirtieth of the time they take to fade.
const REVALUATION: u64 = 30_000;

/// The books of the whole pool.
#[derive(Debug, Default)]
pub struct Ledger {
    /// The state that the books contain.
    known: State,
    accounts: HashMap<Arc<str>, Account>,
    entries: HashMap<Meeting, Entry>,
    /// Placements that the state does not show yet, each counted as an expected meeting.
    bookings: HashMap<Meeting, Booking>,
    valued_at: u64,
}

/// One instance's account.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Account {
    /// Meetings placed on it, those just promised included.
    pub meetings: usize,
    /// Peak users expected of them.
    pub expected: f64,
    /// Users seen in them.
    pub users: u64,
    /// When it last answered a check, in milliseconds since 1970; 0 if never.
    pub checked_at: u64,
    /// When a proxy last could not connect to it.
    pub unreachable_at: Option<u64>,
}

/// One meeting's entry.
#[derive(Debug)]
struct Entry {
    instance: Arc<str>,
    placed_at: u64,
    expected: f64,
    users: Option<u64>,
    /// The instance is known to have it: it was listed, or a create succeeded.
    confirmed: bool,
    /// An instance refused to create it.
    refused: bool,
}

#[derive(Debug)]
struct Booking {
    instance: Arc<str>,
    /// Several callers may ask for the same meeting at once.
    holders: usize,
}

impl Ledger {
    /// Takes over what has changed in the state.
    pub fn follow(&mut self, state: &State, now: u64) {
        let delta = state.since(&self.known);
        for url in &delta.removed_instances {
            self.accounts.remove(url);
            // If the instance comes back, its new account does not have them.
            self.bookings.retain(|_, booking| booking.instance != *url);
        }
        for meeting in &delta.released {
            self.remove(meeting);
        }
        for (meeting, instance) in delta.placed {
            self.remove(&meeting);
            let placed_at = state.placements.get(&meeting).map_or(now, |placement| placement.placed_at);
            if let Some(booking) = self.bookings.remove(&meeting) {
                self.unbook(&booking);
            }
            let expected = expected_users(placed_at, None, now);
            let account = self.accounts.entry(instance.clone()).or_default();
            account.meetings += 1;
            account.expected += expected;
            self.entries.insert(
                meeting,
                Entry { instance, placed_at, expected, users: None, confirmed: false, refused: false },
            );
        }
        self.known = state.clone();
        if now.saturating_sub(self.valued_at) >= REVALUATION {
            self.revalue(now);
        }
    }

    /// The account of an instance; an empty one if it has none yet.
    pub fn account(&self, instance: &str) -> Account {
        self.accounts.get(instance).copied().unwrap_or_default()
    }

    /// Users seen in a meeting; `None` if it was not seen yet.
    pub fn users_of(&self, meeting: &Meeting) -> Option<u64> {
        self.entries.get(meeting)?.users
    }

    /// Its instance is known to have this meeting.
    pub fn is_confirmed(&self, meeting: &Meeting) -> bool {
        self.entries.get(meeting).is_some_and(|entry| entry.confirmed)
    }

    /// Where a placement that is under way will put the meeting.
    pub fn booked(&self, meeting: &Meeting) -> Option<&Arc<str>> {
        self.bookings.get(meeting).map(|booking| &booking.instance)
    }

    /// Books a placement before it is written. The same meeting is booked once, however many ask for it.
    pub fn book(&mut self, meeting: &Meeting, instance: &Arc<str>) {
        if let Some(booking) = self.bookings.get_mut(meeting) {
            booking.holders += 1;
            return;
        }
        let account = self.accounts.entry(instance.clone()).or_default();
        account.meetings += 1;
        account.expected += EXPECTED_USERS;
        self.bookings.insert(meeting.clone(), Booking { instance: instance.clone(), holders: 1 });
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
        let users = own.filter_map(|(_, entry)| entry.users).sum();
        (users, self.accounts.values().map(|account| account.checked_at).max().unwrap_or_default())
    }

    /// A create of the meeting succeeded.
    pub fn confirm(&mut self, meeting: &Meeting) {
        if let Some(entry) = self.entries.get_mut(meeting) {
            entry.confirmed = true;
        }
    }

    /// The meeting was ended: nobody is expected in it any more.
    pub fn ended(&mut self, meeting: &Meeting) {
        self.correct(meeting, |entry| {
            entry.users = Some(0);
            entry.expected = 0.0;
        });
    }

    /// A proxy could not connect to the instance.
    pub fn unreachable(&mut self, instance: &str, now: u64) {
        if let Some((url, _)) = self.known.instances.get_key_value(instance) {
            self.accounts.entry(url.clone()).or_default().unreachable_at = Some(now);
        }
    }

    /// The instance answered a check at `now`, and lists these users in these meetings.
    pub fn seen(&mut self, instance: &Arc<str>, meetings: &[(Meeting, u64)], now: u64) {
        if !self.known.instances.contains_key(instance) {
            return;
        }
        let account = self.accounts.entry(instance.clone()).or_default();
        account.checked_at = now;
        account.unreachable_at = account.unreachable_at.filter(|at| *at > now);
        for (meeting, users) in meetings {
            self.correct(meeting, |entry| {
                if entry.instance == *instance {
                    entry.users = Some(*users);
                    entry.confirmed = true;
                    entry.expected = expected_users(entry.placed_at, entry.users, now);
                }
            });
        }
    }

    fn correct(&mut self, meeting: &Meeting, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.entries.get_mut(meeting) else { return };
        let (expected, users) = (entry.expected, entry.users.unwrap_or(0));
        change(entry);
        let account = self.accounts.entry(entry.instance.clone()).or_default();
        account.expected += entry.expected - expected;
        account.users = account.users + entry.users.unwrap_or(0) - users;
    }

    fn remove(&mut self, meeting: &Meeting) {
        let Some(entry) = self.entries.remove(meeting) else { return };
        if let Some(account) = self.accounts.get_mut(&entry.instance) {
            account.meetings -= 1;
            account.expected -= entry.expected;
            account.users -= entry.users.unwrap_or(0);
        }
    }

    fn unbook(&mut self, booking: &Booking) {
        if let Some(account) = self.accounts.get_mut(&booking.instance) {
            account.meetings -= 1;
            account.expected -= EXPECTED_USERS;
        }
    }

    /// Computes every expectation anew, which also takes away what rounding has left behind.
    fn revalue(&mut self, now: u64) {
        self.valued_at = now;
        for account in self.accounts.values_mut() {
            account.expected = 0.0;
        }
        for entry in self.entries.values_mut() {
            entry.expected = expected_users(entry.placed_at, entry.users, now);
            if let Some(account) = self.accounts.get_mut(&entry.instance) {
                account.expected += entry.expected;
            }
        }
        for booking in self.bookings.values() {
            if let Some(account) = self.accounts.get_mut(&booking.instance) {
                account.expected += EXPECTED_USERS;
            }
        }
    }
}
