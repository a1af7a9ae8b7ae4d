//! The BigBlueButton API protocol, as pure functions and values: no I/O, no clock, no locks.
//!
//! - [`address`]: instance urls and tenant hosts, as people write them;
//! - [`call`]: every call, and how it finds its instance;
//! - [`query`]: the raw query, whose bytes are what is signed;
//! - [`form`]: parameters that come in a body;
//! - [`checksum`]: how a call proves that its sender knows the shared [`Secret`];
//! - [`callback`]: what instances tell frontends by themselves;
//! - [`document`]: answers in BigBlueButton's wire format;
//! - [`hook`]: who is to be told of events;
//! - [`listing`]: lists of meetings, taken apart as they arrive and merged;
//! - [`parameters`]: what a pool and its tenants change in calls;
//! - [`key`]: the identity of a meeting.

pub mod address;
pub mod call;
pub mod callback;
pub mod checksum;
pub mod document;
pub mod form;
pub mod hook;
pub mod key;
pub mod listing;
pub mod parameters;
pub mod query;
mod secret;

pub use address::{host_candidates, instance_url};
pub use call::{Call, Route};
pub use form::Form;
pub use key::MeetingKey;
pub use query::Query;
pub use secret::Secret;
