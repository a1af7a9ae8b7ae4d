//! The control plane: owns the state, scores the instances continuously, decides placements and streams them to the proxies.
//!
//! - [`run()`]: one control plane, from its settings to its end, and [`check()`]: whether these settings will do;
//! - [`state`]: what is replicated, as one plain value with pure transitions;
//! - [`replica`]: this control plane's copy of it;
//! - [`store`]: where it is kept, Redis or embedded;
//! - [`metrics`]: what the instances' telegraf agents measured;
//! - [`policy`]: how instances are compared, as pure functions;
//! - [`ledger`]: the books of what each instance has, was promised and was seen with;
//! - [`placer`]: decides where meetings live;
//! - [`reconcile`]: keeps the state true to what runs;
//! - [`recordings`]: the same for recordings, and finds those that nobody knows; both ask instances for `lists`;
//! - [`grpc`]: what proxies and operators call, on the port that `serve` accepts connections on, beside what is served in `rest`;
//! - `meters`: what Prometheus is told;
//! - [`clock`]: the wall clock.

pub mod clock;
pub mod grpc;
mod hooks;
pub mod ledger;
mod lists;
mod meters;
pub mod metrics;
pub mod placer;
pub mod policy;
pub mod reconcile;
pub mod recordings;
pub mod replica;
mod rest;
mod run;
mod serve;
pub mod state;
pub mod store;

pub use run::{check, run};
