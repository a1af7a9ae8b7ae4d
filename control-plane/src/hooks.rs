//! Hooks: each is one wish of a tenant, and one hook at each of its instances, which `rounds` keeps true to the wishes.
//!
//! An instance tells a proxy, by a url that carries in a sealed token whose hook it is, and the proxy tells the tenant. That token is also
//! how our hooks are told from those of others in an instance's list.

mod rounds;

pub(crate) use rounds::Rounds;

use crate::lists::{Lists, chain};
use crate::state::{Admission, Change, Hook, Instance, State};
use crate::store::{Store, StoreError};
use bbb::callback::seal::{Destination, Seal};
use bbb::callback::{Kind, PATH};
use bbb::hook;
use bbb::query::encode;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::timeout;

/// Hooks of one tenant; a frontend needs one or two.
const HOOKS_MAX: usize = 1000;

/// How long instances may take of the two seconds that a proxy waits. Those that need longer get their hook with the next round.
const ASK_TIMEOUT: Duration = Duration::from_millis(1200);

/// Others may change the same hook meanwhile, but hardly this often.
const ATTEMPTS: u32 = 3;

/// The tenants' hooks. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Hooks {
    store: Store,
    lists: Lists,
    seal: Seal,
    /// There is something to do that should not wait.
    due: Arc<Notify>,
}

/// Why a hook cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HookError {
    #[error("there is no tenant {0:?}")]
    UnknownTenant(Arc<str>),
    #[error("the tenant {0} has {HOOKS_MAX} hooks, and there can be no more")]
    TooMany(Arc<str>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Hooks {
    pub(crate) fn new(store: Store, lists: Lists, seal: Seal) -> Self {
        Self { store, lists, seal, due: Arc::default() }
    }

    /// The hook that fulfils a wish, whose id is not looked at, and whether it was there before.
    ///
    /// # Errors
    /// See [`HookError`].
    pub(crate) async fn create(&self, wish: Hook) -> Result<(u64, bool), HookError> {
        let state = self.store.replica().state();
        if !is_tenant(&state, &wish.tenant) {
            return Err(HookError::UnknownTenant(wish.tenant));
        }
        let own = || state.hooks.values().filter(|hook| hook.tenant == wish.tenant);
        let same = own().find(|hook| hook.callback_url == wish.callback_url && hook.meeting_id == wish.meeting_id);
        if let Some(same) = same {
            return Ok((same.id, true));
        }
        if own().count() >= HOOKS_MAX {
            return Err(HookError::TooMany(wish.tenant));
        }
        let mut ids = std::iter::repeat_with(|| u64::from(rand::random::<u32>() >> 1));
        let id = ids.find(|id| *id > 0 && !state.hooks.contains_key(id)).unwrap_or(1);
        let hook = Hook { id, ..wish };
        self.store.commit(&state, vec![Change::Hook(hook.clone())], None).await?;
        let instances = self.register(&state, &hook).await;
        self.note(id, instances).await;
        // Whoever did not answer in time is asked again.
        self.due.notify_one();
        Ok((id, false))
    }

    /// Ends a hook of the tenant; false if it has none with this id.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be written.
    pub(crate) async fn destroy(&self, tenant: &str, id: u64) -> Result<bool, StoreError> {
        let state = self.store.replica().state();
        let Some(hook) = state.hooks.get(&id).filter(|hook| *hook.tenant == *tenant).cloned() else { return Ok(false) };
        self.store.commit(&state, vec![Change::HookRemoved(id)], None).await?;
        let there = hook.instances.iter().filter_map(|(url, id)| Some((state.instances.get(url)?, *id)));
        join_all(there.map(|(instance, id)| self.take_away(instance, id))).await;
        self.due.notify_one();
        Ok(true)
    }

    /// The hooks of a tenant; with a meetingID, those that tell of this meeting.
    pub(crate) fn list(&self, tenant: &str, meeting_id: Option<&str>) -> Vec<Arc<Hook>> {
        let state = self.store.replica().state();
        let tells =
            |hook: &Hook| meeting_id.is_none() || hook.meeting_id.is_none() || hook.meeting_id.as_deref() == meeting_id;
        state.hooks.values().filter(|hook| *hook.tenant == *tenant && tells(hook)).cloned().collect()
    }

    /// Puts a hook to all instances of its tenant; its ids there.
    async fn register(&self, state: &State, hook: &Hook) -> BTreeMap<Arc<str>, u64> {
        let instances: Vec<&Arc<Instance>> = state.instances.values().filter(|i| may_tell(state, hook, i)).collect();
        let ids = join_all(instances.iter().map(|instance| self.put(instance, hook))).await;
        instances.iter().zip(ids).filter_map(|(instance, id)| Some((instance.url.clone(), id?))).collect()
    }

    /// Puts a hook to one instance; its id there.
    async fn put(&self, instance: &Instance, hook: &Hook) -> Option<u64> {
        let destination = Destination {
            kind: Kind::Hook,
            tenant: hook.tenant.to_string(),
            instance: instance.url.to_string(),
            url: hook.callback_url.to_string(),
            hook: Some(hook.id),
            base: hook.base.to_string(),
        };
        let url = format!("{}{PATH}{}", hook.base, self.seal.seal(&destination, rand::random()));
        let mut query = format!("callbackURL={}&getRaw={}", encode(&url), hook.raw);
        for (name, value) in [("meetingID", &hook.meeting_id), ("eventID", &hook.event_id)] {
            if let Some(value) = value {
                query.push_str(&format!("&{name}={}", encode(value)));
            }
        }
        Some(self.ask(instance, "hooks/create", &query).await?.first()?.id)
    }

    async fn take_away(&self, instance: &Instance, id: u64) {
        // Whatever it answers: what is left over is found in its list.
        let _ = self.ask(instance, "hooks/destroy", &format!("hookID={id}")).await;
    }

    /// What an instance answers to a call about hooks; `None` if it is no success.
    async fn ask(&self, instance: &Instance, call: &str, query: &str) -> Option<Vec<hook::Listed>> {
        let answer = match timeout(ASK_TIMEOUT, self.lists.text(instance, call, query)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::info!(instance = %instance.url, call, error = chain(&error), "a hook is not where it should be");
                return None;
            }
            Err(_) => {
                tracing::info!(instance = %instance.url, call, "a hook is not where it should be: it took too long");
                return None;
            }
        };
        let read = hook::read(&answer);
        if read.is_none() {
            tracing::info!(instance = %instance.url, call, "an instance refused a call about hooks");
        }
        read
    }

    /// Notes at which instances a hook is.
    async fn note(&self, id: u64, instances: BTreeMap<Arc<str>, u64>) {
        for _ in 0..ATTEMPTS {
            let state = self.store.replica().state();
            let Some(known) = state.hooks.get(&id).filter(|known| known.instances != instances) else { return };
            let hook = Hook { instances: instances.clone(), ..known.as_ref().clone() };
            match self.store.commit(&state, vec![Change::Hook(hook)], None).await {
                Ok(_) => return,
                Err(StoreError::Conflict(_)) => {}
                Err(error) => {
                    tracing::info!(id, %error, "the next round notes where a hook is");
                    return;
                }
            }
        }
    }
}

/// The instance is to tell of what goes on, as the tenant may have meetings there.
fn may_tell(state: &State, hook: &Hook, instance: &Instance) -> bool {
    let may_use = state.tenants.get(&hook.tenant).map_or(state.tenants.is_empty(), |tenant| tenant.may_use(instance));
    may_use && instance.online && instance.admission != Admission::Disabled
}

fn is_tenant(state: &State, host: &str) -> bool {
    state.tenants.contains_key(host) || state.tenants.is_empty() && host == "*"
}
