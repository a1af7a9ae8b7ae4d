//! What Prometheus is told of this proxy, besides its [`tally`](crate::tally). Nothing is global, so that several proxies can run in
//! one process.

use crate::table::Table;
use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use std::sync::Arc;

/// The meters of one proxy. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Meters {
    recorder: Arc<PrometheusRecorder>,
    /// The control plane is being followed.
    pub(crate) connected: Gauge,
    pub(crate) updates: Counter,
    pub(crate) resyncs: Counter,
    pub(crate) reports_dropped: Counter,
    /// Meetings that this proxy placed by itself.
    pub(crate) placed_alone: Counter,
    /// Those of them that no control plane knows of yet.
    pub(crate) alone_waiting: Gauge,
    /// Connections of frontends.
    pub(crate) connections: Gauge,
    table: [Gauge; 3],
}

/// What went wrong with an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection was made.
    Connect,
    /// It took too long.
    Timeout,
    /// A connection broke before the answer began.
    Broken,
    /// The answer was an error of the web server, or none of HTTP.
    Garbage,
}

impl Meters {
    pub(crate) fn new() -> Self {
        let recorder = Arc::new(PrometheusBuilder::new().build_recorder());
        with_local_recorder(&*recorder, || {
            describe_gauge!("b3lb_watch_connected", "1 while a control plane is being followed");
            describe_counter!("b3lb_watch_updates_total", "Messages of the control plane that were applied");
            describe_counter!("b3lb_watch_resyncs_total", "Times that only the whole table could help");
            describe_counter!("b3lb_reports_dropped_total", "Reports that the control plane was never told");
            describe_counter!("b3lb_placed_alone_total", "Meetings that were placed while no control plane answered");
            describe_gauge!("b3lb_placed_alone_waiting", "Those of them that no control plane knows of yet");
            describe_gauge!("b3lb_connections", "Open connections of frontends");
            describe_counter!("b3lb_upstream_errors_total", "Calls of an instance that failed, by what went wrong");
            describe_gauge!("b3lb_table_size", "What the proxy routes by: instances, tenants, meetings");
            Self {
                recorder: Arc::clone(&recorder),
                connected: gauge!("b3lb_watch_connected"),
                updates: counter!("b3lb_watch_updates_total"),
                resyncs: counter!("b3lb_watch_resyncs_total"),
                reports_dropped: counter!("b3lb_reports_dropped_total"),
                placed_alone: counter!("b3lb_placed_alone_total"),
                alone_waiting: gauge!("b3lb_placed_alone_waiting"),
                connections: gauge!("b3lb_connections"),
                table: ["instances", "tenants", "meetings"].map(|of| gauge!("b3lb_table_size", "of" => of)),
            }
        })
    }

    /// Counts a call of an instance that failed. Rare enough to look the counter up.
    pub(crate) fn trouble(&self, instance: &str, trouble: Trouble) {
        let counter = with_local_recorder(
            &*self.recorder,
            || counter!("b3lb_upstream_errors_total", "instance" => instance.to_owned(), "error" => trouble.label()),
        );
        counter.increment(1);
    }

    /// Everything, in the text format of Prometheus.
    pub(crate) fn render(&self, table: &Table) -> String {
        for (gauge, size) in self.table.iter().zip(table.sizes()) {
            gauge.set(size as f64);
        }
        self.recorder.handle().render()
    }
}

impl Trouble {
    fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Broken => "broken",
            Self::Garbage => "garbage",
        }
    }
}
