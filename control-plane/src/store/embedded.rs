//! The store of a control plane that is alone: a file, or nothing but memory.
//!
//! One writer decides every mutation on the replica's state, in the order of their arrival, and writes those that arrived meanwhile in
//! one transaction: the disk is waited for once, not once for each of two hundred creates.

mod decision;
mod file;

use super::{Claim, Claimed, Condition, DEADLINE, JOIN_LIFE, Join, Lease, StoreError};
use crate::replica::Replica;
use crate::state::{Change, Revision, State};
use file::File;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Mutations that wait for the writer; who comes when there are more waits outside, within the same deadline.
const QUEUE_MAX: usize = 1024;

/// Mutations in one transaction: enough that the disk is not the limit, few enough that none waits long.
const BATCH_MAX: usize = 256;

/// The store, as everyone else sees it.
#[derive(Clone)]
pub(super) struct Embedded {
    requests: mpsc::Sender<Request>,
    held: Held,
}

/// The one that writes.
pub(super) struct Writer {
    replica: Replica,
    /// `None`: in memory only.
    file: Option<Arc<Mutex<File>>>,
    requests: mpsc::Receiver<Request>,
    held: Held,
}

/// What does not outlive the process.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Volatile>>);

#[derive(Default)]
struct Volatile {
    /// The last token given out.
    token: u64,
    leases: HashMap<&'static str, u64>,
    /// By name, with the end of their life.
    notes: HashMap<&'static str, (String, Instant)>,
    /// Joins that no check has seen yet, by tenant, in milliseconds since 1970.
    joins: HashMap<Arc<str>, Vec<u64>>,
}

enum Request {
    Claim(Claim, oneshot::Sender<Result<Claimed, StoreError>>),
    Commit(Commit, oneshot::Sender<Result<Revision, StoreError>>),
}

struct Commit {
    seen: State,
    changes: Vec<Change>,
    lease: Option<Lease>,
    /// No instance may have come or gone.
    same_pool: bool,
}

/// A request that was decided, and how to answer it once it is written.
enum Answer {
    Claim(Result<Claimed, StoreError>, oneshot::Sender<Result<Claimed, StoreError>>),
    Commit(Result<Revision, StoreError>, oneshot::Sender<Result<Revision, StoreError>>),
}

/// The changes of one request and the revision they lead to.
type Step = (Revision, Vec<Change>);

/// Opens the store in `dir`, or in memory.
pub(super) async fn open(dir: Option<&Path>) -> Result<(Replica, Embedded, Writer), StoreError> {
    let (state, file) = match dir {
        Some(dir) => {
            let dir = dir.to_owned();
            let opened = tokio::task::spawn_blocking(move || File::open(&dir)).await;
            let (state, file) = opened.map_err(|error| StoreError::Unusable(error.to_string()))??;
            (state, Some(Arc::new(Mutex::new(file))))
        }
        None => (State { epoch: super::new_epoch().into(), ..State::default() }, None),
    };
    let replica = Replica::new(state);
    let (sender, requests) = mpsc::channel(QUEUE_MAX);
    let held = Held::default();
    let writer = Writer { replica: replica.clone(), file, requests, held: held.clone() };
    Ok((replica, Embedded { requests: sender, held }, writer))
}

impl Embedded {
    pub(super) async fn claim(&self, claim: &Claim) -> Result<Claimed, StoreError> {
        self.ask(|reply| Request::Claim(claim.clone(), reply)).await
    }

    pub(super) async fn commit(
        &self,
        seen: &State,
        changes: Vec<Change>,
        condition: Condition<'_>,
    ) -> Result<Revision, StoreError> {
        let (lease, same_pool) = match condition {
            Condition::None => (None, false),
            Condition::Lease(lease) => (Some(lease.clone()), false),
            Condition::SamePool => (None, true),
        };
        let commit = Commit { seen: seen.clone(), changes, lease, same_pool };
        self.ask(|reply| Request::Commit(commit, reply)).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.requests.send(request(reply)).await.map_err(|_| closed())?;
            answer.await.map_err(|_| closed())?
        };
        timeout(DEADLINE, asked).await.unwrap_or_else(|_| Err(unavailable("the disk is too slow")))
    }

    /// The writer is there.
    pub(super) fn is_available(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Nobody else can have it, but a job that is started anew supersedes the one before.
    pub(super) fn lease(&self, name: &'static str, held: Option<&Lease>) -> Option<Lease> {
        let mut volatile = self.held.lock();
        if let Some(held) = held {
            return (volatile.leases.get(name) == Some(&held.token)).then(|| held.clone());
        }
        volatile.token += 1;
        let token = volatile.token;
        volatile.leases.insert(name, token);
        Some(Lease { name, token })
    }

    pub(super) fn admit(&self, join: &Join) -> bool {
        let mut volatile = self.held.lock();
        let forgotten = join.now.saturating_sub(u64::try_from(JOIN_LIFE.as_millis()).unwrap_or(u64::MAX));
        let joins = volatile.joins.entry(Arc::clone(&join.tenant)).or_default();
        joins.retain(|at| *at > join.seen_until.max(forgotten));
        let admitted = join.users + (joins.len() as u64) < join.limit;
        if admitted {
            joins.push(join.now);
        }
        admitted
    }

    pub(super) fn publish(
        &self,
        lease: &Lease,
        name: &'static str,
        payload: String,
        ttl: Duration,
    ) -> Result<(), StoreError> {
        let mut volatile = self.held.lock();
        volatile.check(lease)?;
        volatile.notes.insert(name, (payload, Instant::now() + ttl));
        Ok(())
    }

    pub(super) fn published(&self, name: &'static str) -> Option<String> {
        let volatile = self.held.lock();
        let (payload, end) = volatile.notes.get(name)?;
        (Instant::now() < *end).then(|| payload.clone())
    }
}

impl Writer {
    /// Writes until `shutdown`. Whoever asks later is told that the store is closed.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        while let Some(Some(first)) = shutdown.run_until_cancelled(self.requests.recv()).await {
            let mut batch = vec![first];
            while batch.len() < BATCH_MAX
                && let Ok(next) = self.requests.try_recv()
            {
                batch.push(next);
            }
            self.execute(batch).await;
        }
    }

    async fn execute(&self, batch: Vec<Request>) {
        let mut state = self.replica.state();
        let mut steps = Vec::new();
        let answers: Vec<Answer> = batch.into_iter().map(|r| self.decide(r, &mut state, &mut steps)).collect();
        let written = self.write(&steps).await;
        if written.is_ok() {
            for (revision, changes) in steps {
                self.replica.advance(revision, changes);
            }
        }
        for answer in answers {
            answer.send(written.clone());
        }
    }

    /// Decides one request on a state that already contains those before it.
    fn decide(&self, request: Request, state: &mut State, steps: &mut Vec<Step>) -> Answer {
        match request {
            Request::Claim(claim, reply) => {
                let claimed = decision::claim(state, &claim);
                if claimed == Claimed::Placed {
                    step(state, steps, vec![Change::Placed(claim.meeting, claim.placement)]);
                }
                Answer::Claim(Ok(claimed), reply)
            }
            Request::Commit(Commit { seen, changes, lease, same_pool }, reply) => {
                let held = lease.map_or(Ok(()), |lease| self.held.lock().check(&lease));
                let pool = if same_pool { decision::same_pool(state, &seen) } else { Ok(()) };
                let allowed = held.and(pool).and_then(|()| decision::commit(state, &seen, &changes));
                if allowed.is_ok() && !changes.is_empty() {
                    step(state, steps, changes);
                }
                Answer::Commit(allowed.map(|()| state.revision), reply)
            }
        }
    }

    async fn write(&self, steps: &[Step]) -> Result<(), String> {
        let (Some(file), Some((revision, _))) = (&self.file, steps.last()) else { return Ok(()) };
        let (file, revision) = (Arc::clone(file), *revision);
        let before = self.replica.state();
        let changes: Vec<Change> = steps.iter().flat_map(|(_, changes)| changes.clone()).collect();
        let write = move || file.lock().unwrap_or_else(PoisonError::into_inner).write(revision, before, changes);
        let written = tokio::task::spawn_blocking(write).await;
        written.map_err(|error| error.to_string()).and_then(|written| written.map_err(|error| error.to_string()))
    }
}

impl Answer {
    /// Tells what was decided, unless it could not be written. An asker that has gone away is none of our business.
    fn send(self, written: Result<(), String>) {
        let written = written.map_err(StoreError::Unavailable);
        match self {
            Answer::Claim(decided, reply) => drop(reply.send(written.and(decided))),
            Answer::Commit(decided, reply) => drop(reply.send(written.and(decided))),
        }
    }
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, Volatile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Volatile {
    fn check(&self, lease: &Lease) -> Result<(), StoreError> {
        let current = self.leases.get(lease.name) == Some(&lease.token);
        if current { Ok(()) } else { Err(StoreError::LeaseLost(lease.name)) }
    }
}

fn step(state: &mut State, steps: &mut Vec<Step>, changes: Vec<Change>) {
    state.revision.sequence += 1;
    for change in changes.clone() {
        state.apply(change);
    }
    steps.push((state.revision, changes));
}

fn unavailable(reason: &str) -> StoreError {
    StoreError::Unavailable(reason.to_owned())
}

fn closed() -> StoreError {
    unavailable("it is closed")
}
