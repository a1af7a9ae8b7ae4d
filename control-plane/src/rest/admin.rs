//! `/admin/api`: what the command lines of B3LB 2.0 and BigBlueSwarm 2.3 call. Everything here is a verb of the gRPC interface in their
//! words; where the two differ, `admin.compat` decides.
//!
//! - [`documents`]: what they send and read.

mod documents;

use crate::grpc::{self, Calls, Keys, Operator};
use crate::meters::Meters;
use crate::state::Admission;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use b3lb_config::settings::AdminCompat;
use b3lb_proto::v1;
use documents::{Cluster, InstanceList, ListedInstance, ListedTenant, Tenant, TenantList};
use http::{Method, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use std::time::Duration;
use tokio::time::timeout;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Code, Status};

/// Bytes of a request: ten thousand instances.
const BODY_MAX: usize = 4 * 1024 * 1024;
/// What there is to call.
const ABOUT: [&str; 4] = ["instances", "tenants", "cluster", "configurations"];
const VERBS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];
/// For the body of a request to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The routes. Whoever shows no admin key learns nothing.
pub(super) fn routes(calls: Calls, keys: Keys) -> Router {
    Router::new()
        .route("/admin/api/instances", get(instances).post(put_instances))
        .route("/admin/api/tenants", get(tenants).post(put_tenant))
        .route("/admin/api/tenants/{host}", get(tenant).delete(delete_tenant))
        .route("/admin/api/cluster", get(cluster))
        .route("/admin/api/configurations", get(configurations))
        // The originals know a path with the right method only.
        .method_not_allowed_fallback(async || (StatusCode::NOT_FOUND, "404 page not found"))
        .layer(from_fn_with_state(keys, guarded))
        .layer(from_fn_with_state(calls.meters.clone(), counted))
        .with_state(calls)
}

/// Counts a call by what it is about; every tenant has a path of its own, which is none of Prometheus' business.
async fn counted(State(meters): State<Meters>, request: Request, next: Next) -> Response {
    let about = request.uri().path().split('/').nth(3).and_then(|part| ABOUT.iter().find(|about| **about == part));
    let verb = VERBS.iter().find(|verb| *verb == request.method());
    let name = match (verb, about) {
        (Some(verb), Some(about)) => format!("{verb} {about}"),
        _ => "unknown".to_owned(),
    };
    let response = next.run(request).await;
    meters.admin_call(&name, response.status().as_u16().to_string());
    response
}

async fn guarded(State(keys): State<Keys>, request: Request, next: Next) -> Response {
    if !keys.is_admin(request.headers()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut response = next.run(request).await;
    // Most of it is secret.
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

async fn instances(State(calls): State<Calls>) -> Json<Vec<ListedInstance>> {
    let state = calls.store.replica().state();
    let listed = state.instances.values().filter(|instance| instance.admission != Admission::Disabled);
    Json(listed.map(|instance| ListedInstance::from(&**instance)).collect())
}

/// Makes the pool exactly what is listed. An instance that stays keeps what this interface cannot say.
async fn put_instances(State(calls): State<Calls>, request: Request) -> Response {
    let compat = compat(&calls);
    let (operator, list) = match read::<InstanceList>(request, InstanceList::EXAMPLE).await {
        Ok(read) => read,
        Err(reason) => return unbound(compat, "InstanceList", &reason),
    };
    let urls = match list.urls() {
        Ok(urls) => urls,
        Err(reason) => return unbound(compat, "InstanceList", &reason),
    };
    match grpc::replace_instances(&calls, operator, &urls).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(status) => refused(&status),
    }
}

async fn tenants(State(calls): State<Calls>) -> Json<TenantList> {
    let state = calls.store.replica().state();
    let listed = |tenant: &crate::state::Tenant| ListedTenant {
        hostname: tenant.host.to_string(),
        instance_count: tenant.instances.len(),
    };
    Json(TenantList { kind: "TenantList", tenants: state.tenants.values().map(|tenant| listed(tenant)).collect() })
}

async fn tenant(State(calls): State<Calls>, Path(host): Path<String>) -> Response {
    match grpc::known_tenant(&calls, &host) {
        Some(tenant) => Json(Tenant::from(&*tenant)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Adds or changes a tenant. What this interface cannot say of one that is known is kept.
async fn put_tenant(State(calls): State<Calls>, request: Request) -> Response {
    let compat = compat(&calls);
    let (operator, tenant) = match read::<Tenant>(request, Tenant::EXAMPLE).await {
        Ok(read) => read,
        Err(reason) => return unbound(compat, "Tenant", &reason),
    };
    if let Err(reason) = tenant.check() {
        return unbound(compat, "Tenant", &reason);
    }
    if tenant.host().is_empty() {
        return match compat {
            AdminCompat::B3lb => (StatusCode::INTERNAL_SERVER_ERROR, "the tenant has no spec.host"),
            AdminCompat::BigBlueSwarm => {
                (StatusCode::BAD_REQUEST, "failed to create tenant: the tenant has no spec.host")
            }
        }
        .into_response();
    }
    match grpc::upsert_tenant(&calls, operator, |known| tenant.onto(known)).await {
        Ok(()) => StatusCode::CREATED.into_response(),
        Err(status) => refused(&status),
    }
}

async fn delete_tenant(State(calls): State<Calls>, Path(host): Path<String>, request: Request) -> Response {
    match grpc::forget_tenant(&calls, operator(&request), &host).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(status) if status.code() == Code::NotFound => match compat(&calls) {
            AdminCompat::B3lb => StatusCode::NO_CONTENT.into_response(),
            AdminCompat::BigBlueSwarm => (StatusCode::NOT_FOUND, "tenant not found for deletion").into_response(),
        },
        Err(status) => refused(&status),
    }
}

async fn cluster(State(calls): State<Calls>) -> Json<Vec<Cluster>> {
    let pool = grpc::pool_status(&calls);
    let listed = pool.instances.iter().filter(|instance| instance.admission() != v1::Admission::Disabled);
    Json(listed.map(Cluster::from).collect())
}

async fn configurations(State(calls): State<Calls>) -> Json<serde_json::Value> {
    Json(documents::configuration(&calls.settings.now()))
}

fn compat(calls: &Calls) -> AdminCompat {
    calls.settings.now().admin.compat
}

fn operator(request: &Request) -> Operator {
    Operator { peer: request.extensions().get::<TcpConnectInfo>().and_then(|info| info.remote_addr) }
}

/// The document in a request, whatever it says its type is. An `example` is shown with what is wrong.
async fn read<T: DeserializeOwned>(request: Request, example: &str) -> Result<(Operator, T), String> {
    let operator = operator(&request);
    let body: Body = request.into_body();
    let bytes = match timeout(BODY_TIMEOUT, to_bytes(body, BODY_MAX)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => return Err(format!("it did not arrive whole, or has more than {BODY_MAX} bytes")),
        Err(_) => return Err(format!("it did not arrive within {} s", BODY_TIMEOUT.as_secs())),
    };
    let wrong = |what: &str| format!("{what}; it would be like {example}");
    if bytes.is_empty() {
        return Err(wrong("it is empty"));
    }
    let wrong_at = |error: serde_json::Error| {
        // serde's message would show a value that may be a secret.
        let what = match error.classify() {
            Category::Data => "a value is of another kind",
            Category::Syntax | Category::Eof | Category::Io => "it is no JSON",
        };
        wrong(&format!("{what} in line {}, column {}", error.line(), error.column()))
    };
    let document = serde_json::from_slice::<Option<T>>(&bytes).map_err(wrong_at)?;
    document.map(|document| (operator, document)).ok_or_else(|| wrong("it is null"))
}

fn unbound(compat: AdminCompat, kind: &str, reason: &str) -> Response {
    let body = match compat {
        AdminCompat::B3lb => "Body",
        AdminCompat::BigBlueSwarm => "body",
    };
    (StatusCode::BAD_REQUEST, format!("{body} does not bind {kind} object: {reason}")).into_response()
}

fn refused(status: &Status) -> Response {
    let code = match status.code() {
        Code::InvalidArgument | Code::NotFound => StatusCode::BAD_REQUEST,
        Code::FailedPrecondition | Code::Aborted => StatusCode::CONFLICT,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    (code, status.message().to_owned()).into_response()
}
