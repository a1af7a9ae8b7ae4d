//! Log lines on stderr.

use crate::settings::{Log, LogFormat};
use crate::traces;
use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// What is logged can change while the process runs.
static LEVEL: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// Begins to log, and to trace if [`traces::start`] was called before. The first call of a process decides; later ones change nothing.
pub fn start(log: &Log) {
    let (filter, handle) = reload::Layer::new(filter(&log.level));
    let lines = fmt::layer().with_writer(stderr);
    let lines = match log.format {
        LogFormat::Text => lines.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let lines = tracing_subscriber::registry().with(lines.with_filter(filter));
    // A layer that may be none would want all spans.
    let started = match traces::layer() {
        Some(layer) => lines.with(layer).try_init(),
        None => lines.try_init(),
    };
    // The only error is that logging has begun already.
    if started.is_ok() {
        let _ = LEVEL.set(handle);
    }
}

/// Logs what is configured now.
pub(crate) fn set_level(level: &str) {
    if let Some(handle) = LEVEL.get() {
        // The only error is that the process does not log any more.
        let _ = handle.reload(filter(level));
    }
}

/// The filter was checked when the configuration was loaded; one that was made by hand and is wrong logs what it can. The spans of traces
/// are none of its business: where there are no traces, they must not come into being.
fn filter(level: &str) -> EnvFilter {
    let nothing = format!("{}=off", traces::TARGET).parse().expect("a target and a level");
    EnvFilter::new(level).add_directive(nothing)
}
