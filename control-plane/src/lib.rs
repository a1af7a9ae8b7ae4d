//! The control plane: owns the state, scores the instances continuously, decides placements and streams them to the proxies.
//!
//! - [`state`]: what is replicated, as one plain value with pure transitions;
//! - [`replica`]: this control plane's copy of it;
//! - [`store`]: where it is kept, Redis or embedded;
//! - [`metrics`]: what the instances' telegraf agents measured;
//! - [`policy`]: how instances are compared, as pure functions;
//! - [`ledger`]: the books of what each instance has, was promised and was seen with;
//! - [`placer`]: decides where meetings live;
//! - [`reconcile`]: keeps the state true to what runs;
//! - [`clock`]: the wall clock.

pub mod clock;
pub mod ledger;
pub mod metrics;
pub mod placer;
pub mod policy;
pub mod reconcile;
pub mod replica;
pub mod state;
pub mod store;
