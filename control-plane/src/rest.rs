//! What is served over plain HTTP: whether this control plane lives and is ready, its metrics for Prometheus, and [`admin`], what the
//! command lines of the originals call.

mod admin;

use crate::clock;
use crate::grpc::{self, Calls, Keys};
use crate::meters::Moment;
use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use bbb::document;
use http::{StatusCode, header};

/// While the store is not loaded yet.
pub(crate) fn not_ready() -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async || (StatusCode::SERVICE_UNAVAILABLE, "the store is not loaded yet\n")))
}

/// Once it is. A store that goes away later does not make the control plane unready: it serves what it knows.
pub(crate) fn ready(calls: Calls, keys: Keys) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(async || "ok\n"))
        .route("/metrics", get(metrics))
        // The originals' command lines ask here what is served.
        .route("/bigbluebutton/api", get(version))
        .with_state(calls.clone())
        .merge(admin::routes(calls, keys))
}

async fn version() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, document::CONTENT_TYPE)], document::version())
}

async fn metrics(State(calls): State<Calls>) -> impl IntoResponse {
    let moment = Moment {
        now: clock::now(),
        state: calls.store.replica().state(),
        pool: grpc::pool_status(&calls),
        survey: calls.placer.survey().instances,
        readings: calls.readings.borrow().clone(),
        crowds: calls.placer.crowds(),
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], calls.meters.render(&moment))
}
