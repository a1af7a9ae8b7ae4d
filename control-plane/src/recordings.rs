//! Keeps the index of recordings true to what the instances have, on one control plane at a time, and finds those that it does not know.
//!
//! - `ask`: asks one instance;
//! - `due`: which instances are to be asked, and when;
//! - `findings`: what the answers mean;
//! - `owner`: whose a recording is;
//! - `locate`: looks for recordings that a proxy is asked for and nobody knows.
//!
//! The index changes by differences only, and a recording is forgotten only when its instance says twice that it has it no more: one that
//! is away keeps its recordings.

mod ask;
mod due;
mod findings;
mod locate;
mod owner;

pub(crate) use locate::{LocateError, Locator};
pub(crate) use owner::is_of;

use crate::lists::{Lists, chain};
use crate::state::{Change, Instance, State};
use crate::store::{Lease, Store, StoreError};
use b3lb_config::Settings;
use b3lb_config::tls::{TlsError, client_config};
use due::Due;
use findings::{Answers, Findings};
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The name of the lease.
const JOB: &str = "recordings";

/// The longest pause between two looks at what is due, and at who holds the lease.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// Looks that the holder of the lease may miss before another control plane takes over.
const LEASE_LOOKS: u32 = 3;

/// What one look may take: the instances answer within half of it, and the rest is for writing what follows.
const LOOK_TIMEOUT: Duration = Duration::from_secs(60);

/// Instances that are asked at the same time. What each of them lists is in memory until all have answered: some 200 bytes a recording.
const ASKED_MAX: usize = 64;

/// Changes written in one step; a script of so many keeps Redis busy for a few milliseconds.
const COMMIT_MAX: usize = 500;

/// Keeps the index, as long as its future is polled.
pub struct Recordings {
    store: Store,
    lists: Lists,
    interval: Duration,
    due: Due,
    findings: Findings,
    lease: Option<Lease>,
}

impl Recordings {
    /// Prepares the calls to instances.
    ///
    /// # Errors
    /// If the certificates to trust cannot be read.
    pub fn new(store: Store, settings: &Settings) -> Result<Self, TlsError> {
        let tls = client_config(settings.upstream.ca_file.as_deref())?;
        let lists = Lists::new((*tls).clone());
        let interval = settings.bigbluebutton.recordings_poll_interval;
        Ok(Self { store, lists, interval, due: Due::new(interval), findings: Findings::default(), lease: None })
    }

    /// What asks instances.
    pub(crate) fn lists(&self) -> Lists {
        self.lists.clone()
    }

    /// What looks for recordings that the index does not know.
    pub(crate) fn locator(&self) -> Locator {
        Locator::new(self.store.clone(), self.lists.clone())
    }

    /// Asks every instance at its time until `shutdown`.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let replica = self.store.replica().clone();
        let mut changes = replica.watch();
        loop {
            match shutdown.run_until_cancelled(self.look()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!(%error, "the recordings could not be looked through"),
            }
            let next = tokio::time::sleep(self.interval.min(LOOK_INTERVAL));
            tokio::pin!(next);
            loop {
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = &mut next => break,
                    changed = changes.changed(), if self.lease.is_some() => {
                        let state = changes.borrow_and_update().clone();
                        self.due.follow(&state, Instant::now());
                        if changed.is_err() || self.due.is_news(&state) {
                            break;
                        }
                    }
                }
            }
        }
    }

    /// Asks the instances whose time has come.
    async fn look(&mut self) -> Result<(), StoreError> {
        let ttl = LOOK_TIMEOUT + self.interval.min(LOOK_INTERVAL) * LEASE_LOOKS;
        let lease = self.store.lease(JOB, self.lease.as_ref(), ttl).await?;
        if lease != self.lease {
            self.findings = Findings::default();
            self.due = Due::new(self.interval);
        }
        self.lease = lease;
        let Some(lease) = self.lease.clone() else { return Ok(()) };
        let asked = self.store.replica().state();
        let now = Instant::now();
        self.due.follow(&asked, now);
        let answers = self.ask(self.due.instances(&asked, now)).await;
        // Decided on the state as it is now, so that what happened while the instances answered is not undone.
        let state = self.store.replica().state();
        let changes = self.findings.changes(&asked, &state, &answers);
        let settled = self.write(&state, changes, &lease).await?;
        for (url, answer) in &answers {
            self.due.asked(url, now, answer.is_some() && settled);
        }
        for url in self.findings.doubtful(&state) {
            self.due.soon(url, now);
        }
        Ok(())
    }

    async fn ask(&self, instances: Vec<Arc<Instance>>) -> Answers {
        futures::stream::iter(instances)
            .map(|instance| async move {
                let answer = match ask::all(&self.lists, &instance).await {
                    Ok(recordings) => Some(recordings),
                    Err(error) => {
                        tracing::info!(instance = %instance.url, error = chain(&error), "recordings were not listed");
                        None
                    }
                };
                (instance.url.clone(), answer)
            })
            .buffer_unordered(ASKED_MAX)
            .collect()
            .await
    }

    /// Writes the changes; false if some were met by others and must be looked at again.
    async fn write(&self, state: &State, changes: Vec<Change>, lease: &Lease) -> Result<bool, StoreError> {
        let mut settled = true;
        for changes in changes.chunks(COMMIT_MAX) {
            match self.store.commit(state, changes.to_vec(), Some(lease)).await {
                Ok(_) => {}
                Err(StoreError::Conflict(what)) => {
                    tracing::debug!(what, "the index of recordings met a change");
                    settled = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(settled)
    }
}
