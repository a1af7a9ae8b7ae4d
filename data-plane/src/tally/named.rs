//! Counts by the name of something, of which there may be only so many: the tenants and the instances of the table.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The names that have counts of their own, the same ones for all workers. Whoever comes first has one.
pub(crate) struct Labels {
    most: usize,
    taken: Mutex<HashSet<Arc<str>>>,
}

/// What one worker shows of its counts.
pub(super) struct Shown<T> {
    labels: Arc<Labels>,
    named: Mutex<HashMap<Arc<str>, Arc<T>>>,
    /// Of all that have no label.
    other: Arc<T>,
}

/// How one worker finds the counts of a name, without a lock unless it is new.
pub(super) struct Named<T>(RefCell<HashMap<Arc<str>, Arc<T>>>);

/// A label's value as Prometheus writes it.
pub(crate) struct Label<'a>(pub(crate) &'a str);

/// How what has no label is called.
pub(super) const OTHER: &str = "other";

impl Labels {
    pub(super) fn new(most: usize) -> Self {
        Self { most, taken: Mutex::default() }
    }

    fn grant(&self, name: &Arc<str>) -> bool {
        let mut taken = lock(&self.taken);
        if taken.len() < self.most || taken.contains(name) {
            taken.insert(Arc::clone(name));
            return true;
        }
        false
    }

    fn retain(&self, is_known: impl Fn(&str) -> bool) {
        lock(&self.taken).retain(|name| is_known(name));
    }
}

impl<T: Default> Shown<T> {
    pub(super) fn new(labels: Arc<Labels>) -> Self {
        Self { labels, named: Mutex::default(), other: Arc::default() }
    }

    /// Calls `see` for each name and its counts.
    pub(super) fn each(&self, mut see: impl FnMut(&str, &Arc<T>)) {
        for (name, counts) in lock(&self.named).iter() {
            see(name, counts);
        }
        see(OTHER, &self.other);
    }
}

impl<T: Default> Named<T> {
    /// Does something with the counts of a name.
    pub(super) fn with<R>(&self, shown: &Shown<T>, name: &Arc<str>, act: impl FnOnce(&Arc<T>) -> R) -> R {
        if let Some(counts) = self.0.borrow().get(name) {
            return act(counts);
        }
        let counts = match shown.labels.grant(name) {
            true => Arc::clone(lock(&shown.named).entry(Arc::clone(name)).or_default()),
            false => Arc::clone(&shown.other),
        };
        act(self.0.borrow_mut().entry(Arc::clone(name)).or_insert(counts))
    }

    /// Forgets the names that are not known any more, and lets those that had no label ask for one again.
    pub(super) fn retain(&self, shown: &Shown<T>, is_known: impl Fn(&str) -> bool) {
        shown.labels.retain(&is_known);
        lock(&shown.named).retain(|name, _| is_known(name));
        self.0.borrow_mut().retain(|name, counts| is_known(name) && !Arc::ptr_eq(counts, &shown.other));
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => write!(f, "{c}"),
        })
    }
}

/// Nobody panics while holding one of these; what was counted stays good if it did happen.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    fn seen(shown: &Shown<AtomicU64>) -> Vec<(String, u64)> {
        let mut seen = Vec::new();
        shown.each(|name, counts| seen.push((name.to_owned(), counts.load(Relaxed))));
        seen.sort();
        seen
    }

    #[test]
    fn names_are_few_and_forgotten() {
        let labels = Arc::new(Labels::new(2));
        let (first, second) = (Shown::new(Arc::clone(&labels)), Shown::new(labels));
        let (one, two) = (Named::default(), Named::default());
        let [a, b, c] = ["a", "b", "c"].map(Arc::from);
        let count = |counts: &Arc<AtomicU64>| {
            counts.fetch_add(1, Relaxed);
        };
        for name in [&a, &b, &c, &a] {
            one.with(&first, name, count);
        }
        // Another worker labels the same names, whichever comes first there.
        for name in [&c, &b] {
            two.with(&second, name, count);
        }
        let pairs =
            |pairs: &[(&str, u64)]| pairs.iter().map(|(n, count)| ((*n).to_owned(), *count)).collect::<Vec<_>>();
        assert_eq!(seen(&first), pairs(&[("a", 2), ("b", 1), (OTHER, 1)]));
        assert_eq!(seen(&second), pairs(&[("b", 1), (OTHER, 1)]));
        one.retain(&first, |name| name != "a");
        one.with(&first, &c, count);
        assert_eq!(seen(&first), pairs(&[("b", 1), ("c", 1), (OTHER, 1)]));
    }

    #[test]
    fn labels_are_escaped() {
        assert_eq!(Label("a\\b\"c\nd").to_string(), "a\\\\b\\\"c\\nd");
    }
}
