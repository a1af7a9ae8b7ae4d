//! The control plane: owns the state, scores the instances continuously, decides placements and streams them to the proxies.
//!
//! - [`state`]: what is replicated, as one plain value with pure transitions;
//! - [`replica`]: this control plane's copy of it;
//! - [`store`]: where it is kept, Redis or embedded;
//! - [`metrics`]: what the instances' telegraf agents measured;
//! - [`clock`]: the wall clock.

pub mod clock;
pub mod metrics;
pub mod replica;
pub mod state;
pub mod store;
