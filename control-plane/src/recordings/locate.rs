//! Looks for recordings that a proxy is asked for: in the state, then on the tenant's instances.

use super::{ask, is_of, owner};
use crate::lists::{ListError, Lists, chain};
use crate::state::{Admission, Change, Instance, Recording, State, Tenant};
use crate::store::{Store, StoreError};
use futures::future::join_all;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How long the instances may take. A proxy waits for two seconds, and what was found has to be written.
const ASK_TIMEOUT: Duration = Duration::from_millis(1200);

/// How long others may be waited for before that.
const TURN_TIMEOUT: Duration = Duration::from_millis(300);

/// How long what was found may take to be written. It is looked for again if it takes longer.
const WRITE_TIMEOUT: Duration = Duration::from_millis(300);

/// Searches at a time; each asks every instance of a tenant.
const SEARCHES_MAX: usize = 32;

/// Recordings that are looked for in one search: more ids than a query of 64 kB has.
const IDS_MAX: usize = 2000;

/// Finds recordings. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Locator {
    store: Store,
    lists: Lists,
    searches: Arc<Semaphore>,
}

/// Why it cannot be said where recordings are.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocateError {
    /// Nobody has this host.
    #[error("there is no tenant {0:?}")]
    UnknownTenant(String),
    /// So many cannot be looked for.
    #[error("at most {IDS_MAX} recordings are looked for at a time")]
    TooMany,
    /// An instance that may have one of them was asked in vain.
    #[error("{0} may have it, and does not answer")]
    Unsure(Arc<str>),
    /// Others are looking for theirs.
    #[error("too many recordings are looked for at the moment")]
    Busy,
}

impl Locator {
    pub(super) fn new(store: Store, lists: Lists) -> Self {
        Self { store, lists, searches: Arc::new(Semaphore::new(SEARCHES_MAX)) }
    }

    /// The instances of those of a tenant's recordings that exist, by recordID. A recording of somebody else is none of them.
    ///
    /// # Errors
    /// [`LocateError`] if one that is not found may exist all the same.
    pub(crate) async fn locate(&self, host: &str, ids: &[String]) -> Result<HashMap<String, Arc<str>>, LocateError> {
        if ids.len() > IDS_MAX {
            return Err(LocateError::TooMany);
        }
        let state = self.store.replica().state();
        let tenant = tenant_of(&state, host).ok_or_else(|| LocateError::UnknownTenant(host.to_owned()))?;
        let (mut found, mut unknown) = (HashMap::new(), BTreeSet::new());
        for id in ids {
            let known = state.recordings.get(id.as_str()).filter(|known| state.instances.contains_key(&known.instance));
            match known.map(|known| (is_of(&state, known, host), &known.instance)) {
                Some((Some(true), instance)) => drop(found.insert(id.clone(), instance.clone())),
                Some((Some(false), _)) => {}
                Some((None, _)) | None => drop(unknown.insert(id.as_str())),
            }
        }
        if !unknown.is_empty() {
            self.search(&state, &tenant, &unknown, &mut found).await?;
        }
        Ok(found)
    }

    /// Forgets recordings of a tenant that were deleted.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be written; they are missed by the next looks at their instance then.
    pub(crate) async fn forget(&self, host: &str, ids: &[String]) -> Result<(), StoreError> {
        let state = self.store.replica().state();
        let is_its = |id: &str| {
            let known = state.recordings.get(id);
            known.is_some_and(|known| is_of(&state, known, host) == Some(true))
        };
        let gone: BTreeSet<&str> = ids.iter().map(String::as_str).filter(|id| is_its(id)).collect();
        let changes = gone.into_iter().map(|id| Change::RecordingRemoved(id.into())).collect();
        match self.store.commit(&state, changes, None).await {
            Ok(_) => Ok(()),
            Err(StoreError::Conflict(what)) => {
                tracing::debug!(what, "what was deleted is changed by somebody else");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn search(
        &self,
        state: &State,
        tenant: &Tenant,
        unknown: &BTreeSet<&str>,
        found: &mut HashMap<String, Arc<str>>,
    ) -> Result<(), LocateError> {
        let Ok(Ok(_turn)) = timeout(TURN_TIMEOUT, self.searches.acquire()).await else {
            return Err(LocateError::Busy);
        };
        let ids: Vec<&str> = unknown.iter().copied().collect();
        let wanted = |instance: &&Arc<Instance>| instance.admission != Admission::Disabled && tenant.may_use(instance);
        let asked = state.instances.values().filter(wanted).map(async |instance| {
            let answer = timeout(ASK_TIMEOUT, ask::some(&self.lists, instance, &ids)).await;
            (instance, answer.unwrap_or(Err(ListError::Timeout(ASK_TIMEOUT))))
        });
        let mut changes = Vec::new();
        let mut silent = None;
        for (instance, answer) in join_all(asked).await {
            let listed = match answer {
                Ok(listed) => listed,
                Err(error) => {
                    tracing::info!(instance = %instance.url, error = chain(&error), "recordings are not looked for here");
                    // What one had that is away for long was listed before.
                    if instance.online {
                        silent = Some(instance.url.clone());
                    }
                    continue;
                }
            };
            for recording in listed.iter().filter(|found| !found.deleted && unknown.contains(found.id.as_str())) {
                let owner = owner::of_listed(state, &instance.url, recording);
                if owner.as_deref() == Some(&*tenant.host) {
                    found.insert(recording.id.clone(), instance.url.clone());
                }
                let kept = Recording { instance: instance.url.clone(), tenant: owner };
                changes.push(Change::Recorded(recording.id.as_str().into(), kept));
            }
        }
        let missing = unknown.iter().any(|id| !changes.iter().any(|change| is_recorded(change, id)));
        self.write(state, changes).await;
        match silent {
            Some(url) if missing => Err(LocateError::Unsure(url)),
            _ => Ok(()),
        }
    }

    async fn write(&self, state: &State, changes: Vec<Change>) {
        match timeout(WRITE_TIMEOUT, self.store.commit(state, changes, None)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::info!(%error, "recordings were found and could not be noted"),
            Err(_) => tracing::info!("recordings were found and noting them takes too long"),
        }
    }
}

fn is_recorded(change: &Change, id: &str) -> bool {
    matches!(change, Change::Recorded(recorded, _) if **recorded == *id)
}

/// The tenant with this host, as proxies are told of it.
fn tenant_of(state: &State, host: &str) -> Option<Arc<Tenant>> {
    match state.tenants.get(host) {
        Some(tenant) => Some(tenant.clone()),
        None => (state.tenants.is_empty() && host == "*").then(|| Arc::new(Tenant::new("*", []))),
    }
}
