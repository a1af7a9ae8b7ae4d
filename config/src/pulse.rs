//! Whether what has to go on for ever does. What ends by an error or a panic ends its process; this is for what only stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The pulse of a thread or a task. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Whose it is, for people.
    whose: &'static str,
    patience: Duration,
    begun: Instant,
    /// Milliseconds from the beginning to the last beat.
    last: AtomicU64,
}

impl Pulse {
    /// Of something that beats more often than `patience` says, by far: a machine that is busy is none that stands still.
    pub fn new(whose: &'static str, patience: Duration) -> Self {
        Self(Arc::new(Shared { whose, patience, begun: Instant::now(), last: AtomicU64::new(0) }))
    }

    /// It goes on.
    pub fn beat(&self) {
        self.0.last.store(self.now(), Ordering::Relaxed);
    }

    /// Whose it is, if it has not beaten for too long.
    pub fn stopped(&self) -> Option<&'static str> {
        let since = Duration::from_millis(self.now().saturating_sub(self.0.last.load(Ordering::Relaxed)));
        (since > self.0.patience).then_some(self.0.whose)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn what_stands_still_is_named() {
        let pulse = Pulse::new("a worker", Duration::from_secs(30));
        advance(Duration::from_secs(29)).await;
        assert_eq!(pulse.stopped(), None);
        pulse.beat();
        advance(Duration::from_secs(30)).await;
        assert_eq!(pulse.stopped(), None);
        advance(Duration::from_millis(1)).await;
        assert_eq!(pulse.stopped(), Some("a worker"));
    }
}
