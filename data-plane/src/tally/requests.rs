//! What becomes of the requests to one instance.

use super::{Durations, add};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::Instant;
use tracing::Span;

/// What one worker counted of the requests to one instance.
#[derive(Default)]
pub(crate) struct Requests {
    sent: [AtomicU64; Sent::ALL.len()],
    /// Answers that began well and were none in the end.
    garbage: AtomicU64,
    pub(super) durations: Durations,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Answered,
    /// With an error of the web server.
    Refused,
    /// No connection was made.
    Connect,
    /// It took too long.
    Timeout,
    /// A connection broke before the answer began.
    Broken,
    /// Too many wait for the instance.
    Busy,
    /// What the frontend sent was too large.
    Upload,
    /// Nobody waits for the answer any more.
    Abandoned,
}

/// A request that is under way; counted when this is dropped.
pub(crate) struct Sending<'a> {
    counts: &'a Requests,
    span: &'a Span,
    begun: Instant,
    sent: Sent,
}

impl Requests {
    /// Counts an answer that began well and is none.
    pub(crate) fn garbage(&self) {
        add(&self.garbage, 1);
    }

    pub(super) fn get(&self, sent: Sent) -> u64 {
        self.sent[sent as usize].load(Relaxed)
    }

    /// What went wrong by the instance's fault, and how often.
    pub(super) fn errors(&self) -> [(&'static str, u64); 4] {
        [
            (Sent::Connect.label(), self.get(Sent::Connect)),
            (Sent::Timeout.label(), self.get(Sent::Timeout)),
            (Sent::Broken.label(), self.get(Sent::Broken)),
            ("garbage", self.get(Sent::Refused) + self.garbage.load(Relaxed)),
        ]
    }
}

impl<'a> Sending<'a> {
    pub(crate) fn begin(counts: &'a Requests, span: &'a Span) -> Self {
        Self { counts, span, begun: Instant::now(), sent: Sent::Abandoned }
    }

    pub(crate) fn end(mut self, sent: Sent) {
        self.sent = sent;
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        add(&self.counts.sent[self.sent as usize], 1);
        if matches!(self.sent, Sent::Answered | Sent::Refused) {
            self.counts.durations.count(self.begun.elapsed());
        }
        self.span.record("b3lb.outcome", self.sent.label());
        if self.sent != Sent::Answered {
            self.span.record("otel.status_code", "ERROR");
        }
    }
}

impl Sent {
    pub(super) const ALL: [Self; 8] = [
        Self::Answered,
        Self::Refused,
        Self::Connect,
        Self::Timeout,
        Self::Broken,
        Self::Busy,
        Self::Upload,
        Self::Abandoned,
    ];

    /// How it is called in metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Busy => "busy",
            Self::Upload => "upload",
            Self::Abandoned => "abandoned",
        }
    }
}
