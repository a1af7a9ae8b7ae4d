//! What Prometheus is told of every program.

use crate::live::Live;
use crate::settings::{Settings, Tls};
use crate::{logging, traces};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use metrics_process::Collector;

/// What is told of one program.
#[derive(Debug, Clone)]
pub struct Process {
    collector: Collector,
    live: Live,
    certificates: Certificates,
}

/// The sections of the configuration that name certificates which a program shows, and what stands in them.
pub type Certificates = fn(&Settings) -> Vec<(&'static str, Option<&Tls>)>;

impl Process {
    /// Describes it to the recorder that is current.
    pub fn new(live: Live, certificates: Certificates) -> Self {
        describe_gauge!("b3lb_build_info", "The version that runs");
        describe_gauge!(
            "b3lb_certificate_expiry_timestamp_seconds",
            Unit::Seconds,
            "When the certificate ends that is shown there, in seconds since 1970"
        );
        describe_gauge!("b3lb_configuration_current", "1 while what the files of the configuration say is in force");
        describe_counter!("b3lb_log_dropped_total", "Lines of the log that were left out");
        describe_counter!("b3lb_trace_spans_total", "Spans, by whether the collector took them");
        gauge!("b3lb_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let collector = Collector::default();
        collector.describe();
        Self { collector, live, certificates }
    }

    /// Tells the recorder that is current how things are.
    pub fn observe(&self) {
        self.collector.collect();
        gauge!("b3lb_configuration_current").set(if self.live.is_current() { 1.0 } else { 0.0 });
        for (section, tls) in (self.certificates)(&self.live.now()) {
            if let Some(end) = tls.and_then(|tls| self.live.ends_at(&tls.certificate)) {
                gauge!("b3lb_certificate_expiry_timestamp_seconds", "certificate" => section).set(end as f64);
            }
        }
        counter!("b3lb_log_dropped_total").absolute(logging::dropped());
        if let Some(spans) = traces::spans() {
            counter!("b3lb_trace_spans_total", "outcome" => "exported").absolute(spans.exported);
            counter!("b3lb_trace_spans_total", "outcome" => "lost").absolute(spans.lost);
        }
    }
}
