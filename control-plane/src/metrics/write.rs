//! The embedded endpoint: what a telegraf that is configured for InfluxDB writes to, and answers as InfluxDB 2.8 does.
//!
//! How telegraf takes an answer decides which one is given: it drops a batch for good on most 4xx, splits it on 413, and keeps it on
//! 401 and 503.
//!
//! Each control plane knows only what was written to itself; several of them need an InfluxDB.

mod batch;
mod body;
mod refusal;

use super::readings::Sample;
use super::window::{Fate, Window};
use crate::clock;
use ::metrics::{Counter, counter, describe_counter};
use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::routing::{get, post};
use b3lb_config::Settings;
use batch::{Batch, Precision};
use bbb::Secret;
use http::{HeaderMap, StatusCode, header};
use refusal::Refusal;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use url::form_urlencoded;

/// Writes that are taken at the same time, a bound on the memory that bodies use. One takes a millisecond, unless its body is slow to
/// arrive.
const WRITES_MAX: usize = 64;

/// What `/health` answers: the fields that clients of InfluxDB look at.
const HEALTH: &str = r#"{"name":"b3lb","message":"ready for writes","status":"pass","checks":[]}"#;

/// Counts the points that matter. Agents are not told what becomes of theirs, so that a wrong clock shows here only.
const POINTS: &str = "b3lb_points_total";

/// What telegraf writes to.
pub(super) struct Endpoint {
    /// Who shows it may write; `None`: nobody.
    token: Option<Secret>,
    /// Empty: any.
    organization: String,
    /// Empty: any.
    bucket: String,
    window: Mutex<Window>,
    /// Points by what became of them.
    points: [(Fate, Counter); Fate::ALL.len()],
    writes: Semaphore,
    /// Somebody reads the window. Before and after, agents had better keep what they have.
    accepting: AtomicBool,
}

/// The endpoint takes points until this is dropped.
pub(super) struct Accepting(Arc<Endpoint>);

impl Endpoint {
    /// Without a token of its own it takes the admin key, and nothing at all without that either.
    pub(super) fn new(settings: &Settings) -> Self {
        describe_counter!(POINTS, "Points that telegraf wrote, by what became of them");
        let influxdb = &settings.influxdb;
        let token = influxdb.token.as_ref().or(settings.admin.api_key.as_ref());
        Self {
            token: token.filter(|token| !token.reveal().is_empty()).cloned(),
            organization: influxdb.organization.clone(),
            bucket: influxdb.bucket.clone(),
            window: Mutex::new(Window::new(settings.balancer.metrics_range)),
            points: Fate::ALL.map(|fate| (fate, counter!(POINTS, "fate" => fate.label()))),
            writes: Semaphore::new(WRITES_MAX),
            accepting: AtomicBool::new(false),
        }
    }

    pub(super) fn router(self: &Arc<Self>) -> Router {
        let allow = async || (StatusCode::NO_CONTENT, [(header::ALLOW, refusal::ALLOW)]);
        Router::new()
            .route("/api/v2/write", post(write).options(allow).fallback(async || Refusal::Method))
            .route("/ping", get(async || StatusCode::NO_CONTENT))
            .route("/health", get(async || ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], HEALTH)))
            .with_state(self.clone())
    }

    /// Takes points from now on.
    pub(super) fn accept(self: &Arc<Self>) -> Accepting {
        self.accepting.store(true, Ordering::Relaxed);
        Accepting(self.clone())
    }

    /// What was measured of every host.
    pub(super) fn read(&self, now: u64) -> HashMap<String, Sample> {
        self.window().samples(now)
    }

    /// The caller shows the token, as `Token` or as `Bearer`.
    fn authorize(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            let known = scheme.eq_ignore_ascii_case("token") || scheme.eq_ignore_ascii_case("bearer");
            known.then(|| token.trim())
        });
        match (&self.token, shown) {
            (Some(token), Some(shown)) if bool::from(token.reveal().as_bytes().ct_eq(shown.as_bytes())) => Ok(()),
            _ => Err(Refusal::Unauthorized),
        }
    }

    /// The request names what this endpoint is configured to be. Ids are not known here, so that they pass only where any name does.
    fn destination(&self, query: &str) -> Result<Precision, Refusal> {
        let parameter = |name: &str| {
            let value = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
            value.filter(|value| !value.is_empty())
        };
        let precision = parameter("precision").map_or(Some(Precision::Nanoseconds), |text| Precision::parse(&text));
        let precision = precision.ok_or(Refusal::Precision)?;
        let bucket = parameter("bucket").ok_or(Refusal::NoBucket)?;
        let organization = parameter("org").or_else(|| parameter("orgID")).ok_or(Refusal::NoOrganization)?;
        if !self.organization.is_empty() && self.organization != organization {
            return Err(Refusal::UnknownOrganization(organization.into_owned()));
        }
        if !self.bucket.is_empty() && self.bucket != bucket {
            return Err(Refusal::UnknownBucket(bucket.into_owned()));
        }
        Ok(precision)
    }

    fn count(&self, fate: Fate) {
        if let Some((_, counter)) = self.points.iter().find(|(known, _)| *known == fate) {
            counter.increment(1);
        }
    }

    /// A panic while the lock was held would leave at worst a point out.
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.0.accepting.store(false, Ordering::Relaxed);
    }
}

/// `POST /api/v2/write`.
async fn write(
    State(endpoint): State<Arc<Endpoint>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Refusal> {
    if !endpoint.accepting.load(Ordering::Relaxed) {
        return Err(Refusal::NotAccepting);
    }
    endpoint.authorize(&headers)?;
    let precision = endpoint.destination(query.as_deref().unwrap_or_default())?;
    let _permit = endpoint.writes.try_acquire().map_err(|_| Refusal::Busy)?;
    let text = body::unpack(&headers, body::receive(body).await?)?;
    let now = clock::now();
    let batch = Batch::parse(&text, precision, now);
    let mut window = endpoint.window();
    for point in batch.points {
        endpoint.count(window.insert(point, now));
    }
    batch.refusal.map_or(Ok(StatusCode::NO_CONTENT), Err)
}
