//! Decides where meetings live: keeps the books, asks the policy, and claims in the store.

mod explain;
mod limits;
mod rooms;

pub use explain::{Explanation, Judged};

use crate::clock;
use crate::ledger::{Account, Ledger};
use crate::metrics::{Readings, Sample};
use crate::policy::{self, Candidate, Ineligible, Verdict};
use crate::state::{Admission, Instance, Meeting, Placement, State, Tenant};
use crate::store::{Claim, Claimed, Refusal, Store, StoreError};
use b3lb_config::settings::Balancer;
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
    balancer: Balancer,
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
    pub fn new(store: Store, balancer: Balancer, readings: watch::Receiver<Arc<Readings>>) -> Self {
        Self { store, balancer, readings, ledger: Arc::default(), rooms: Arc::default() }
    }

    /// The meeting's instance: the one it has, else the one chosen now. Whoever asks, gets the same answer.
    ///
    /// # Errors
    /// See [`PlaceError`]; nothing is written then.
    pub async fn place(&self, wish: &Wish) -> Result<Decision, PlaceError> {
        let mut refused: Vec<(Arc<str>, Ineligible)> = Vec::new();
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
            let instance = match &beside {
                Some(instance) => {
                    self.books().book(&wish.meeting, instance);
                    instance.clone()
                }
                None => self.choose(wish, &refused)?,
            };
            let booked = Booked { placer: self, meeting: &wish.meeting };
            let voice_bridge = numbers.next();
            let placement = Placement::new(instance.clone(), &wish.meeting_id, clock::now());
            let placement = Placement { voice_bridge, ..placement };
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
                Claimed::Refused(Refusal::NotOpen) => refused.push((instance, Ineligible::Cordoned)),
                Claimed::Refused(Refusal::HeldForAnotherTenant) => {
                    refused.push((instance, Ineligible::HeldForAnotherTenant));
                }
            }
        }
        Err(StoreError::Conflict(format!("the placement of {}", wish.meeting.key)).into())
    }

    /// What is known of an instance besides the state.
    pub fn view(&self, instance: &str) -> View {
        let state = self.store.replica().state();
        let account = self.books_after(&state).account(instance);
        View { account, sample: self.sample(instance) }
    }

    /// Users seen in a meeting; `None` if it was not seen yet.
    pub fn users_of(&self, meeting: &Meeting) -> Option<u64> {
        self.books().users_of(meeting)
    }

    /// A create of the meeting succeeded.
    pub fn created(&self, meeting: &Meeting) {
        let state = self.store.replica().state();
        self.books_after(&state).confirm(meeting);
    }

    /// The meeting was ended.
    pub fn ended(&self, meeting: &Meeting) {
        self.books().ended(meeting);
    }

    /// A proxy could not connect to the instance.
    pub fn unreachable(&self, instance: &str) {
        self.books().unreachable(instance, clock::now());
    }

    /// The instance answered a check at `now`, and lists these users in these meetings.
    pub fn seen(&self, instance: &Arc<str>, meetings: &[(Meeting, u64)], now: u64) {
        let state = self.store.replica().state();
        self.books_after(&state).seen(instance, meetings, now);
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
        if first && !self.books_after(&state).is_confirmed(&wish.meeting) {
            return Ok(Mapped::Leaves(url));
        }
        Err(PlaceError::StillThere(url))
    }

    fn tenant(&self, state: &State, wish: &Wish) -> Result<Arc<Tenant>, PlaceError> {
        tenant_of(state, &wish.meeting.tenant)
            .filter(|tenant| tenant.host == wish.meeting.tenant)
            .ok_or_else(|| PlaceError::UnknownTenant(wish.meeting.tenant.clone()))
    }

    /// Chooses and books in one step, so that nobody else decides in between.
    fn choose(&self, wish: &Wish, refused: &[(Arc<str>, Ineligible)]) -> Result<Arc<str>, PlaceError> {
        let state = self.store.replica().state();
        let tenant = self.tenant(&state, wish)?;
        let mut books = self.books_after(&state);
        let mut judged = self.judge(&books, &state, &tenant, Some(&wish.meeting), &wish.exclude);
        for (instance, verdict) in &mut judged {
            if let Some((_, reason)) = refused.iter().find(|(url, _)| *url == instance.url) {
                *verdict = Err(reason.clone());
            }
        }
        // Callers that ask for the same meeting at once are to get the same instance.
        let booked = books
            .booked(&wish.meeting)
            .and_then(|booked| judged.iter().position(|(i, v)| i.url == *booked && v.is_ok()));
        let scores: Vec<Option<f64>> =
            judged.iter().map(|(_, verdict)| verdict.as_ref().ok().map(|score| score.total)).collect();
        let margin = policy::margin(self.balancer.policy);
        let Some(index) = booked.or_else(|| policy::pick(&scores, margin, &mut rand::rng())) else {
            return Err(PlaceError::NoInstance(reasons(&judged)));
        };
        let instance = judged[index].0.url.clone();
        books.book(&wish.meeting, &instance);
        Ok(instance)
    }

    fn judge<'s>(
        &self,
        books: &Ledger,
        state: &'s State,
        tenant: &Tenant,
        meeting: Option<&Meeting>,
        exclude: &[String],
    ) -> Vec<(&'s Arc<Instance>, Verdict)> {
        let held: Vec<&Arc<str>> = meeting
            .into_iter()
            .flat_map(|meeting| state.placements_of(meeting.key).filter(|(other, _)| other.tenant != meeting.tenant))
            .map(|(_, placement)| &placement.instance)
            .collect();
        let readings = self.readings.borrow();
        let mut candidates = Vec::new();
        let mut verdicts: Vec<(&Arc<Instance>, Verdict)> = Vec::with_capacity(state.instances.len());
        let mut judged_at = Vec::new();
        for instance in state.instances.values() {
            let account = books.account(&instance.url);
            match eligible(instance, &account, tenant, &held, exclude) {
                Err(reason) => verdicts.push((instance, Err(reason))),
                Ok(()) => {
                    judged_at.push(verdicts.len());
                    candidates.push(candidate(instance, &account, readings.samples.get(&instance.url)));
                    verdicts.push((instance, Err(Ineligible::NotMeasured)));
                }
            }
        }
        let scored = policy::judge(&self.balancer, &candidates, clock::now());
        for (index, verdict) in judged_at.into_iter().zip(scored) {
            verdicts[index].1 = verdict;
        }
        verdicts
    }

    fn sample(&self, instance: &str) -> Sample {
        self.readings.borrow().samples.get(instance).copied().unwrap_or_default()
    }

    /// The books, with everything that this state shows.
    fn books_after(&self, state: &State) -> MutexGuard<'_, Ledger> {
        let mut books = self.books();
        books.follow(state, clock::now());
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

fn eligible(
    instance: &Instance,
    account: &Account,
    tenant: &Tenant,
    held: &[&Arc<str>],
    exclude: &[String],
) -> Result<(), Ineligible> {
    match instance.admission {
        Admission::Cordoned => return Err(Ineligible::Cordoned),
        Admission::Disabled => return Err(Ineligible::Disabled),
        Admission::Open => {}
    }
    if !instance.online {
        Err(Ineligible::Offline)
    } else if account.unreachable_at.is_some() {
        Err(Ineligible::Unreachable)
    } else if !tenant.may_use(instance) {
        Err(Ineligible::NotTheTenants)
    } else if held.contains(&&instance.url) {
        Err(Ineligible::HeldForAnotherTenant)
    } else if exclude.iter().any(|excluded| **excluded == *instance.url) {
        Err(Ineligible::Excluded)
    } else {
        Ok(())
    }
}

fn candidate(instance: &Instance, account: &Account, sample: Option<&Sample>) -> Candidate {
    Candidate {
        capacity: instance.capacity,
        expected: account.expected,
        users: account.users as f64,
        meetings: account.meetings,
        checked_at: account.checked_at,
        sample: sample.copied().unwrap_or_default(),
    }
}

/// Why none is eligible, with every reason once.
fn reasons(judged: &[(&Arc<Instance>, Verdict)]) -> String {
    if judged.is_empty() {
        return "the pool is empty".to_owned();
    }
    let mut counts: Vec<(String, usize)> = Vec::new();
    for reason in judged.iter().filter_map(|(_, verdict)| verdict.as_ref().err()) {
        let text = reason.to_string();
        match counts.iter_mut().find(|(known, _)| *known == text) {
            Some((_, count)) => *count += 1,
            None => counts.push((text, 1)),
        }
    }
    let counts: Vec<String> = counts.into_iter().map(|(reason, count)| format!("{count} × {reason}")).collect();
    counts.join(", ")
}
