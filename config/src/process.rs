//! What Prometheus is told of every program.

use crate::live::Live;
use crate::settings::{Settings, Tls};
use crate::{tls, traces};
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
        describe_counter!("b3lb_trace_spans_total", "Spans, by whether the collector took them");
        gauge!("b3lb_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let collector = Collector::default();
        collector.describe();
        Self { collector, live, certificates }
    }

    /// Tells the recorder that is current how things are.
    pub fn observe(&self) {
        self.collector.collect();
        for (section, tls) in (self.certificates)(&self.live.now()) {
            if let Some(end) = tls.and_then(|tls| tls::ends_at(&tls.certificate)) {
                gauge!("b3lb_certificate_expiry_timestamp_seconds", "certificate" => section).set(end as f64);
            }
        }
        if let Some(spans) = traces::spans() {
            counter!("b3lb_trace_spans_total", "outcome" => "exported").absolute(spans.exported);
            counter!("b3lb_trace_spans_total", "outcome" => "lost").absolute(spans.lost);
        }
    }
}
