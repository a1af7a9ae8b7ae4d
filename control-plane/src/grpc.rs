//! What is served over gRPC: the services of proxies and operators, health and reflection.
//!
//! - `placement`, with `watch`, `parts` and `view`: what proxies call and are shown;
//! - `admin`: what operators call;
//! - `auth`: whose key opens which service;
//! - `convert`: our types as messages, and messages as our types.

mod admin;
mod auth;
mod changes;
mod convert;
mod counted;
mod hooks;
mod parts;
mod placement;
mod traced;
mod view;
mod watch;

pub(crate) use admin::{Operator, forget_tenant, known_tenant, pool_status, replace_instances, upsert_tenant};
pub use auth::{Keys, NoAdminKey};
pub(crate) use view::View;
pub(crate) use watch::Snapshots;

use crate::hooks::Hooks;
use crate::lists::Lists;
use crate::meters::Meters;
use crate::metrics::Readings;
use crate::placer::Placer;
use crate::recordings::Locator;
use crate::serve::is_grpc;
use crate::store::Store;
use admin::AdminCalls;
use auth::{Caller, Guard};
use axum::Router;
use axum::response::{IntoResponse, Response};
use b3lb_config::Live;
use b3lb_proto::v1::admin_server::{self, AdminServer};
use b3lb_proto::v1::placement_server::{self, PlacementServer};
use counted::Count;
use http::{HeaderMap, StatusCode, Uri};
use placement::PlacementCalls;
use std::sync::Arc;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::service::{LayerExt, Routes};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};
use traced::Trace;

/// Bytes of one request: ten thousand instances in one PutInstances.
const REQUEST_MAX: usize = 4 * 1024 * 1024;

/// What health is told of: each service, and all of them.
const SERVICES: [&str; 3] = [placement_server::SERVICE_NAME, admin_server::SERVICE_NAME, ""];

/// What the calls are answered from.
#[derive(Clone)]
pub(crate) struct Calls {
    pub(crate) store: Store,
    pub(crate) placer: Placer,
    pub(crate) locator: Locator,
    pub(crate) readings: Receiver<Arc<Readings>>,
    /// Where they come from.
    pub(crate) metrics_kind: &'static str,
    pub(crate) hooks: Hooks,
    pub(crate) lists: Lists,
    pub(crate) settings: Live,
    pub(crate) meters: Meters,
    pub(crate) snapshots: Snapshots,
    /// Ends the streams.
    pub(crate) shutdown: CancellationToken,
}

impl Calls {
    /// The state as proxies are shown it, with the configuration as it is now.
    pub(crate) fn view(&self) -> View {
        View { global: self.settings.now().bigbluebutton.secret.clone() }
    }
}

/// Adds what is served while the store is not loaded yet: no more than that it is not.
pub(crate) async fn not_ready(rest: Router, health: &HealthReporter) -> Router {
    common(rest, health, ServingStatus::NotServing).await.into_axum_router().fallback(loading)
}

/// Adds the services.
pub(crate) async fn ready(rest: Router, health: &HealthReporter, calls: Calls, keys: Keys) -> Router {
    let keys = Arc::new(keys);
    let guard = |least| Guard { keys: keys.clone(), least };
    let placement = PlacementServer::new(PlacementCalls(calls.clone())).max_decoding_message_size(REQUEST_MAX);
    let count = Count(calls.meters.clone());
    let admin = AdminServer::new(AdminCalls(calls)).max_decoding_message_size(REQUEST_MAX);
    common(rest, health, ServingStatus::Serving)
        .await
        .add_service(guard(Caller::Proxy).named_layer(Trace.named_layer(placement)))
        .add_service(count.named_layer(guard(Caller::Admin).named_layer(Trace.named_layer(admin))))
        .into_axum_router()
        .fallback(unknown)
}

/// What is open to everyone: health and reflection.
async fn common(rest: Router, health: &HealthReporter, status: ServingStatus) -> Routes {
    for name in SERVICES {
        health.set_service_status(name, status).await;
    }
    let descriptors = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(b3lb_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    const SOUND: &str = "the descriptors were made when this program was built";
    Routes::from(rest)
        .add_service(HealthServer::new(HealthService::from_health_reporter(health.clone())))
        .add_service(descriptors().build_v1().expect(SOUND))
        .add_service(descriptors().build_v1alpha().expect(SOUND))
}

async fn loading(headers: HeaderMap) -> Response {
    refuse(&headers, StatusCode::SERVICE_UNAVAILABLE, Status::unavailable("the store is not loaded yet; try again"))
}

async fn unknown(headers: HeaderMap, uri: Uri) -> Response {
    refuse(&headers, StatusCode::NOT_FOUND, Status::unimplemented(format!("there is no {}", uri.path())))
}

fn refuse(headers: &HeaderMap, code: StatusCode, status: Status) -> Response {
    match is_grpc(headers) {
        true => status.into_http::<axum::body::Body>(),
        false => (code, format!("{}\n", status.message())).into_response(),
    }
}
