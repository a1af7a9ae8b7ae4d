//! Calls of control planes as parts of traces.

use crate::trace;
use futures::future::Either;
use http::Request;
use std::task::{Context, Poll};
use tower::Service;
use tracing::Instrument;
use tracing::instrument::Instrumented;

/// A connection whose calls continue the trace that they are made in, if they are made in one.
#[derive(Clone)]
pub(crate) struct Traced<S>(pub(super) S);

impl<S: Service<Request<B>>, B> Service<Request<B>> for Traced<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Instrumented<S::Future>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let path = request.uri().path().to_owned();
        let span = trace::ask(&path, request.headers_mut());
        let answered = self.0.call(request);
        if span.is_disabled() { Either::Left(answered) } else { Either::Right(answered.instrument(span)) }
    }
}
