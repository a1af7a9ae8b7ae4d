//! The real proxy on real sockets, between a scripted control plane, scripted instances and raw frontends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod alone;
mod bytes;
mod callbacks;
mod calls;
mod control;
mod creates;
mod ending;
mod failover;
mod faults;
mod frontend;
mod hooks;
mod instance;
mod limits;
mod lists;
mod malformed;
mod parameters;
mod posts;
mod proxy;
mod recordings;

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until a condition holds.
async fn eventually(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}
