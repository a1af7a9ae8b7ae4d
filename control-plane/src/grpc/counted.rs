//! Counts the calls of operators, those included that show no key.

use crate::meters::Meters;
use b3lb_proto::ADMIN_METHODS;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use std::task::{Context, Poll};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// Puts a [`Counted`] in front of a service.
#[derive(Clone)]
pub(super) struct Count(pub(super) Meters);

/// A service whose calls are counted.
#[derive(Clone)]
pub(super) struct Counted<S> {
    meters: Meters,
    inner: S,
}

impl<S> Layer<S> for Count {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { meters: self.0.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // What there is not may have any name, of which Prometheus would keep every one.
        let asked = request.uri().path().rsplit('/').next().unwrap_or_default();
        let method = ADMIN_METHODS.iter().copied().find(|method| *method == asked).unwrap_or("unknown");
        let meters = self.meters.clone();
        let answered = self.inner.call(request);
        async move {
            let response = answered.await?;
            // A refusal is all there is, so that its status is in front; a stream that fails later has begun well.
            let code = Status::from_header_map(response.headers()).map_or(Code::Ok, |status| status.code());
            meters.admin_call(method, format!("{code:?}"));
            Ok(response)
        }
        .boxed()
    }
}
