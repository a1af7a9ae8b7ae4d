//! Counts by the name of an instance or a tenant.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Names that are counted apart at most: more instances than any pool known has. What is above goes by [`OTHER`].
const NAMES_MAX: usize = 1024;

/// How what has no name of its own is called.
pub(super) const OTHER: &str = "other";

/// Counts by a name, and by a word for what is counted. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<Mutex<Named>>);

type Named = BTreeMap<(Arc<str>, &'static str), u64>;

impl Counts {
    /// Counts one more. The name is one that the state knows.
    pub(crate) fn add(&self, name: &Arc<str>, word: &'static str) {
        let mut counts = self.lock();
        let known = |name: &Arc<str>| counts.contains_key(&(name.clone(), word));
        let name = if counts.len() < NAMES_MAX || known(name) { name.clone() } else { OTHER.into() };
        *counts.entry((name, word)).or_default() += 1;
    }

    /// All of them, without those whose names are not known any more, which are forgotten.
    pub(super) fn all(&self, is_known: impl Fn(&str) -> bool) -> Vec<(Arc<str>, &'static str, u64)> {
        let mut counts = self.lock();
        counts.retain(|(name, _), _| &**name == OTHER || is_known(name));
        counts.iter().map(|((name, word), count)| (name.clone(), *word, *count)).collect()
    }

    /// Nobody panics while holding it.
    fn lock(&self) -> MutexGuard<'_, Named> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
