//! Claims that go on while Redis is replaced.

use super::{ONE, Running, TWO, claim, eventually, instances, place_of};
use b3lb_config::Settings;
use b3lb_control_plane::store::{Claimed, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Claims that have to be acknowledged before anything else may happen.
const SOME: usize = 100;

/// Two control planes, on each of which meetings are placed one after the other.
pub(super) struct Stream {
    stores: [Running; 2],
    settings: Settings,
    placing: JoinSet<Vec<String>>,
    done: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Stream {
    pub(super) async fn start(settings: &Settings) -> Self {
        let stores = [Running::open(settings).await, Running::open(settings).await];
        stores[0].put(instances(&[ONE, TWO])).await;
        stores[1].until(|state| state.instances.len() == 2).await;
        let (done, acknowledged) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let mut placing = JoinSet::new();
        for (name, store) in ["a", "b"].into_iter().zip(&stores) {
            placing.spawn(place(store.store.clone(), name, done.clone(), acknowledged.clone()));
        }
        let stream = Self { stores, settings: settings.clone(), placing, done, acknowledged };
        stream.goes_on().await;
        stream
    }

    /// Waits until some more claims have been acknowledged.
    pub(super) async fn goes_on(&self) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        eventually(|| self.acknowledged.load(Ordering::Relaxed) > before + SOME).await;
    }

    /// Ends it. Whatever was acknowledged must be known to both control planes, and to one that is new.
    pub(super) async fn ends_complete(self) {
        self.done.store(true, Ordering::Relaxed);
        let placed: Vec<String> = self.placing.join_all().await.into_iter().flatten().collect();
        for store in &self.stores {
            store.until(|state| placed.iter().all(|id| place_of(state, id).as_deref() == Some(ONE))).await;
        }
        let fresh = Running::open(&self.settings).await;
        let lost: Vec<_> = placed.iter().filter(|id| place_of(&fresh.state(), id).is_none()).collect();
        assert!(lost.is_empty(), "{} of {}: {lost:?}", lost.len(), placed.len());
    }
}

/// The meetings that were placed.
async fn place(store: Store, name: &str, done: Arc<AtomicBool>, acknowledged: Arc<AtomicUsize>) -> Vec<String> {
    let mut placed = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let id = format!("{name}{}", placed.len());
        match store.claim(&claim(&id, ONE)).await {
            // An earlier attempt that had no answer may have succeeded.
            Ok(Claimed::Placed | Claimed::Existing(_)) => placed.push(id),
            Ok(Claimed::Refused(refusal)) => panic!("{refusal:?}"),
            Err(StoreError::Unavailable(_)) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    placed
}
