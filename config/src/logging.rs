//! Log lines on stderr.

use crate::settings::{Log, LogFormat};
use std::io::{IsTerminal, stderr};
use tracing_subscriber::EnvFilter;

/// Begins to log. The first call of a process decides; later ones change nothing.
pub fn start(log: &Log) {
    // The filter was checked when the configuration was loaded; one that was made by hand and is wrong logs what it can.
    let lines = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(&log.level)).with_writer(stderr);
    // The only error is that logging has begun already.
    let _ = match log.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
