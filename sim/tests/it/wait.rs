//! How tests wait: for a condition, and never for ever.

use std::time::Duration;

/// For what should be there at once: a busy machine is no failure.
const DEADLINE: Duration = Duration::from_secs(60);

/// The time from one look to the next.
const STEP: Duration = Duration::from_millis(10);

/// Waits until a condition holds.
pub(crate) async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    within(what, async {
        while !condition().await {
            tokio::time::sleep(STEP).await;
        }
    })
    .await;
}

/// Waits for something, though not for ever.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(DEADLINE, future).await {
        Ok(output) => output,
        Err(_) => panic!("not in time: {what}"),
    }
}
