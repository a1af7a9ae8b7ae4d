//! The BigBlueButton API protocol, as pure functions and values: no I/O, no clock, no locks.
//!
//! - [`address`]: instance urls and tenant hosts, as people write them;
//! - [`key`]: the identity of a meeting;
//! - [`checksum`]: how a call proves that its sender knows the shared [`Secret`].

pub mod address;
pub mod checksum;
pub mod key;
mod secret;

pub use address::{host_candidates, instance_url};
pub use key::MeetingKey;
pub use secret::Secret;
