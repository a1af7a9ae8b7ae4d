//! Traces: what belongs to one call of a frontend, through both planes, sent to a collector by OTLP.
//!
//! Spans are those of `tracing` with the target [`TARGET`]; nothing else that is logged gets into a trace, so that only what a span is
//! given on purpose leaves the process. The context of a trace travels as W3C describes it, in the headers `traceparent` and
//! `tracestate`. Without a collector, no span comes into being.

mod collector;

use crate::settings::Settings;
use crate::tls::{self, TlsError};
use collector::Collector;
use http::header::{Entry, HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use std::sync::OnceLock;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// The target of all spans.
pub const TARGET: &str = "b3lb_trace";

/// Spans that wait to be sent. A thousand bytes each; more are left out, so that a collector that is slow or away costs no more.
const WAITING_MAX: usize = 4096;

/// Spans sent at a time.
const BATCH_MAX: usize = 512;

/// Between two batches, unless there are enough for one: soon enough for somebody who looks for the call that was just made.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);

/// For what is left to be sent when the process ends.
const FINISH_DEADLINE: Duration = Duration::from_secs(2);

/// How the plane of a span is called among its attributes.
pub const PLANE: &str = "b3lb.plane";

/// How many spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// Those that the collector took.
    pub exported: u64,
    /// Those that it did not.
    pub lost: u64,
}

/// Why there can be no traces.
#[derive(Debug, thiserror::Error)]
pub enum TracesError {
    /// The certificates of `upstream.ca_file` cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// What sends them cannot be set up.
    #[error("tracing.otlp_endpoint: {0}")]
    Exporter(String),
}

/// What a process has for its traces.
struct Traces {
    provider: SdkTracerProvider,
    collector: Collector,
}

static TRACES: OnceLock<Traces> = OnceLock::new();

/// Prepares traces, if the settings name a collector. To be called before [`crate::logging::start`]. The first call of a process decides.
///
/// # Errors
/// What keeps them from being sent anywhere. That the collector does not answer is none.
pub fn start(settings: &Settings) -> Result<(), TracesError> {
    let Some(endpoint) = &settings.tracing.otlp_endpoint else { return Ok(()) };
    let roots = match endpoint.scheme() {
        "https" => Some(tls::roots(settings.upstream.ca_file.as_deref())?),
        _ => None,
    };
    let collector = Collector::new(endpoint, roots)?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(WAITING_MAX)
        .with_max_export_batch_size(BATCH_MAX)
        .with_scheduled_delay(BATCH_INTERVAL)
        .build();
    let processor = BatchSpanProcessor::builder(collector.clone()).with_batch_config(batches).build();
    let sampler = Sampler::TraceIdRatioBased(settings.tracing.sample_ratio);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(Resource::builder_empty().build())
        .build();
    // Whoever was first has all the spans.
    let _ = TRACES.set(Traces { provider, collector });
    Ok(())
}

/// Sends what is left, for as long as that may take at the end of a process.
pub(crate) fn finish() {
    if let Some(traces) = TRACES.get() {
        // What could not be sent was said.
        let _ = traces.provider.shutdown_with_timeout(FINISH_DEADLINE);
    }
}

/// Spans so far; `None` where there are no traces.
pub fn spans() -> Option<Spans> {
    TRACES.get().map(|traces| traces.collector.spans())
}

/// Makes spans of `tracing` those of a trace.
pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    let tracer = TRACES.get()?.provider.tracer("b3lb");
    let layer = tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_level(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    Some(layer.with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO)))
}

/// The span of whoever sent these headers becomes the parent of this one; false if they name none.
pub fn continue_from(span: &Span, headers: &HeaderMap) -> bool {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Read(headers));
    let is_named = context.span().span_context().is_valid();
    if is_named {
        // The only errors are that there are no traces, or that the span was used already.
        let _ = span.set_parent(context);
    }
    is_named
}

/// Whether these headers name a span.
pub fn is_continued(headers: &HeaderMap) -> bool {
    headers.contains_key(TRACEPARENT)
}

/// Whoever gets these headers continues this span's trace.
pub fn pass_on(span: &Span, headers: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(&span.context(), &mut Write(headers));
}

/// The id of this span's trace, as people look it up.
pub fn id(span: &Span) -> Option<String> {
    if span.is_disabled() {
        return None;
    }
    Some(span.context().span().span_context().trace_id().to_string())
}

/// The id of the trace that these headers name.
pub fn id_in(headers: &HeaderMap) -> Option<String> {
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &Read(headers));
    let span = context.span();
    span.span_context().is_valid().then(|| span.span_context().trace_id().to_string())
}

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

struct Read<'a>(&'a HeaderMap);

impl Extractor for Read<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(HeaderName::as_str).collect()
    }
}

struct Write<'a>(&'a mut HeaderMap);

impl Injector for Write<'_> {
    /// What is empty is taken away.
    fn set(&mut self, key: &str, value: String) {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(key), HeaderValue::try_from(value)) else { return };
        match self.0.entry(name) {
            Entry::Occupied(entry) if value.is_empty() => drop(entry.remove_entry_mult()),
            Entry::Vacant(_) if value.is_empty() => {}
            Entry::Occupied(mut entry) => drop(entry.insert(value)),
            Entry::Vacant(entry) => drop(entry.insert(value)),
        }
    }
}
