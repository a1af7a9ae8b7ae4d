//! This control plane's copy of the state, which the store advances and everything else watches.

use crate::state::{Change, Revision, State};
use std::collections::VecDeque;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, watch};

/// States kept for proxies that reconnect: at 50 changes a second more than a minute, and a few kilobytes each, since states share all
/// they have in common.
pub const RECENT_STATES: usize = 4096;

/// The state as this control plane knows it. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Replica {
    state: Arc<watch::Sender<State>>,
    /// Recent states, oldest first, the current one last.
    recent: Arc<Mutex<VecDeque<State>>>,
    /// Wakes those who wait for a revision, also where no proxy routes by what it changed.
    advanced: Arc<Notify>,
}

impl Replica {
    /// A replica that starts from `state`.
    pub fn new(state: State) -> Self {
        let recent = VecDeque::from([state.clone()]);
        Self {
            state: Arc::new(watch::Sender::new(state)),
            recent: Arc::new(Mutex::new(recent)),
            advanced: Arc::default(),
        }
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Follows the state. Wakes only for what a proxy routes by; `borrow` shows every change.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    /// The state at `revision` of `epoch`, if it is recent enough.
    pub fn at(&self, epoch: &str, revision: Revision) -> Option<State> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let index = recent.binary_search_by_key(&revision, |state| state.revision).ok()?;
        recent.get(index).filter(|state| &*state.epoch == epoch).cloned()
    }

    /// Applies the changes that lead to `revision`. What is not newer than the state is left out, so that a change may be told twice.
    pub fn advance(&self, revision: Revision, changes: impl IntoIterator<Item = Change>) {
        self.state.send_if_modified(|state| {
            if revision <= state.revision {
                return false;
            }
            let mut routed = false;
            for change in changes {
                routed |= state.apply(change);
            }
            state.revision = revision;
            self.remember(state);
            routed
        });
        self.advanced.notify_waiters();
    }

    /// Replaces the state whole, with another history.
    pub fn reset(&self, new: State) {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.remember(&new);
        self.state.send_replace(new);
        self.advanced.notify_waiters();
    }

    /// Waits until the state contains `revision` of `epoch`; false as soon as it belongs to another epoch. Has no deadline of its own.
    pub async fn reached(&self, epoch: &str, revision: Revision) -> bool {
        loop {
            // Waits from here on, so that nothing is missed between the look at the state and the wait.
            let mut advanced = pin!(self.advanced.notified());
            advanced.as_mut().enable();
            {
                let state = self.state.borrow();
                if &*state.epoch != epoch {
                    return false;
                }
                if state.revision >= revision {
                    return true;
                }
            }
            advanced.await;
        }
    }

    fn remember(&self, state: &State) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == RECENT_STATES {
            recent.pop_front();
        }
        recent.push_back(state.clone());
    }
}

#[cfg(test)]
mod tests;
