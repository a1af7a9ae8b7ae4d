//! The access log: a line for each call on stdout.
//!
//! A worker leaves what is to be written in a queue and goes on; a thread of its own writes. If that cannot follow, lines are left out
//! and counted, and no call waits.

use crate::tally::Outcome;
use crate::trace;
use b3lb_config::settings::LogFormat;
use bbb::Call;
use metrics::Counter;
use serde_json::json;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, SystemTime};
use tokio::sync::oneshot;

/// Lines that wait to be written: at a hundred thousand calls a second, those of several [`PAUSE`]s.
const WAITING_MAX: usize = 8192;

/// After everything that waited was written. Meanwhile nobody has to wake the thread, which would cost a call a system call.
const PAUSE: Duration = Duration::from_millis(20);

/// Where workers leave their lines. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Access {
    waiting: SyncSender<Line>,
    dropped: Counter,
}

/// One call. Neither its query nor a header of it: those hold secrets and names.
pub(crate) struct Line {
    pub(crate) at: SystemTime,
    pub(crate) client: Box<str>,
    pub(crate) tenant: Option<Arc<str>>,
    pub(crate) call: Call,
    pub(crate) outcome: Outcome,
    /// None if the frontend went away.
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    pub(crate) instance: Option<Arc<str>>,
    pub(crate) trace: Option<Box<str>>,
}

impl Access {
    /// Starts the thread that writes. It ends when nobody is left to leave a line, and the receiver is told.
    ///
    /// # Errors
    /// There can be no more threads.
    pub(crate) fn start(format: LogFormat, dropped: Counter) -> io::Result<(Self, oneshot::Receiver<()>)> {
        let (sender, waiting) = sync_channel(WAITING_MAX);
        let (ended, end) = oneshot::channel();
        let lost = dropped.clone();
        thread::Builder::new().name("b3lb-access".to_owned()).spawn(move || {
            write_all(&waiting, format, &lost);
            // Nobody waits any more if the whole proxy was dropped.
            let _ = ended.send(());
        })?;
        Ok((Self { waiting: sender, dropped }, end))
    }

    /// Leaves a line, or counts that there is no room for it.
    pub(crate) fn leave(&self, line: Line) {
        if self.waiting.try_send(line).is_err() {
            self.dropped.increment(1);
        }
    }
}

fn write_all(waiting: &Receiver<Line>, format: LogFormat, lost: &Counter) {
    let mut out = BufWriter::new(io::stdout());
    while let Ok(first) = waiting.recv() {
        let mut count = 0;
        let written = std::iter::once(first).chain(waiting.try_iter()).take(WAITING_MAX).try_for_each(|line| {
            count += 1;
            line.write(format, &mut out)
        });
        if written.and_then(|()| out.flush()).is_err() {
            // Nobody reads them, or the disk is full.
            lost.increment(count);
        }
        thread::sleep(PAUSE);
    }
}

impl Line {
    fn write(&self, format: LogFormat, out: &mut impl Write) -> io::Result<()> {
        let time = humantime::format_rfc3339_millis(self.at);
        let (call, outcome) = (trace::call_name(self.call), self.outcome.label());
        let Self { client, tenant, status, instance, trace, .. } = self;
        if format == LogFormat::Json {
            let line = json!({
                "time": time.to_string(),
                "client": client,
                "tenant": tenant.as_deref(),
                "call": call,
                "outcome": outcome,
                "status": status,
                "duration_ms": self.took.as_micros() as f64 / 1000.0,
                "instance": instance.as_deref(),
                "trace_id": trace,
            });
            return writeln!(out, "{line}");
        }
        let or_none = |text: Option<&str>| text.unwrap_or("-").to_owned();
        writeln!(
            out,
            "{time} {client} {} {call} {outcome} {} {:.3}ms {} {}",
            or_none(tenant.as_deref()),
            status.map_or_else(|| "-".to_owned(), |status| status.to_string()),
            self.took.as_micros() as f64 / 1000.0,
            or_none(instance.as_deref()),
            or_none(trace.as_deref()),
        )
    }
}
