//! Meetings that this proxy placed by itself, until a control plane knows of them.

use super::ControlPlanes;
use crate::meters::Meters;
use b3lb_proto::v1::event::Event as Kind;
use b3lb_proto::v1::{AloneEvent, Event, ReportRequest};
use bbb::MeetingKey;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Placements that are kept: hours of a large pool. Of those that are too old the control planes learn from the instances.
const KEPT_MAX: usize = 16_384;
/// Placements in one call. Each is a write to the store, and all of them have to be written before the call is given up.
const BATCH_MAX: usize = 128;
/// Between two attempts while no control plane takes them.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// A meeting that was created where nobody but this proxy had chosen.
#[derive(Debug, Clone)]
pub(crate) struct PlacedAlone {
    pub(crate) tenant: Arc<str>,
    pub(crate) key: MeetingKey,
    pub(crate) instance: Arc<str>,
    /// The meetingID, for people.
    pub(crate) meeting_id: String,
}

/// Where workers leave their placements.
#[derive(Clone)]
pub(crate) struct Alone {
    kept: Arc<Mutex<Kept>>,
    news: Arc<Notify>,
    meters: Meters,
}

/// What no control plane knows of, the oldest first.
#[derive(Default)]
struct Kept {
    placed: VecDeque<(PlacedAlone, Instant)>,
    /// How many were there before the first of these.
    gone: usize,
}

/// Tells them to a control plane, until one knows them.
pub(crate) struct AloneReporter {
    alone: Alone,
    control: ControlPlanes,
    proxy: String,
}

impl Alone {
    /// Keeps a placement until it was told. The oldest makes room where there is none.
    pub(crate) fn keep(&self, placed: PlacedAlone) {
        let mut kept = self.kept();
        if kept.placed.len() == KEPT_MAX {
            kept.forget(1);
            self.meters.reports_dropped.increment(1);
        }
        kept.placed.push_back((placed, Instant::now()));
        self.meters.placed_alone.increment(1);
        self.meters.alone_waiting.set(kept.placed.len() as f64);
        drop(kept);
        self.news.notify_one();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, count: usize) {
        self.placed.drain(..count);
        self.gone += count;
    }
}

impl AloneReporter {
    pub(crate) fn new(control: ControlPlanes, meters: Meters, proxy: String) -> (Alone, Self) {
        let alone = Alone { kept: Arc::default(), news: Arc::default(), meters };
        (alone.clone(), Self { alone, control, proxy })
    }

    /// Tells for ever.
    pub(crate) async fn run(self) {
        loop {
            let (batch, end) = {
                let kept = self.alone.kept();
                let batch: Vec<_> = kept.placed.iter().take(BATCH_MAX).cloned().collect();
                let end = kept.gone + batch.len();
                (batch, end)
            };
            if batch.is_empty() {
                self.alone.news.notified().await;
                continue;
            }
            let count = batch.len();
            let events = batch.into_iter().map(event).collect();
            let request = ReportRequest { proxy: self.proxy.clone(), events };
            if self.control.ask(request, async |mut client, request| client.report(request).await).await.is_err() {
                tokio::time::sleep(RETRY_INTERVAL).await;
                continue;
            }
            let mut kept = self.alone.kept();
            // Some of them may have made room meanwhile.
            let told = end.saturating_sub(kept.gone);
            kept.forget(told);
            self.alone.meters.alone_waiting.set(kept.placed.len() as f64);
            tracing::info!(count, "a control plane knows what was placed without one");
        }
    }
}

fn event((placed, at): (PlacedAlone, Instant)) -> Event {
    let PlacedAlone { tenant, key, instance, meeting_id } = placed;
    let (tenant, instance) = (tenant.to_string(), instance.to_string());
    let age_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
    let event = AloneEvent { tenant, key: key.as_bytes().to_vec(), instance, meeting_id, age_ms };
    Event { event: Some(Kind::PlacedAlone(event)) }
}
