//! One control plane, from its settings to its end.

use crate::grpc::{self, Calls, Keys, Snapshots};
use crate::meters::{Meters, TIDY_INTERVAL};
use crate::metrics::Metrics;
use crate::placer::Placer;
use crate::reconcile::Reconcile;
use crate::store::Store;
use crate::{rest, serve};
use anyhow::Context;
use b3lb_config::Settings;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Jobs are told to end once the last call is answered; what they have under way they finish or drop.
const JOBS_GRACE: Duration = Duration::from_secs(5);

/// Runs a control plane on `listener` until `shutdown`.
///
/// # Errors
/// If the settings cannot be used, or if a part of it fails in a way that it cannot go on without.
pub async fn run(settings: &Settings, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
    let keys = Keys::new(settings)?;
    let tls = settings.control_plane.tls.as_ref().map(serve::acceptor).transpose()?;
    let port = Port { listener, tls };
    let meters = Meters::new().context("the meters of Prometheus")?;
    tracing::info!(address = %port.listener.local_addr()?, tls = port.tls.is_some(), "the control plane listens");
    let Some((store, work)) = port.serve_while(Store::open(settings), &shutdown).await.transpose()? else {
        return Ok(());
    };
    let metrics = meters.register(|| Metrics::new(settings, store.replica().clone()))?;
    let calls = Calls {
        view: grpc::View { global: settings.bigbluebutton.secret.clone() },
        readings: metrics.readings(),
        metrics_kind: metrics.kind(),
        placer: Placer::new(store.clone(), settings.balancer.clone(), metrics.readings()),
        meters,
        snapshots: Snapshots::new(),
        shutdown: shutdown.clone(),
        store,
    };
    let reconcile = calls.meters.register(|| Reconcile::new(calls.store.clone(), calls.placer.clone(), settings))?;
    let routes = grpc::ready(rest::ready(calls.clone()).merge(metrics.router()), calls.clone(), keys).await;

    let state = calls.store.replica().state();
    tracing::info!(
        store = calls.store.kind(),
        metrics = calls.metrics_kind,
        instances = state.instances.len(),
        meetings = state.placements.len(),
        "the control plane is ready"
    );
    let end = CancellationToken::new();
    let mut jobs = JoinSet::new();
    jobs.spawn(work.run(end.clone()));
    jobs.spawn(metrics.run(end.clone()));
    jobs.spawn(reconcile.run(end.clone()));
    jobs.spawn(tidy(calls.meters, end.clone()));
    tokio::select! {
        () = port.serve(routes, &shutdown) => {}
        Some(ended) = jobs.join_next() => {
            ended.context("a job failed")?;
            anyhow::bail!("a job ended before its time");
        }
    }
    end.cancel();
    let ended = tokio::time::timeout(JOBS_GRACE, jobs.join_all()).await;
    ended.context("a job did not end when it was told to").map(drop)
}

/// Where it is served.
struct Port {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Port {
    /// Serves no more than that it is not ready until `work` is done; `None` if it is told to end before.
    async fn serve_while<T>(&self, work: impl Future<Output = T>, shutdown: &CancellationToken) -> Option<T> {
        let routes = grpc::not_ready(rest::not_ready()).await;
        let done = shutdown.child_token();
        let work = async {
            let result = shutdown.run_until_cancelled(work).await;
            done.cancel();
            result
        };
        tokio::join!(work, self.serve(routes, &done)).0
    }

    async fn serve(&self, routes: axum::Router, shutdown: &CancellationToken) {
        serve::serve(&self.listener, self.tls.as_ref(), &serve::limited(routes), shutdown).await;
    }
}

/// Keeps what the meters take in bounds.
async fn tidy(meters: Meters, end: CancellationToken) {
    let mut ticks = tokio::time::interval(TIDY_INTERVAL);
    while end.run_until_cancelled(ticks.tick()).await.is_some() {
        meters.tidy();
    }
}
