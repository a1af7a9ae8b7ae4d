//! The configuration file of every B3LB program, and what they need to start.
//!
//! - [`settings`]: the file, as types.

pub mod settings;

pub use settings::Settings;
