//! `b3lb` as its users start it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod configuration;
mod demo;
mod planes;
mod reload;
mod traces;
