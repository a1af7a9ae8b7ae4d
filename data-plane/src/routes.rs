//! The table that all workers route by, and those who may change it.

use crate::table::{Assembly, Instance, OutOfStep, Part, Table};
use arc_swap::ArcSwap;
use arc_swap::cache::Cache;
use bbb::MeetingKey;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// What a worker reads from: a check of one atomic for each call, and no lock.
pub(crate) type Reader = Cache<Arc<ArcSwap<Table>>, Arc<Table>>;

/// Answers of the control plane that are remembered until a step has caught up with them. What is forgotten is asked for again.
const LEARNED_MAX: usize = 4096;

/// How long to wait for an instance that the control plane named and has not described yet. The description is sent before the answer
/// is, usually by the same control plane.
const INSTANCE_WAIT: Duration = Duration::from_secs(2);

/// The table. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub(crate) struct Routes {
    table: Arc<ArcSwap<Table>>,
    /// Taken by those who replace the table, never by those who read it.
    learned: Arc<Mutex<Vec<Learned>>>,
    changed: Arc<watch::Sender<()>>,
}

/// What the control plane answered about one meeting.
#[derive(Debug, Clone)]
struct Learned {
    tenant: Arc<str>,
    key: MeetingKey,
    instance: Arc<str>,
    /// The instance that the meeting was moved away from.
    left: Option<Arc<str>>,
}

impl Routes {
    pub(crate) fn new() -> Self {
        Self {
            table: Arc::new(ArcSwap::from_pointee(Table::default())),
            learned: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
        }
    }

    pub(crate) fn reader(&self) -> Reader {
        Cache::new(Arc::clone(&self.table))
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// Takes the next part of a step.
    ///
    /// # Errors
    /// It does not fit to what is known; the table is as before.
    pub(crate) fn take(&self, assembly: &mut Assembly, part: Part) -> Result<(), OutOfStep> {
        let Some(mut table) = assembly.take(&self.table.load(), part)? else { return Ok(()) };
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        // The step may have been built, here or there, before the control plane answered this.
        for Learned { tenant, key, instance, left } in learned.drain(..) {
            table.learn(&tenant, key, &instance, left.as_deref());
        }
        self.table.store(Arc::new(table));
        drop(learned);
        self.changed.send_replace(());
        Ok(())
    }

    /// Makes the very next call about a meeting find what the control plane answered; `left` is the instance it was moved away from.
    pub(crate) fn learn(&self, tenant: &Arc<str>, key: MeetingKey, instance: &Arc<str>, left: Option<Arc<str>>) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let mut table = Table::clone(&self.table.load());
        if !table.learn(tenant, key, instance, left.as_deref()) {
            // Were it remembered, the step that releases the meeting would bring it back.
            return;
        }
        self.table.store(Arc::new(table));
        if learned.len() == LEARNED_MAX {
            learned.remove(0);
        }
        learned.push(Learned { tenant: Arc::clone(tenant), key, instance: Arc::clone(instance), left });
    }

    /// The instance with this url; waits for it if it is too new to be known.
    pub(crate) async fn instance(&self, url: &str) -> Option<Arc<Instance>> {
        let mut changed = self.changed.subscribe();
        let known = || self.table.load().instance(url).cloned();
        let appears = async {
            loop {
                if let Some(instance) = known() {
                    return Some(instance);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(INSTANCE_WAIT, appears).await.unwrap_or(None)
    }
}
