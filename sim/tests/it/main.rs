//! The simulator by itself, held to what BigBlueButton answers; and the whole system between simulated frontends and instances.

#![allow(
    clippy::unwrap_used,
    reason = "all of this is tests, which clippy sees only where a function is marked as one"
)]

mod blackbox;
mod documents;
mod faults;
mod instance;
mod placement;
mod recordings;
mod system;
mod telegraf;
mod wait;
