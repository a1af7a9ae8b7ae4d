//! The collector that spans are sent to.

use super::{PLANE, Spans, TracesError};
use opentelemetry::{KeyValue, Value};
use opentelemetry_otlp::tonic_types::transport::ClientTlsConfig;
use opentelemetry_otlp::{SpanExporter as Otlp, WithExportConfig, WithTonicConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use rustls::RootCertStore;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use url::Url;

/// For one batch. A collector is near, or has another one near that forwards.
const SEND_DEADLINE: Duration = Duration::from_secs(3);

/// The planes, and how each is called as a service.
const SERVICES: [(&str, &str); 2] = [("data", "b3lb-data-plane"), ("control", "b3lb-control-plane")];

/// A collector. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Collector(Arc<Shared>);

struct Shared {
    /// In the order of [`SERVICES`].
    services: [Arc<Otlp>; SERVICES.len()],
    /// What is sent is sent here, so that it holds nobody up.
    runtime: Runtime,
    exported: AtomicU64,
    lost: AtomicU64,
    /// The last batch was not taken.
    away: AtomicBool,
}

impl Collector {
    /// Connects when there is something to send.
    pub(super) fn new(endpoint: &Url, roots: Option<RootCertStore>) -> Result<Self, TracesError> {
        let failed = |error: &dyn fmt::Display| TracesError::Exporter(error.to_string());
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("b3lb-traces").enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        let within = runtime.enter();
        let service = |name: &'static str| {
            let builder = Otlp::builder().with_tonic().with_endpoint(endpoint.as_str()).with_timeout(SEND_DEADLINE);
            let builder = match &roots {
                Some(roots) => {
                    builder.with_tls_config(ClientTlsConfig::new().trust_anchors(roots.roots.iter().cloned()))
                }
                None => builder,
            };
            let mut exporter = builder.build().map_err(|error| failed(&error))?;
            let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
            exporter.set_resource(&Resource::builder_empty().with_service_name(name).with_attribute(version).build());
            Ok::<_, TracesError>(Arc::new(exporter))
        };
        let [data, control] = SERVICES.map(|(_, name)| service(name));
        let services = [data?, control?];
        drop(within);
        let (exported, lost, away) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
        Ok(Self(Arc::new(Shared { services, runtime, exported, lost, away })))
    }

    pub(super) fn spans(&self) -> Spans {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Spans { exported: count(&self.0.exported), lost: count(&self.0.lost) }
    }

    async fn send(&self, service: usize, batch: Vec<SpanData>) {
        let count = batch.len() as u64;
        let exporter = self.0.services[service].clone();
        let sending = async move { timeout(SEND_DEADLINE, exporter.export(batch)).await };
        let failure = match self.0.runtime.spawn(sending).await {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error))) => Some(error.to_string()),
            Ok(Err(_)) => Some("it took too long".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        let number = if failure.is_none() { &self.0.exported } else { &self.0.lost };
        number.fetch_add(count, Ordering::Relaxed);
        // Once is enough; the log would be full of it.
        match (self.0.away.swap(failure.is_some(), Ordering::Relaxed), failure) {
            (false, Some(reason)) => tracing::warn!(reason, "traces are lost: the collector does not take them"),
            (true, None) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
    }
}

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let mut parts: [Vec<SpanData>; SERVICES.len()] = Default::default();
        for span in batch {
            parts[service(&span)].push(span);
        }
        for (service, part) in parts.into_iter().enumerate().filter(|(_, part)| !part.is_empty()) {
            self.send(service, part).await;
        }
        // What went wrong was said, and counted.
        Ok(())
    }
}

/// Both planes may run in one process.
fn service(span: &SpanData) -> usize {
    let plane = span.attributes.iter().find(|attribute| attribute.key.as_str() == PLANE);
    let is =
        |name: &str| plane.is_some_and(|plane| matches!(&plane.value, Value::String(plane) if plane.as_str() == name));
    SERVICES.iter().position(|(plane, _)| is(plane)).unwrap_or(0)
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").field("spans", &self.spans()).finish_non_exhaustive()
    }
}
