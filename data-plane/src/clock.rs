//! The wall clock, which only this file reads.

use std::time::SystemTime;

#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}
