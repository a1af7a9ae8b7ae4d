//! Streams that tell what something looks like whenever it looks different.

use futures::Stream;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// How often people are told of a change at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What `look` sees, at once and whenever it sees something else, until `shutdown` or an error, which is the last thing told.
pub(super) fn changes<T: Clone + PartialEq + Send>(
    look: impl FnMut() -> Result<T, Status> + Send,
    shutdown: CancellationToken,
) -> impl Stream<Item = Result<T, Status>> + Send {
    let mut ticks = interval(LOOK_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let looking = Looking { look, ticks, told: None, shutdown };
    futures::stream::unfold(Some(looking), async |looking| {
        let mut looking = looking?;
        let seen = looking.next().await?;
        let rest = seen.is_ok().then_some(looking);
        Some((seen, rest))
    })
}

struct Looking<L, T> {
    look: L,
    ticks: Interval,
    told: Option<T>,
    shutdown: CancellationToken,
}

impl<L: FnMut() -> Result<T, Status>, T: Clone + PartialEq> Looking<L, T> {
    async fn next(&mut self) -> Option<Result<T, Status>> {
        loop {
            tokio::select! {
                biased;
                () = self.shutdown.cancelled() => return None,
                _ = self.ticks.tick() => {}
            }
            match (self.look)() {
                Ok(seen) if self.told.as_ref() == Some(&seen) => {}
                Ok(seen) => {
                    self.told = Some(seen.clone());
                    return Some(Ok(seen));
                }
                Err(status) => return Some(Err(status)),
            }
        }
    }
}
