//! The control plane's parts on real sockets.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod grpc;
mod metrics;
mod placer;
mod program;
mod random_changes;
mod redis_server;
mod redis_sets;
mod store;
