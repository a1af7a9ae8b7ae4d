//! One proxy's stream of everything that routing depends on.

use super::Calls;
use super::parts::parts;
use super::view::View;
use crate::meters::Watching;
use crate::placer::Placer;
use crate::state::{Revision, State};
use b3lb_config::Live;
use b3lb_proto::v1::{Changes, Update};
use futures::Stream;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Tells a proxy that the control plane is alive and it has missed nothing. One that hears nothing for some of these looks elsewhere.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(3);

/// Snapshots made at a time. When a control plane starts, every proxy wants one; made all at once, those of a million meetings would
/// take a gigabyte for each dozen of them.
const SNAPSHOTS_MAX: usize = 2;

/// Makes snapshots, few at a time. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Snapshots(Arc<Semaphore>);

/// Follows the state for one proxy. However slow the proxy, it holds no more than the state last sent and the step under way.
pub(super) struct Follower {
    view: View,
    settings: Live,
    changes: watch::Receiver<State>,
    /// What the proxy knows once it has applied what was sent; `None`: nothing of this history.
    sent: Option<State>,
    step: Step,
    heartbeat: Interval,
    placer: Placer,
    /// What was said last of how much each instance should get, and when that was found out.
    weights: Vec<u32>,
    weighed_at: Option<Instant>,
    snapshots: Snapshots,
    shutdown: CancellationToken,
    _counted: Watching,
}

/// What is still to be sent of one step.
#[derive(Default)]
struct Step {
    epoch: String,
    base: String,
    revision: String,
    parts: VecDeque<Changes>,
    weights: Vec<u32>,
}

/// What wakes a follower.
enum Wake {
    Changed,
    /// The configuration is another one.
    Configured,
    Heartbeat,
    End,
}

impl Snapshots {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(SNAPSHOTS_MAX)))
    }

    /// All of the state. With a million meetings that takes a second of work, which must not hold up placements.
    async fn make(&self, state: &State, view: &View) -> Result<VecDeque<Changes>, Status> {
        let (state, view) = (state.clone(), view.clone());
        let failed = |error: &dyn std::error::Error| Status::internal(format!("the snapshot failed: {error}"));
        let turn = self.0.clone().acquire_owned().await.map_err(|error| failed(&error))?;
        let work = tokio::task::spawn_blocking(move || {
            let parts = parts(&state.since(&State::default()), &view);
            drop(turn);
            parts
        });
        work.await.map_err(|error| failed(&error))
    }
}

impl Follower {
    /// Begins with the difference to what the proxy says it knows, if that is recent enough, or else with everything.
    pub(super) fn new(calls: &Calls, known: Option<(&str, Revision)>) -> Self {
        let replica = calls.store.replica();
        let mut changes = replica.watch();
        // The first step is due at once, even if nothing has changed: it tells the proxy that it is up to date.
        changes.mark_changed();
        let sent = known.and_then(|(epoch, revision)| replica.at(epoch, revision)).map(View::known_before);
        let mut heartbeat = interval(HEARTBEAT_INTERVAL);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            view: calls.view(),
            settings: calls.settings.clone(),
            changes,
            sent,
            step: Step::default(),
            heartbeat,
            placer: calls.placer.clone(),
            weights: Vec::new(),
            weighed_at: None,
            snapshots: calls.snapshots.clone(),
            shutdown: calls.shutdown.clone(),
            _counted: calls.meters.watching(),
        }
    }

    /// The updates, until shutdown.
    pub(super) fn updates(self) -> impl Stream<Item = Result<Update, Status>> + Send {
        futures::stream::unfold(self, async |mut follower| {
            let update = follower.next().await?;
            Some((update, follower))
        })
    }

    async fn next(&mut self) -> Option<Result<Update, Status>> {
        loop {
            if self.shutdown.is_cancelled() {
                return None;
            }
            if let Some(update) = self.step.next() {
                self.heartbeat.reset();
                return Some(Ok(update));
            }
            match self.wake().await {
                Wake::End => return None,
                Wake::Configured => self.look_anew(),
                Wake::Changed | Wake::Heartbeat => {}
            }
            let new = self.changes.borrow_and_update().clone();
            let new = self.view.of(new);
            let shutdown = self.shutdown.clone();
            if let Err(status) = shutdown.run_until_cancelled(self.begin(new)).await? {
                return Some(Err(status));
            }
        }
    }

    /// What depends on the global secret is told again if that is another one.
    fn look_anew(&mut self) {
        let view = View { global: self.settings.now().bigbluebutton.secret.clone() };
        if view.global != self.view.global {
            self.view = view;
            self.sent = self.sent.take().map(View::known_before);
        }
    }

    /// How much each instance should get of new meetings, if that is something else than was said last. Found out with a heartbeat at most:
    /// nobody routes by it while a control plane answers.
    fn weigh(&mut self, new: &State) -> Vec<u32> {
        if self.weighed_at.is_some_and(|at| at.elapsed() < HEARTBEAT_INTERVAL) {
            return Vec::new();
        }
        self.weighed_at = Some(Instant::now());
        let weights = self.placer.weights(new);
        if weights == self.weights {
            return Vec::new();
        }
        self.weights.clone_from(&weights);
        weights
    }

    async fn wake(&mut self) -> Wake {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Wake::End,
            changed = self.changes.changed() => if changed.is_ok() { Wake::Changed } else { Wake::End },
            () = self.settings.changed() => Wake::Configured,
            _ = self.heartbeat.tick() => Wake::Heartbeat,
        }
    }

    /// The step from what was sent to `new`. A heartbeat is a step that changes nothing, but it carries the revision on, which also
    /// grows by what no proxy routes by.
    async fn begin(&mut self, new: State) -> Result<(), Status> {
        let weights = self.weigh(&new);
        let base = self.sent.take().filter(|sent| sent.epoch == new.epoch);
        self.step = Step {
            epoch: new.epoch.to_string(),
            base: base.as_ref().map(|base| base.revision.to_string()).unwrap_or_default(),
            revision: new.revision.to_string(),
            parts: match base {
                Some(base) => parts(&new.since(&base), &self.view),
                None => self.snapshots.make(&new, &self.view).await?,
            },
            weights,
        };
        self.sent = Some(new);
        Ok(())
    }
}

impl Step {
    fn next(&mut self) -> Option<Update> {
        let changes = self.parts.pop_front()?;
        let last = self.parts.is_empty();
        Some(Update {
            epoch: self.epoch.clone(),
            base: self.base.clone(),
            revision: self.revision.clone(),
            last,
            changes: Some(changes),
            weights: if last { std::mem::take(&mut self.weights) } else { Vec::new() },
        })
    }
}
