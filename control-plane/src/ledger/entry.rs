//! One meeting in the books.

use crate::policy::expectation::{left, weight};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What an instance lists of a meeting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Users in it.
    pub users: u64,
    /// Webcams that they show.
    #[serde(default)]
    pub webcams: u64,
    /// It is a breakout room.
    #[serde(default)]
    pub is_room: bool,
}

/// One meeting's entry.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) instance: Arc<str>,
    /// When it began, in milliseconds since 1970.
    since: u64,
    /// What was expected of it then.
    expected: f64,
    /// What is expected of it now, as the account of its instance contains it.
    pub(super) valued: f64,
    pub(super) seen: Option<Seen>,
    /// The most that was seen in it; `None`: nobody.
    pub(super) peak: Option<f64>,
    /// The instance is known to have it: it was listed, or a create succeeded.
    pub(super) confirmed: bool,
    /// An instance refused to create it.
    pub(super) refused: bool,
    pub(super) ended: bool,
}

impl Entry {
    pub(super) fn new(instance: Arc<str>, since: u64, expected: f64) -> Self {
        Self {
            instance,
            since,
            expected,
            valued: expected,
            seen: None,
            peak: None,
            confirmed: false,
            refused: false,
            ended: false,
        }
    }

    /// What is expected of it, in users.
    pub(super) fn value(&self, now: u64) -> f64 {
        match self.seen {
            _ if self.ended => 0.0,
            // Nobody else comes: who is in a room was sent there.
            Some(seen) if seen.is_room => self.load(),
            seen => left(self.expected, self.since, seen.map(|_| self.load()), now),
        }
    }

    /// What is seen of it, in users.
    pub(super) fn load(&self) -> f64 {
        self.seen.map_or(0.0, |seen| weight(seen.users, seen.webcams, seen.is_room))
    }

    /// Users seen in it.
    pub(super) fn users(&self) -> u64 {
        self.seen.map_or(0, |seen| seen.users)
    }

    pub(super) fn see(&mut self, seen: Seen) {
        self.seen = Some(seen);
        self.confirmed = true;
        if seen.users > 0 && !seen.is_room {
            self.peak = Some(self.peak.unwrap_or_default().max(self.load()));
            self.ended = false;
        }
    }

    /// Nobody is expected in it any more.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.seen = self.seen.map(|seen| Seen { users: 0, webcams: 0, ..seen });
    }

    /// It takes place once more.
    pub(super) fn begin_again(&mut self, now: u64) {
        self.since = now;
        self.ended = false;
        self.seen = None;
    }
}
