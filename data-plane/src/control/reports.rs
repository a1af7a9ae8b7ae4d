//! What a proxy saw, told to the control plane in batches.

use super::ControlPlanes;
use crate::meters::Meters;
use b3lb_proto::v1::event::Event as Kind;
use b3lb_proto::v1::{Event, MeetingEvent, RecordingsEvent, ReportRequest};
use bbb::MeetingKey;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Reports that wait to be sent. They are hints; a proxy whose control plane is away has nobody to tell them.
const WAITING_MAX: usize = 4096;
/// Reports in one call; 80 bytes each.
const BATCH_MAX: usize = 512;
/// Between two calls, so that a burst of creates makes few of them.
const BATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Something that a proxy saw.
#[derive(Debug, Clone)]
pub(crate) enum Report {
    /// An instance answered SUCCESS to a create.
    Created { tenant: Arc<str>, key: MeetingKey, instance: Arc<str> },
    /// An instance answered FAILED to the first create of a meeting.
    Refused { tenant: Arc<str>, key: MeetingKey, instance: Arc<str> },
    /// An instance answered SUCCESS to an end.
    Ended { tenant: Arc<str>, key: MeetingKey, instance: Arc<str> },
    /// An instance could not be connected.
    Unreachable { instance: Arc<str> },
    /// An instance answered SUCCESS to deleteRecordings.
    Deleted { tenant: Arc<str>, ids: Vec<String> },
}

/// Where workers leave their reports.
#[derive(Clone)]
pub(crate) struct Reports {
    waiting: mpsc::Sender<Report>,
    meters: Meters,
}

/// Sends what was left.
pub(crate) struct Reporter {
    waiting: mpsc::Receiver<Report>,
    control: ControlPlanes,
    meters: Meters,
    proxy: String,
}

/// Tells how many reports wait, without being one who could leave more.
#[derive(Clone)]
pub(crate) struct Waiting(mpsc::WeakSender<Report>);

impl Waiting {
    pub(crate) fn count(&self) -> usize {
        self.0.upgrade().map_or(0, |sender| sender.max_capacity() - sender.capacity())
    }
}

impl Reports {
    /// Tells how many wait.
    pub(crate) fn waiting(&self) -> Waiting {
        Waiting(self.waiting.downgrade())
    }

    /// Leaves a report, or counts that there is no room for it.
    pub(crate) fn tell(&self, report: Report) {
        if self.waiting.try_send(report).is_err() {
            self.meters.reports_dropped.increment(1);
        }
    }
}

impl Reporter {
    pub(crate) fn new(control: ControlPlanes, meters: Meters, proxy: String) -> (Reports, Self) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        let reports = Reports { waiting: sender, meters: meters.clone() };
        (reports, Self { waiting, control, meters, proxy })
    }

    /// Sends until nobody is left to report anything.
    pub(crate) async fn run(mut self) {
        let mut batch = Vec::new();
        while self.waiting.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let count = batch.len() as u64;
            let events = batch.drain(..).map(Event::from).collect();
            let request = ReportRequest { proxy: self.proxy.clone(), events };
            if self.control.ask(request, async |mut client, request| client.report(request).await).await.is_err() {
                self.meters.reports_dropped.increment(count);
            }
            tokio::time::sleep(BATCH_INTERVAL).await;
        }
    }
}

impl From<Report> for Event {
    fn from(report: Report) -> Self {
        let meeting = |tenant: Arc<str>, key: MeetingKey, instance: Arc<str>| MeetingEvent {
            tenant: tenant.to_string(),
            key: key.as_bytes().to_vec(),
            instance: instance.to_string(),
        };
        let event = match report {
            Report::Created { tenant, key, instance } => Kind::Created(meeting(tenant, key, instance)),
            Report::Refused { tenant, key, instance } => Kind::Refused(meeting(tenant, key, instance)),
            Report::Ended { tenant, key, instance } => Kind::Ended(meeting(tenant, key, instance)),
            Report::Deleted { tenant, ids } => Kind::Deleted(RecordingsEvent { tenant: tenant.to_string(), ids }),
            Report::Unreachable { instance } => Kind::Unreachable(instance.to_string()),
        };
        Event { event: Some(event) }
    }
}
