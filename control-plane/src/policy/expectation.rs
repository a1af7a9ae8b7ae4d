//! How many users a meeting will have at its peak, before and while they come.

use super::age;
use crate::state::{Past, Source};

/// Users expected of a meeting that nothing is known of: what Scalelite and b3scale assume as well.
pub const USUAL_USERS: f64 = 15.0;

/// Meetings of the usual size that a tenant is credited with, so that its first few do not decide what is expected of all.
const CREDIT: f64 = 5.0;

/// The most that a frontend's word makes of a meeting: ten usual ones. It is a word only; one who says millions gets what a lecture
/// gets, and for a quarter of an hour.
pub const HINT_MAX: f64 = 10.0 * USUAL_USERS;

/// More than any instance holds in one meeting. Whatever one lists beyond that is wrong, and must not be remembered for half a year.
pub const WEIGHT_MAX: f64 = 2000.0;

/// How long a meeting is given to reach its expected size, in milliseconds: those that come, come in the first quarter of an hour.
pub const RAMP: u64 = 15 * 60 * 1000;

/// What a webcam costs in users: it is sent to everybody who watches.
const WEBCAM: f64 = 2.0;

/// What somebody in a breakout room costs: they are still counted in the meeting that they came from, whose sound they do not hear.
const IN_ROOM: f64 = 0.5;

/// What a frontend says of the size of a meeting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hint {
    /// So many will come.
    pub users: Option<u32>,
    /// More than so many are not let in.
    pub limit: Option<u32>,
}

/// The mean of a tenant's meetings.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    /// One more meeting is remembered.
    pub fn add(&mut self, past: &Past) {
        self.sum += past.peak;
        self.count += 1;
    }

    /// A meeting is remembered no more.
    pub fn remove(&mut self, past: &Past) {
        self.count = self.count.saturating_sub(1);
        // Nothing is left of what rounding added.
        self.sum = if self.count == 0 { 0.0 } else { self.sum - past.peak };
    }

    fn users(&self) -> f64 {
        (CREDIT * USUAL_USERS + self.sum) / (CREDIT + self.count as f64)
    }
}

/// Users that a meeting will have at its peak, and how that is known. Always at least one, and finite.
///
/// Its own past comes first: rooms are used again and again by the same people. Else its frontend's word counts, up to [`HINT_MAX`]. A
/// limit is no promise; what is expected lies half way between the mean and it, on the scale of ratios. Nobody comes in above it.
pub fn of(past: Option<&Past>, tenant: Mean, hint: Hint) -> (f64, Source) {
    let mean = tenant.users();
    let limit = hint.limit.filter(|limit| *limit > 0).map(f64::from);
    let (users, source) = match (past, hint.users.filter(|users| *users > 0), limit) {
        (Some(past), ..) => (past.peak, Source::Past),
        (None, Some(users), _) => (f64::from(users).min(HINT_MAX), Source::Hint),
        (None, None, Some(limit)) => ((mean * limit.max(mean)).sqrt().min(HINT_MAX), Source::Hint),
        (None, None, None) => (mean, Source::Tenant),
    };
    let users = limit.map_or(users, |limit| users.min(limit));
    (if users.is_finite() { users.max(1.0) } else { USUAL_USERS }, source)
}

/// What people in a meeting cost, in users without a webcam; [`WEIGHT_MAX`] at most.
pub fn weight(users: u64, webcams: u64, is_room: bool) -> f64 {
    let users = users as f64 * if is_room { IN_ROOM } else { 1.0 };
    (users + WEBCAM * webcams as f64).min(WEIGHT_MAX)
}

/// What a meeting will cost at its peak: what it costs now, or what is left of the expectation as its time runs out. Without having been
/// seen it keeps what was expected.
pub fn left(expected: f64, since: u64, seen: Option<f64>, now: u64) -> f64 {
    let Some(seen) = seen else { return expected };
    let left = 1.0 - age(since, now).min(RAMP) as f64 / RAMP as f64;
    seen + (expected - seen).max(0.0) * left
}
