//! One control plane, from its settings to its end.

use crate::grpc::{self, Calls, Keys, Snapshots};
use crate::hooks::{Hooks, Rounds};
use crate::meters::{Meters, TIDY_INTERVAL};
use crate::metrics::Metrics;
use crate::placer::Placer;
use crate::reconcile::Reconcile;
use crate::recordings::Recordings;
use crate::store::Store;
use crate::{rest, serve};
use anyhow::Context;
use arc_swap::ArcSwap;
use axum::Router;
use b3lb_config::tls::server::Acceptor;
use b3lb_config::{Live, Settings};
use bbb::Secret;
use bbb::callback::seal::Seal;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic_health::server::HealthReporter;

/// Jobs are told to end once the last call is answered; what they have under way they finish or drop.
const JOBS_GRACE: Duration = Duration::from_secs(5);

/// Whether a control plane can begin with these settings, as far as they and the files that they name tell.
///
/// # Errors
/// What is missing or wrong.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    Keys::new(settings.into())?;
    Acceptor::new(serve::PORT, settings.into())?;
    Store::check(settings)?;
    Ok(())
}

/// Runs a control plane on `listener` until `shutdown`.
///
/// # Errors
/// If the settings cannot be used, or if a part of it fails in a way that it cannot go on without.
pub async fn run(settings: impl Into<Live>, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let live: Live = settings.into();
    let keys = Keys::new(live.clone())?;
    let mut tls = Acceptor::new(serve::PORT, live.clone())?;
    let port = Port::open(listener, &tls).await?;
    let end = CancellationToken::new();
    let mut work = pin!(work(live, keys, &port, shutdown.clone(), end.clone()));
    tokio::select! {
        () = serve::serve(&port.listener, &mut tls, &port.routes, &shutdown) => {}
        ended = &mut work => {
            ended?;
            anyhow::bail!("the control plane ended before its time");
        }
    }
    end.cancel();
    timeout(JOBS_GRACE, work).await.context("a job did not end when it was told to")?
}

/// Where it is served, and what.
struct Port {
    listener: TcpListener,
    health: HealthReporter,
    routes: Arc<ArcSwap<Router>>,
}

impl Port {
    /// Until there is more to serve, it is served that there is not.
    async fn open(listener: TcpListener, tls: &Acceptor) -> anyhow::Result<Self> {
        tracing::info!(address = %listener.local_addr()?, tls = tls.is_on(), "the control plane listens");
        let health = HealthReporter::new();
        let routes = grpc::not_ready(rest::not_ready(), &health).await;
        Ok(Self { listener, health, routes: Arc::new(ArcSwap::from_pointee(serve::limited(routes))) })
    }
}

/// Opens the store, serves what is asked, and does what is to be done whether anybody asks or not, until `end`.
async fn work(
    live: Live,
    keys: Keys,
    port: &Port,
    shutdown: CancellationToken,
    end: CancellationToken,
) -> anyhow::Result<()> {
    let settings = &*live.now();
    let meters = Meters::new(live.clone()).context("the meters of Prometheus")?;
    let Some(opened) = end.run_until_cancelled(Store::open(settings)).await else {
        return Ok(());
    };
    let (store, stored) = opened?;
    meters.register(|| store.measure());
    let metrics = meters.register(|| Metrics::new(settings, store.replica().clone()))?;
    let placer = Placer::new(store.clone(), live.clone(), metrics.readings());
    let reconcile = Reconcile::new(store.clone(), placer.clone(), settings)?.shown_by(meters.checks.clone());
    let recordings = Recordings::new(store.clone(), settings)?;
    let hooks = Hooks::new(store.clone(), recordings.lists(), seal(settings));
    let rounds = Rounds::new(hooks.clone(), settings.control_plane.check_interval);
    let calls = Calls {
        hooks,
        locator: recordings.locator(),
        readings: metrics.readings(),
        metrics_kind: metrics.kind(),
        lists: recordings.lists(),
        settings: live.clone(),
        snapshots: Snapshots::new(),
        meters: meters.clone(),
        placer,
        shutdown,
        store,
    };
    let rest = rest::ready(calls.clone(), keys.clone()).merge(metrics.router());
    let mut jobs = JoinSet::new();
    jobs.spawn(stored.run(end.clone()));
    jobs.spawn(metrics.run(end.clone()));
    jobs.spawn(reconcile.run(end.clone()));
    jobs.spawn(recordings.run(end.clone()));
    jobs.spawn(rounds.run(end.clone()));
    jobs.spawn(tidy(meters, end.clone()));
    log_ready(&calls);
    port.routes.store(Arc::new(serve::limited(grpc::ready(rest, &port.health, calls, keys).await)));
    while let Some(ended) = jobs.join_next().await {
        ended.context("a job failed")?;
        anyhow::ensure!(end.is_cancelled(), "a job ended before its time");
    }
    Ok(())
}

/// What proxies read that follow this control plane.
fn seal(settings: &Settings) -> Seal {
    Seal::new(&settings.shared_secret().cloned().unwrap_or_else(|| Secret::new("")))
}

fn log_ready(calls: &Calls) {
    let state = calls.store.replica().state();
    tracing::info!(
        store = calls.store.kind(),
        metrics = calls.metrics_kind,
        instances = state.instances.len(),
        meetings = state.placements.len(),
        "the control plane is ready"
    );
}

/// Keeps what the meters take in bounds.
async fn tidy(meters: Meters, end: CancellationToken) {
    let mut ticks = tokio::time::interval(TIDY_INTERVAL);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        meters.tidy();
    }
}
