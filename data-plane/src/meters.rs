//! What Prometheus is told of this proxy, besides its [`tally`](crate::tally). Nothing is global, so that several proxies can run in
//! one process.

use crate::control::Waiting;
use crate::table::Table;
use b3lb_config::Live;
use b3lb_config::process::Process;
use b3lb_config::settings::{Settings, Tls};
use metrics::{Counter, Gauge, Unit, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The meters of one proxy. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Meters {
    recorder: Arc<PrometheusRecorder>,
    process: Process,
    /// The control plane is being followed.
    pub(crate) connected: Gauge,
    updates: Counter,
    /// When the control plane last said something.
    heard_at: Arc<Mutex<Option<Instant>>>,
    pub(crate) resyncs: Counter,
    pub(crate) reports_dropped: Counter,
    /// Meetings that this proxy placed by itself.
    pub(crate) placed_alone: Counter,
    /// Those of them that no control plane knows of yet.
    pub(crate) alone_waiting: Gauge,
    /// Connections of frontends.
    pub(crate) connections: Gauge,
    /// Lines of the access log that were left out.
    pub(crate) access_dropped: Counter,
    reports_waiting: Gauge,
    revision: Gauge,
    table: [Gauge; 4],
}

impl Meters {
    pub(crate) fn new(live: Live) -> Self {
        let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
        with_local_recorder(&*recorder, || {
            describe_gauge!("b3lb_watch_connected", "1 while a control plane is being followed");
            describe_gauge!("b3lb_watch_age_seconds", Unit::Seconds, "Since a control plane last said something");
            describe_counter!("b3lb_watch_updates_total", "Messages of the control plane that were applied");
            describe_counter!("b3lb_watch_resyncs_total", "Times that only the whole table could help");
            describe_gauge!("b3lb_revision", "What the table is as of: milliseconds since 1970, or a count");
            describe_gauge!("b3lb_reports_waiting", "Reports to the control plane that are not sent yet");
            describe_counter!("b3lb_reports_dropped_total", "Reports that the control plane was never told");
            describe_counter!("b3lb_placed_alone_total", "Meetings that were placed while no control plane answered");
            describe_gauge!("b3lb_placed_alone_waiting", "Those of them that no control plane knows of yet");
            describe_counter!("b3lb_access_log_dropped_total", "Lines of the access log that were left out");
            describe_gauge!("b3lb_connections", "Open connections of frontends");
            describe_gauge!("b3lb_table_size", "What the proxy routes by: instances, tenants, meetings, recordings");
            let sizes = ["instances", "tenants", "meetings", "recordings"];
            Self {
                recorder: Arc::clone(&recorder),
                process: Process::new(live, certificates),
                connected: gauge!("b3lb_watch_connected"),
                updates: counter!("b3lb_watch_updates_total"),
                heard_at: Arc::default(),
                resyncs: counter!("b3lb_watch_resyncs_total"),
                reports_dropped: counter!("b3lb_reports_dropped_total"),
                placed_alone: counter!("b3lb_placed_alone_total"),
                alone_waiting: gauge!("b3lb_placed_alone_waiting"),
                connections: gauge!("b3lb_connections"),
                access_dropped: counter!("b3lb_access_log_dropped_total"),
                reports_waiting: gauge!("b3lb_reports_waiting"),
                revision: gauge!("b3lb_revision"),
                table: sizes.map(|of| gauge!("b3lb_table_size", "of" => of)),
            }
        })
    }

    /// Counts a message of the control plane.
    pub(crate) fn updated(&self) {
        self.updates.increment(1);
        *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Everything, in the text format of Prometheus.
    pub(crate) fn render(&self, table: &Table, reports: &Waiting) -> String {
        for (gauge, size) in self.table.iter().zip(table.sizes()) {
            gauge.set(size as f64);
        }
        self.revision.set(number(&table.revision));
        self.reports_waiting.set(reports.count() as f64);
        let heard_at = *self.heard_at.lock().unwrap_or_else(PoisonError::into_inner);
        with_local_recorder(&*self.recorder, || {
            if let Some(at) = heard_at {
                gauge!("b3lb_watch_age_seconds").set(at.elapsed().as_secs_f64());
            }
            self.process.observe();
        });
        self.recorder.handle().render()
    }
}

fn certificates(settings: &Settings) -> Vec<(&'static str, Option<&Tls>)> {
    let own = &settings.data_plane;
    vec![("data_plane.tls", own.tls.as_ref()), ("data_plane.client_tls", own.client_tls.as_ref())]
}

/// A revision is two numbers, the first of which is a time in a store that has one, and 0 in others.
fn number(revision: &str) -> f64 {
    let (time, sequence) = revision.split_once('-').unwrap_or((revision, ""));
    match time.parse() {
        Ok(time) if time > 0.0 => time,
        _ => sequence.parse().unwrap_or(0.0),
    }
}
