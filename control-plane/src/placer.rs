//! Decides where meetings live: keeps the books, asks the policy, and claims in the store.

mod explain;
mod limits;
mod reported;
mod rooms;
mod unclaimed;
mod weights;

pub use explain::{Explanation, Judged};
pub use reported::Reported;

use crate::clock;
use crate::ledger::{Account, Crowd, Ledger, Question, Seen};
use crate::metrics::{Readings, Sample};
use crate::policy::expectation::{Hint, USUAL_USERS};
use crate::policy::{Ineligible, Verdict};
use crate::state::{Meeting, Past, Placement, Reason, State, Tenant};
use crate::store::{Claim, Claimed, Refusal, Store, StoreError};
use b3lb_config::Live;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Instances that may refuse one meeting before the wish is. Each refusal is a race with an operator or another control plane; four in a
/// row are none any more.
const ATTEMPTS_MAX: usize = 4;

/// How long after its placement a meeting may still be moved because its first create could not be connected, in milliseconds: connecting
/// is given up well before. Later, another proxy may have created it in the meantime.
const FIRST_CREATE: u64 = 30_000;

/// Decides where meetings live. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Placer {
    store: Store,
    settings: Live,
    readings: watch::Receiver<Arc<Readings>>,
    ledger: Arc<Mutex<Ledger>>,
    /// Breakout rooms by instance, with the keys of their internal ids.
    rooms: Arc<Mutex<HashMap<Arc<str>, HashSet<Meeting>>>>,
}

/// The wish to have a meeting placed.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Which meeting; its tenant is `*` where none is defined.
    pub meeting: Meeting,
    /// Its meetingID as text, for people.
    pub meeting_id: Box<str>,
    /// Urls of instances that could not be connected for this very create.
    pub exclude: Vec<String>,
    /// The meeting that it is a breakout room of, to whose instance it goes, whatever else speaks against that one.
    pub parent: Option<bbb::MeetingKey>,
    /// What its frontend says of its size.
    pub hint: Hint,
}

/// Where a meeting lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The url of its instance.
    pub instance: Arc<str>,
    /// It lived there before the wish.
    pub existing: bool,
    /// The number to dial that it was given.
    pub voice_bridge: Option<u32>,
}

/// Why a meeting was not placed.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Nobody has this host.
    #[error("there is no tenant {0:?}")]
    UnknownTenant(Arc<str>),
    /// No instance is eligible.
    #[error("no instance takes the meeting: {0}")]
    NoInstance(String),
    /// It cannot be reached where it lives, but may well be there.
    #[error("the meeting may be on {0}, which cannot be connected at the moment")]
    StillThere(Arc<str>),
    /// The tenant has as many meetings as it may.
    #[error("the tenant {0} has {1} meetings, as many as it may")]
    MeetingPool(Arc<str>, u32),
    /// The tenant has as many users as it may.
    #[error("the tenant {0} has {1} users, as many as it may")]
    UserPool(Arc<str>, u32),
    /// The meeting that it is a breakout room of is nowhere.
    #[error("there is no meeting {0} that it could be a breakout room of")]
    NoParent(bbb::MeetingKey),
    /// The store does not let it be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is known of an instance besides the state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// Its account in the books.
    pub account: Account,
    /// What telegraf measured.
    pub sample: Sample,
}

impl Decision {
    fn existing(placement: &Placement) -> Self {
        Self { instance: placement.instance.clone(), existing: true, voice_bridge: placement.voice_bridge }
    }
}

impl Placer {
    /// A placer over a store that is open.
    pub fn new(store: Store, settings: impl Into<Live>, readings: watch::Receiver<Arc<Readings>>) -> Self {
        let settings = settings.into();
        Self { store, settings, readings, ledger: Arc::default(), rooms: Arc::default() }
    }

    /// The meeting's instance: the one it has, else the one chosen now. Whoever asks, gets the same answer.
    ///
    /// # Errors
    /// See [`PlaceError`]; nothing is written then.
    pub async fn place(&self, wish: &Wish) -> Result<Decision, PlaceError> {
        let excluded = wish.exclude.iter().map(|url| (url.as_str().into(), Ineligible::Excluded));
        let mut against: Vec<(Arc<str>, Ineligible)> = excluded.collect();
        self.take_unclaimed(&wish.meeting).await?;
        let mut leaving = match self.mapped(wish)? {
            Some(Mapped::Stays(placement)) => return Ok(Decision::existing(&placement)),
            Some(Mapped::Leaves(instance)) => Some(instance),
            None => None,
        };
        let beside = self.beside(wish).await?;
        let state = self.store.replica().state();
        let limit = self.tenant(&state, wish)?.meeting_pool;
        let mut numbers = limits::Numbers::of(&state, &*self.tenant(&state, wish)?, &wish.meeting);
        for _ in 0..ATTEMPTS_MAX {
            let (instance, reason) = match &beside {
                Some(instance) => {
                    self.books().book(&wish.meeting, instance, USUAL_USERS);
                    (instance.clone(), Reason::Parent)
                }
                None => self.choose(wish, &against)?,
            };
            let booked = Booked { placer: self, meeting: &wish.meeting };
            let voice_bridge = numbers.next();
            let placement = Placement::new(instance.clone(), &wish.meeting_id, clock::now());
            let placement = Placement { voice_bridge, reason, ..placement };
            let bound = beside.is_some();
            let meeting = wish.meeting.clone();
            let claim = Claim { meeting, placement, leaving: leaving.clone(), bound, limit };
            let claimed = self.store.claim(&claim).await;
            drop(booked);
            match claimed? {
                Claimed::Placed => return Ok(Decision { instance, existing: false, voice_bridge }),
                Claimed::Existing(placement) => match self.judge_mapping(wish, &placement)? {
                    Mapped::Stays(placement) => return Ok(Decision::existing(&placement)),
                    Mapped::Leaves(instance) => leaving = Some(instance),
                },
                Claimed::Refused(Refusal::MeetingPool) => {
                    return Err(PlaceError::MeetingPool(wish.meeting.tenant.clone(), limit.unwrap_or_default()));
                }
                Claimed::Refused(Refusal::BridgeTaken) => {}
                Claimed::Refused(Refusal::NotOpen) => against.push((instance, Ineligible::Cordoned)),
                Claimed::Refused(Refusal::HeldForAnotherTenant) => {
                    against.push((instance, Ineligible::HeldForAnotherTenant));
                }
            }
        }
        Err(StoreError::Conflict(format!("the placement of {}", wish.meeting.key)).into())
    }

    /// What is known of an instance besides the state.
    pub fn view(&self, instance: &str) -> View {
        let state = self.store.replica().state();
        let books = self.books_after(&state);
        View { account: books.account(instance), sample: books.sample(instance) }
    }

    /// Users seen in a meeting; `None` if it was not seen yet.
    pub fn users_of(&self, meeting: &Meeting) -> Option<u64> {
        self.books().users_of(meeting)
    }

    /// What each tenant has; those that have nothing are not there.
    pub(crate) fn crowds(&self) -> HashMap<Arc<str>, Crowd> {
        let state = self.store.replica().state();
        self.books_after(&state).crowds().clone()
    }

    /// A create of the meeting succeeded.
    pub fn created(&self, meeting: &Meeting) {
        let state = self.store.replica().state();
        self.books_after(&state).confirm(meeting, clock::now());
    }

    /// Its instance is known to have the meeting.
    fn is_confirmed(&self, meeting: &Meeting) -> bool {
        let state = self.store.replica().state();
        self.books_after(&state).is_confirmed(meeting)
    }

    /// The meeting was ended.
    pub fn ended(&self, meeting: &Meeting) {
        self.books().ended(meeting, clock::now());
    }

    /// A proxy could not connect to the instance.
    pub fn unreachable(&self, instance: &str) {
        self.books().unreachable(instance, clock::now());
    }

    /// The instance answered a check at `now`, and lists these meetings.
    pub fn seen(&self, instance: &Arc<str>, meetings: &[(Meeting, Seen)], now: u64) {
        let state = self.store.replica().state();
        self.books_after(&state).seen(instance, meetings, now);
    }

    /// What is to be remembered of a meeting that is over, if anything is.
    pub fn past(&self, meeting: &Meeting, now: u64) -> Option<Past> {
        self.books().past(meeting, now)
    }

    fn mapped(&self, wish: &Wish) -> Result<Option<Mapped>, PlaceError> {
        let state = self.store.replica().state();
        let placement = state.placements.get(&wish.meeting);
        placement.map(|placement| self.judge_mapping(wish, placement)).transpose()
    }

    /// A meeting stays where it may be running. It leaves an instance that is gone or offline, and one that could not be connected for
    /// its very first create.
    fn judge_mapping(&self, wish: &Wish, placement: &Placement) -> Result<Mapped, PlaceError> {
        let state = self.store.replica().state();
        let url = placement.instance.clone();
        if !state.instances.get(&url).is_some_and(|instance| instance.online) {
            return Ok(Mapped::Leaves(url));
        }
        if !wish.exclude.iter().any(|excluded| **excluded == *url) {
            return Ok(Mapped::Stays(placement.clone()));
        }
        let first = clock::now().saturating_sub(placement.placed_at) <= FIRST_CREATE;
        if first && !self.is_confirmed(&wish.meeting) {
            return Ok(Mapped::Leaves(url));
        }
        Err(PlaceError::StillThere(url))
    }

    fn tenant(&self, state: &State, wish: &Wish) -> Result<Arc<Tenant>, PlaceError> {
        tenant_of(state, &wish.meeting.tenant)
            .filter(|tenant| tenant.host == wish.meeting.tenant)
            .ok_or_else(|| PlaceError::UnknownTenant(wish.meeting.tenant.clone()))
    }

    fn choose(&self, wish: &Wish, against: &[(Arc<str>, Ineligible)]) -> Result<(Arc<str>, Reason), PlaceError> {
        let state = self.store.replica().state();
        let tenant = self.tenant(&state, wish)?;
        let settings = self.settings.now();
        let mut books = self.books_after(&state);
        let question = Question { tenant: &tenant, meeting: &wish.meeting, hint: wish.hint, against };
        let chosen = books.choose(&settings.balancer, &question, clock::now(), &mut rand::rng());
        match chosen {
            Some(choice) => Ok((choice.instance, Reason::Chosen(Box::new(choice.chosen)))),
            None => Err(PlaceError::NoInstance(reasons(&books.judge(&settings.balancer, &question, clock::now())))),
        }
    }

    /// The books, with everything that this state shows and that was measured.
    fn books_after(&self, state: &State) -> MutexGuard<'_, Ledger> {
        let (mut books, now) = (self.books(), clock::now());
        books.follow(state, now);
        books.measured(&self.readings.borrow(), now);
        books
    }

    /// No code panics while it holds the books; if it did, they would be slightly off until they are valued anew.
    fn books(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A booking that is settled however its placement ends, also when the caller has gone away.
struct Booked<'a> {
    placer: &'a Placer,
    meeting: &'a Meeting,
}

impl Drop for Booked<'_> {
    fn drop(&mut self) {
        self.placer.books().settle(self.meeting);
    }
}

/// What becomes of a mapping when its meeting is to be placed.
enum Mapped {
    Stays(Placement),
    Leaves(Arc<str>),
}

/// The tenant of a host. While none is defined, the whole pool belongs to everyone who knows the global secret.
fn tenant_of(state: &State, host: &str) -> Option<Arc<Tenant>> {
    if state.tenants.is_empty() {
        return Some(Arc::new(everyone()));
    }
    state.tenant_of(host).cloned()
}

/// The tenant that every host belongs to, with the whole pool.
fn everyone() -> Tenant {
    Tenant::new("*", [])
}

/// Why none is eligible, with every reason once.
fn reasons(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return "the pool is empty".to_owned();
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for reason in verdicts.iter().filter_map(|verdict| verdict.as_ref().err()) {
        let text = reason.to_string();
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    counts.join(", ")
}
