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
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        // The originals' command lines ask here what is served.
        .route("/bigbluebutton/api", get(version))
        .with_state(calls.clone())
        .merge(admin::routes(calls, keys))
}

/// Fails only if the process had better be started anew.
async fn livez(State(calls): State<Calls>) -> Result<&'static str, (StatusCode, String)> {
    match calls.meters.stopped() {
        // One that ends stands still on purpose.
        Some(whose) if !calls.shutdown.is_cancelled() => {
            Err((StatusCode::SERVICE_UNAVAILABLE, format!("{whose} stands still\n")))
        }
        _ => Ok("ok\n"),
    }
}

/// That the store is away is no reason to go elsewhere: other control planes have no other one.
async fn readyz(State(calls): State<Calls>) -> Result<&'static str, (StatusCode, &'static str)> {
    match calls.shutdown.is_cancelled() {
        true => Err((StatusCode::SERVICE_UNAVAILABLE, "shutting down\n")),
        false => Ok("ok\n"),
    }
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
