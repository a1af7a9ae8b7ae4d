//! The control plane: owns the state, scores the instances continuously, decides placements and streams them to the proxies.
//!
//! - [`state`]: what is known, as one plain value with pure transitions.

pub mod state;
