//! Keeps the hooks at the instances true to the wishes of the tenants, on one control plane at a time: an instance that is new, came back
//! or forgot its hooks gets them, and what nobody wishes any more is taken away.

use super::{Hooks, may_tell};
use crate::state::{Admission, Hook, Instance, State};
use crate::store::{Lease, StoreError};
use bbb::callback::seal::Seal;
use bbb::callback::{Kind, PATH};
use bbb::hook::Listed;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The name of the lease.
const JOB: &str = "hooks";

/// Rounds that the holder of the lease may miss before another control plane takes over.
const LEASE_ROUNDS: u32 = 3;

/// Rounds after the last hook is gone: what is left over of it, at an instance that was away, is still taken away then.
const ROUNDS_AFTER: u32 = 40;

/// Instances that are asked at the same time.
const ASKED_MAX: usize = 64;

/// Looks after the hooks, as long as its future is polled.
pub(crate) struct Rounds {
    hooks: Hooks,
    interval: Duration,
    lease: Option<Lease>,
    /// Rounds since there was a hook.
    idle: u32,
}

impl Rounds {
    pub(crate) fn new(hooks: Hooks, interval: Duration) -> Self {
        Self { hooks, interval, lease: None, idle: 0 }
    }

    /// Looks every interval, and when a hook comes or goes, until `shutdown`.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        loop {
            match shutdown.run_until_cancelled(self.round()).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::warn!(%error, "the hooks could not be looked after"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
                () = self.hooks.due.notified() => {}
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        let state = self.hooks.store.replica().state();
        self.idle = if state.hooks.is_empty() { self.idle.saturating_add(1) } else { 0 };
        if self.idle > ROUNDS_AFTER {
            return Ok(());
        }
        self.lease = self.hooks.store.lease(JOB, self.lease.as_ref(), self.interval * LEASE_ROUNDS).await?;
        if self.lease.is_none() {
            return Ok(());
        }
        let asked = state.instances.values().filter(|i| i.online && i.admission != Admission::Disabled).cloned();
        let asked: Vec<Arc<Instance>> = asked.collect();
        let (hooks, seen) = (&self.hooks, &state);
        let found: Vec<(Arc<str>, BTreeMap<u64, u64>)> = futures::stream::iter(asked)
            .map(async |instance| Some((instance.url.clone(), settle(hooks, seen, &instance).await?)))
            .buffer_unordered(ASKED_MAX)
            .filter_map(async |found| found)
            .collect()
            .await;
        for (id, hook) in &state.hooks {
            self.hooks.note(*id, merged(hook, &found)).await;
        }
        Ok(())
    }
}

/// Makes an instance have what it should; its ids of our hooks, by ours. `None` if it cannot be asked.
async fn settle(hooks: &Hooks, state: &State, instance: &Instance) -> Option<BTreeMap<u64, u64>> {
    let listed = hooks.ask(instance, "hooks/list", "").await?;
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    for (own, listed) in listed.iter().filter_map(|listed| Some((ours(&hooks.seal, listed)?, listed))) {
        let wanted = state.hooks.get(&own).is_some_and(|hook| may_tell(state, hook, instance));
        if wanted && !there.contains_key(&own) {
            there.insert(own, listed.id);
        } else if hooks.store.replica().state().hooks.contains_key(&own) && !state.hooks.contains_key(&own) {
            // It came while the instance was asked.
        } else {
            hooks.take_away(instance, listed.id).await;
        }
    }
    let missing = state.hooks.values().filter(|hook| !there.contains_key(&hook.id) && may_tell(state, hook, instance));
    let missing: Vec<&Arc<Hook>> = missing.collect();
    for hook in missing {
        // It may have been put there, or gone, since.
        let now = hooks.store.replica().state();
        let is_new = now
            .hooks
            .get(&hook.id)
            .is_some_and(|now| now.instances.get(&instance.url) == hook.instances.get(&instance.url));
        if is_new && let Some(id) = hooks.put(instance, hook).await {
            there.insert(hook.id, id);
        }
    }
    Some(there)
}

/// Where a hook is now: what was known of instances that did not answer stays.
fn merged(hook: &Hook, found: &[(Arc<str>, BTreeMap<u64, u64>)]) -> BTreeMap<Arc<str>, u64> {
    let mut instances = hook.instances.clone();
    for (url, there) in found {
        match there.get(&hook.id) {
            Some(id) => instances.insert(url.clone(), *id),
            None => instances.remove(url),
        };
    }
    instances
}

/// The id of the hook of ours that an instance lists.
fn ours(seal: &Seal, listed: &Listed) -> Option<u64> {
    let (_, token) = listed.callback_url.split_once(PATH)?;
    seal.open(token).filter(|destination| destination.kind == Kind::Hook)?.hook
}
