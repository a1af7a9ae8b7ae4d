//! Log lines on stderr.
//!
//! Whoever logs leaves the line in a queue and goes on; a thread of its own writes. A reader of stderr that stops reading must not stop
//! calls: lines that do not fit into the queue any more are left out and counted.
//!
//! `tracing-appender` has such a thread too, but does not count what could not be written, and when the queue is full at the end, prints
//! that on stdout, which may be closed or full itself.

use crate::settings::{Log, LogFormat};
use crate::traces;
use std::io::{self, IsTerminal, Write, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

/// Lines that wait to be written, of some hundred bytes each.
const WAITING_MAX: usize = 4096;

/// For what is left to be written when the process ends.
const FINISH_DEADLINE: Duration = Duration::from_secs(1);

/// What a process logs with.
static LOGGING: OnceLock<Logging> = OnceLock::new();

struct Logging {
    /// What is logged can change while the process runs.
    level: reload::Handle<EnvFilter, Registry>,
    lines: Lines,
}

/// Where lines are left. Cheap to clone; all clones are one.
#[derive(Clone)]
struct Lines {
    waiting: SyncSender<Wanted>,
    dropped: Arc<AtomicU64>,
}

/// What is wanted of the thread that writes.
enum Wanted {
    Line(Vec<u8>),
    /// All that came before is written, which is then told by dropping this.
    Written(#[expect(dead_code, reason = "dropping it tells")] SyncSender<()>),
}

/// Begins to log, and to trace if [`traces::start`] was called before. The first call of a process decides; later ones change nothing.
///
/// # Errors
/// There can be no more threads.
pub fn start(log: &Log) -> io::Result<()> {
    let (filter, level) = reload::Layer::new(filter(&log.level));
    let lines = Lines::start()?;
    let written = lines.clone();
    let layer = fmt::layer().with_writer(move || written.clone());
    let layer = match log.format {
        LogFormat::Text => layer.with_ansi(stderr().is_terminal()).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    let registry = tracing_subscriber::registry().with(layer.with_filter(filter));
    // A layer that may be none would want all spans.
    let started = match traces::layer() {
        Some(layer) => registry.with(layer).try_init(),
        None => registry.try_init(),
    };
    // The only error is that logging has begun already.
    if started.is_ok() {
        let _ = LOGGING.set(Logging { level, lines });
    }
    Ok(())
}

/// Logs what is configured now.
pub(crate) fn set_level(level: &str) {
    if let Some(logging) = LOGGING.get() {
        // The only error is that the process does not log any more.
        let _ = logging.level.reload(filter(level));
    }
}

/// Lines that were left out so far.
pub(crate) fn dropped() -> u64 {
    LOGGING.get().map_or(0, |logging| logging.lines.dropped.load(Ordering::Relaxed))
}

/// Says something on stderr in any case, behind what was logged.
pub(crate) fn say(text: &str) {
    let line = format!("{text}\n").into_bytes();
    match LOGGING.get() {
        Some(logging) => logging.lines.leave(line),
        // That nobody listens is no reason to fail.
        None => drop(stderr().write_all(&line)),
    }
}

/// Waits until everything is written that was logged, for as long as that may take at the end of a process.
pub(crate) fn finish() {
    if let Some(logging) = LOGGING.get() {
        let (told, written) = sync_channel(0);
        // It has no place while nobody reads; then the rest is lost.
        if logging.lines.waiting.try_send(Wanted::Written(told)).is_ok() {
            let _ = written.recv_timeout(FINISH_DEADLINE);
        }
    }
}

impl Lines {
    fn start() -> io::Result<Self> {
        let (waiting, wanted) = sync_channel(WAITING_MAX);
        let dropped = Arc::default();
        let lost = Arc::clone(&dropped);
        thread::Builder::new().name("b3lb-log".to_owned()).spawn(move || write_all(&wanted, &lost))?;
        Ok(Self { waiting, dropped })
    }

    fn leave(&self, line: Vec<u8>) {
        if self.waiting.try_send(Wanted::Line(line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Write for Lines {
    /// A whole line, which is how `tracing-subscriber` writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.leave(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_all(wanted: &Receiver<Wanted>, lost: &AtomicU64) {
    while let Ok(wanted) = wanted.recv() {
        if let Wanted::Line(line) = wanted
            && stderr().write_all(&line).is_err()
        {
            // Nobody reads them, or the disk is full.
            lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What every frontend could fill the log with: rustls warns of each greeting that names an IP address as a host. A filter that names the same
/// goes before it.
const HUSHED: &str = "rustls::msgs=error";

/// The filter was checked when the configuration was loaded; one that was made by hand and is wrong logs what it can. The spans of traces
/// are none of its business: where there are no traces, they must not come into being.
fn filter(level: &str) -> EnvFilter {
    let nothing = format!("{}=off", traces::TARGET).parse().expect("a target and a level");
    EnvFilter::new(format!("{HUSHED},{level}")).add_directive(nothing)
}
