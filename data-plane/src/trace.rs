//! The spans of a proxy. None comes into being where there are no traces; then a frontend's `traceparent` reaches the instance as it came.
//!
//! What a span is given here is all that leaves the process: no query, no header and no path, which may hold a token.

use crate::tally::Outcome;
use b3lb_config::traces::{self, TARGET};
use bbb::Call;
use http::{HeaderMap, Method};
use tracing::field::Empty;
use tracing::{Span, info_span};

/// The span of a call, as part of the frontend's trace if that has one.
pub(crate) fn call(call: Call, method: &Method, headers: &HeaderMap) -> Span {
    let name = call_name(call);
    let span = info_span!(
        target: TARGET,
        "call",
        otel.name = name,
        otel.kind = "server",
        otel.status_code = Empty,
        b3lb.plane = "data",
        b3lb.call = name,
        b3lb.tenant = Empty,
        b3lb.outcome = Empty,
        b3lb.instance = Empty,
        http.request.method = method.as_str(),
        http.response.status_code = Empty,
    );
    if !span.is_disabled() {
        traces::continue_from(&span, headers);
    }
    span
}

/// The span of a request to an instance, which is told of it in these headers.
pub(crate) fn request(call: Call, instance: &str, headers: &mut HeaderMap) -> Span {
    let name = call_name(call);
    let span = info_span!(
        target: TARGET,
        "request",
        otel.name = format_args!("request {name}"),
        otel.kind = "client",
        otel.status_code = Empty,
        b3lb.plane = "data",
        b3lb.call = name,
        b3lb.instance = instance,
        b3lb.outcome = Empty,
    );
    if !span.is_disabled() {
        traces::pass_on(&span, headers);
    }
    span
}

/// The span of a call of a control plane, within that of a frontend's call; none outside of one.
pub(crate) fn ask(path: &str, headers: &mut HeaderMap) -> Span {
    if Span::current().is_none() {
        return Span::none();
    }
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    let span = info_span!(
        target: TARGET,
        "ask",
        otel.name = format_args!("ask {service}/{method}"),
        otel.kind = "client",
        b3lb.plane = "data",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
    );
    if !span.is_disabled() {
        traces::pass_on(&span, headers);
    }
    span
}

/// How a call is called in metrics, traces and the access log.
pub(crate) fn call_name(call: Call) -> &'static str {
    match call {
        Call::Root => "root",
        Call::Other => "other",
        _ => call.name(),
    }
}

/// Tells a call's span what became of it.
pub(crate) fn end(span: &Span, tenant: Option<&str>, instance: Option<&str>, outcome: Outcome, status: Option<u16>) {
    span.record("b3lb.tenant", tenant);
    span.record("b3lb.instance", instance);
    span.record("b3lb.outcome", outcome.label());
    span.record("http.response.status_code", status);
    if matches!(outcome, Outcome::Failed(failure) if failure.is_ours()) {
        span.record("otel.status_code", "ERROR");
    }
}
