//! Keeps the state true to what really runs: asks every instance for its meetings, on one control plane at a time.
//!
//! - `check`: asks one instance;
//! - `findings`: what the answers mean;
//! - `pasts`: what is remembered of meetings that are over.
//!
//! BigBlueButton is the truth and the state the intent: nothing is ever ended here.

mod check;
mod findings;
mod pasts;

use crate::clock;
use crate::ledger::Seen;
use crate::lists::chain;
use crate::meters::Checks;
use crate::placer::Placer;
use crate::state::{Admission, Change, Instance, Meeting, State};
use crate::store::{Lease, Store, StoreError};
use b3lb_config::Settings;
use b3lb_config::tls::{TlsError, client_config};
use bbb::{MeetingKey, listing};
use check::{CHECK_TIMEOUT, Checker};
use findings::{Answers, Findings};
use futures::StreamExt;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The name of the lease and of the note that tells the other control planes what was seen.
const JOB: &str = "reconcile";

/// Rounds that the holder of the lease may miss before another control plane takes over.
const LEASE_ROUNDS: u32 = 3;

/// Rounds during which a new placement is never released: two minutes at the usual interval, twice what a create may take.
const GRACE_ROUNDS: u32 = 8;

/// Instances that are asked at the same time: larger than any pool known, and few enough for a process's open files.
const CHECKS_MAX: usize = 256;

/// Changes written in one step; a script of so many keeps Redis busy for a few milliseconds.
const COMMIT_MAX: usize = 500;

/// Asks the pool what runs, as long as its future is polled.
pub struct Reconcile {
    store: Store,
    placer: Placer,
    checker: Checker,
    interval: Duration,
    findings: Findings,
    lease: Option<Lease>,
    checks: Checks,
}

/// What was seen in one round, by instance. It travels between control planes.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
struct Round {
    /// Milliseconds since 1970.
    at: u64,
    instances: HashMap<Arc<str>, Listed>,
    /// Breakout rooms by their internal ids, which have nothing to do with their meetingIDs.
    #[serde(default)]
    rooms: HashMap<Arc<str>, Vec<Meeting>>,
}

/// Meetings of one instance and what it lists of each.
type Listed = Vec<(Meeting, Seen)>;

impl Reconcile {
    /// Prepares the calls to instances.
    ///
    /// # Errors
    /// If the certificates to trust cannot be read.
    pub fn new(store: Store, placer: Placer, settings: &Settings) -> Result<Self, TlsError> {
        let tls = client_config(settings.upstream.ca_file.as_deref())?;
        let checker = Checker::new((*tls).clone());
        let interval = settings.control_plane.check_interval;
        Ok(Self {
            store,
            placer,
            checker,
            interval,
            findings: Findings::default(),
            lease: None,
            checks: Checks::default(),
        })
    }

    /// The same, but others see how its checks go.
    pub(crate) fn shown_by(self, checks: Checks) -> Self {
        Self { checks, ..self }
    }

    /// Asks every interval, and at once when the history of the state was lost or an instance is new, until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let replica = self.store.replica().clone();
        let mut changes = replica.watch();
        loop {
            if shutdown.run_until_cancelled(self.round()).await.is_none() {
                return;
            }
            let asked = pool(&replica.state());
            let due = tokio::time::sleep(self.interval);
            tokio::pin!(due);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = &mut due => break,
                    changed = changes.changed() => {
                        if changed.is_err() || pool(&replica.state()) != asked {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// One round; the next one comes whatever became of it.
    async fn round(&mut self) {
        // A round takes longer than the interval when an instance hangs. Were the lease lost over it, what the others answered would never
        // be written.
        let begun = Instant::now();
        let ttl = CHECK_TIMEOUT + self.interval * LEASE_ROUNDS;
        let outcome = match self.store.lease(JOB, self.lease.as_ref(), ttl).await {
            Ok(lease) => {
                if lease != self.lease {
                    self.findings = Findings::default();
                }
                self.lease = lease;
                match self.lease.clone() {
                    Some(lease) => self.lead(&lease, ttl).await,
                    None => self.learn().await,
                }
            }
            Err(error) => Err(error),
        };
        self.checks.round(outcome.is_ok().then(clock::now), begun.elapsed());
        if let Err(error) = outcome {
            tracing::warn!(%error, "the pool could not be reconciled");
        }
    }

    async fn lead(&mut self, lease: &Lease, ttl: Duration) -> Result<(), StoreError> {
        let asked = self.store.replica().state();
        let at = clock::now();
        // Before the instances are asked: what is created meanwhile may not be in their lists.
        let mut refused = self.placer.refused_creates();
        let answers = self.ask(&asked).await;
        let still = self.placer.refused_creates();
        refused.retain(|meeting| still.contains(meeting));
        // Decided on the state as it is now, so that what happened while the instances answered is not undone.
        let state = self.store.replica().state();
        let grace = u64::try_from((self.interval * GRACE_ROUNDS).as_millis()).unwrap_or(u64::MAX);
        let mut changes = self.findings.changes(&state, &answers, &refused, at, grace);
        changes.extend(pasts::remembered(&state, &changes, at, |meeting| self.placer.past(meeting, at)));
        self.write(&state, changes, lease).await?;
        let state = self.store.replica().state();
        let seen = Round {
            at,
            instances: answers.iter().filter_map(|(url, answer)| seen_on(&state, url, answer)).collect(),
            rooms: answers.iter().filter_map(|(url, answer)| rooms_on(&state, url, answer)).collect(),
        };
        self.tell(&seen);
        let note = serde_json::to_string(&seen).map_err(|error| StoreError::Conflict(error.to_string()))?;
        self.store.publish(lease, JOB, note, ttl).await
    }

    /// Takes over what the holder of the lease saw.
    async fn learn(&self) -> Result<(), StoreError> {
        let Some(note) = self.store.published(JOB).await? else { return Ok(()) };
        let seen: Round = serde_json::from_str(&note)
            .map_err(|error| StoreError::Damaged { key: JOB.to_owned(), reason: error.to_string() })?;
        self.tell(&seen);
        Ok(())
    }

    fn tell(&self, seen: &Round) {
        for (url, meetings) in &seen.instances {
            self.placer.seen(url, meetings, seen.at);
        }
        for (url, rooms) in &seen.rooms {
            self.placer.rooms_seen(url, rooms);
        }
    }

    async fn ask(&self, state: &State) -> Answers {
        // One that is out of the pool is asked only while it may still have meetings.
        let has_meetings = |url: &Arc<str>| state.placements.values().any(|placement| placement.instance == *url);
        let wanted = |i: &&Arc<Instance>| i.admission != Admission::Disabled || has_meetings(&i.url);
        let instances: Vec<Arc<Instance>> = state.instances.values().filter(wanted).cloned().collect();
        futures::stream::iter(instances)
            .map(|instance| async move {
                let answer = match self.checker.meetings(&instance).await {
                    Ok(meetings) => Some(meetings),
                    Err(error) => {
                        tracing::info!(instance = %instance.url, error = chain(&error), "a check failed");
                        self.checks.failed(&instance.url);
                        None
                    }
                };
                (instance.url.clone(), answer)
            })
            .buffer_unordered(CHECKS_MAX)
            .collect()
            .await
    }

    async fn write(&self, state: &State, changes: Vec<Change>, lease: &Lease) -> Result<(), StoreError> {
        for changes in changes.chunks(COMMIT_MAX) {
            match self.store.commit(state, changes.to_vec(), Some(lease)).await {
                Ok(_) => {}
                // Somebody was faster; the next round looks again.
                Err(StoreError::Conflict(what)) => tracing::debug!(what, "reconciling met a change"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// What decides whether the pool has to be asked at once: its history, and which instances it has.
fn pool(state: &State) -> (Arc<str>, BTreeSet<Arc<str>>) {
    (state.epoch.clone(), state.instances.keys().cloned().collect())
}

/// What is seen of those meetings that are placed on the instance that lists them.
fn seen_on(state: &State, url: &Arc<str>, answer: &Option<Vec<listing::Meeting>>) -> Option<(Arc<str>, Listed)> {
    let seen = answer.as_ref()?.iter().filter_map(|found| {
        let placed = state.placements_of(found.key()).find(|(_, placement)| placement.instance == *url);
        let seen = Seen { users: found.users, webcams: found.webcams, is_room: found.parent.is_some() };
        placed.map(|(meeting, _)| (meeting.clone(), seen))
    });
    Some((url.clone(), seen.collect()))
}

/// The breakout rooms on an instance that are placed there, by the keys of their internal ids.
fn rooms_on(state: &State, url: &Arc<str>, answer: &Option<Vec<listing::Meeting>>) -> Option<(Arc<str>, Vec<Meeting>)> {
    let rooms = answer.as_ref()?.iter().filter(|found| found.parent.is_some() && !found.ended).filter_map(|found| {
        let key = MeetingKey::of_internal(found.internal_id.as_bytes())?;
        let (meeting, _) = state.placements_of(found.key()).find(|(_, placement)| placement.instance == *url)?;
        Some(Meeting { key, tenant: meeting.tenant.clone() })
    });
    Some((url.clone(), rooms.collect()))
}
