//! Calls as parts of the traces of those who make them. Calls that belong to none make none: proxies and operators ask all the time.

use b3lb_config::traces::{self, TARGET};
use futures::future::Either;
use http::Request;
use std::task::{Context, Poll};
use tower::{Layer, Service};
use tracing::field::Empty;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span, info_span};

/// Puts a [`Traced`] in front of a service.
#[derive(Clone, Copy)]
pub(super) struct Trace;

/// A service whose calls continue the trace that they come with.
#[derive(Clone)]
pub(super) struct Traced<S>(S);

impl<S> Layer<S> for Trace {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced(inner)
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Traced<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Instrumented<S::Future>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = span(&request);
        match span.is_disabled() {
            true => Either::Left(self.0.call(request)),
            false => Either::Right(self.0.call(request).instrument(span)),
        }
    }
}

fn span<B>(request: &Request<B>) -> Span {
    if !traces::is_continued(request.headers()) {
        return Span::none();
    }
    let name = request.uri().path().trim_start_matches('/');
    let (service, method) = name.split_once('/').unwrap_or_default();
    let span = info_span!(
        target: TARGET,
        "rpc",
        otel.name = name,
        otel.kind = "server",
        b3lb.plane = "control",
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        b3lb.tenant = Empty,
        b3lb.outcome = Empty,
        b3lb.instance = Empty,
    );
    if !span.is_disabled() {
        traces::continue_from(&span, request.headers());
    }
    span
}
