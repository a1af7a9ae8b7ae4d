//! The whole proxy: its threads and tasks, each of which has to run as long as the proxy does.

use crate::admin::AdminPort;
use crate::callback::{Callbacks, Delivery};
use crate::control::{Alone, AloneReporter, ControlPlanes, Reporter, Reports};
use crate::follow::Follower;
use crate::listeners::Listeners;
use crate::meters::Meters;
use crate::proxy::Proxy;
use crate::routes::Routes;
use crate::tally::Tally;
use crate::upstream::Upstream;
use crate::worker::Worker;
use anyhow::{Context, anyhow};
use b3lb_config::{Settings, settings, tls};
use bbb::Secret;
use bbb::callback::seal::Seal;
use bbb::parameters::Parameters;
use rustls::client::ClientConfig;
use std::cell::{Cell, RefCell};
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// For calls that are under way at shutdown; longer than most calls take, shorter than what an orchestrator waits before it kills.
const PATIENCE: Duration = Duration::from_secs(15);

/// Serves until `shutdown`, on the sockets that it is given.
///
/// # Errors
/// What keeps it from starting, and the end of any part of it: a proxy that is not whole is better replaced.
pub async fn run(settings: &Settings, listeners: Listeners, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (public_addr, admin_addr) = (listeners.public_addr(), listeners.admin_addr());
    let Listeners { public, admin, .. } = listeners;
    let tls = tls::client_config(settings.upstream.ca_file.as_deref())?;
    let roots = tls::roots(settings.upstream.ca_file.as_deref())?;
    let routes = Routes::new();
    let meters = Meters::new();
    let control = ControlPlanes::new(settings, &roots, routes.clone())?;
    let name = format!("{public_addr}");
    let (reports, reporter) = Reporter::new(control.clone(), meters.clone(), name.clone());
    let (alone, alone_reporter) = AloneReporter::new(control.clone(), meters.clone(), name.clone());
    let tallies: Arc<[Arc<Tally>]> = public.iter().map(|_| Arc::default()).collect();
    // Without a secret that others know, nobody else can take the callbacks of this proxy.
    let unshared = || Secret::new(&hex::encode(rand::random::<[u8; 16]>()));
    let seal = Seal::new(&settings.shared_secret().cloned().unwrap_or_else(unshared));
    let public_url = settings.data_plane.public_url.as_ref().map(|url| url.origin().ascii_serialization());
    // Ends the threads, whichever way this function is left.
    let closing = shutdown.child_token();
    let _closing = closing.clone().drop_guard();

    let mut parts = JoinSet::new();
    for (listener, tally) in public.into_iter().zip(tallies.iter()) {
        let start = Start {
            listener,
            tally: Arc::clone(tally),
            routes: routes.clone(),
            control: control.clone(),
            reports: reports.clone(),
            alone: alone.clone(),
            meters: meters.clone(),
            tls: Arc::clone(&tls),
            limits: settings.upstream.clone(),
            labels_for_swarm: settings.bigbluebutton.labels_for_swarm,
            parameters: settings.parameters.clone(),
            size_hint: settings.balancer.size_hint.clone(),
            seal: seal.clone(),
            public_url: public_url.clone(),
            trusted: settings.data_plane.trusted_proxies.as_slice().into(),
            closing: closing.clone(),
        };
        let end = start.spawn()?;
        parts.spawn(async { end.await.unwrap_or_else(|_| Err(anyhow!("a worker panicked"))) });
    }
    // The reporter ends when the last worker has.
    drop(reports);
    parts.spawn(async {
        reporter.run().await;
        Ok(())
    });
    tracing::info!(%public_addr, %admin_addr, workers = tallies.len(), "serving frontends");
    let mut background = JoinSet::new();
    background.spawn(Follower { control, routes: routes.clone(), meters: meters.clone(), proxy: name }.run());
    background.spawn(alone_reporter.run());
    let admin = tokio::net::TcpListener::from_std(admin).context("the admin port")?;
    background.spawn(AdminPort { routes, meters, tallies }.run(admin));
    tokio::select! {
        ended = all(&mut parts, &closing) => ended,
        Some(ended) = background.join_next() => Err(anyhow!("a task of the proxy ended: {ended:?}")),
    }
}

/// Waits until all parts have ended, which they may only do while closing.
async fn all(parts: &mut JoinSet<anyhow::Result<()>>, closing: &CancellationToken) -> anyhow::Result<()> {
    while let Some(ended) = parts.join_next().await {
        ended??;
        anyhow::ensure!(closing.is_cancelled(), "a part of the proxy ended");
    }
    Ok(())
}

/// What one worker's thread begins with.
struct Start {
    listener: TcpListener,
    tally: Arc<Tally>,
    routes: Routes,
    control: ControlPlanes,
    reports: Reports,
    alone: Alone,
    meters: Meters,
    tls: Arc<ClientConfig>,
    limits: settings::Upstream,
    labels_for_swarm: bool,
    parameters: Parameters,
    size_hint: Option<String>,
    seal: Seal,
    public_url: Option<String>,
    trusted: Arc<[IpAddr]>,
    closing: CancellationToken,
}

impl Start {
    /// Starts the thread; its end is sent to the receiver, and dropped by a panic.
    fn spawn(self) -> anyhow::Result<oneshot::Receiver<anyhow::Result<()>>> {
        let (sender, receiver) = oneshot::channel();
        thread::Builder::new().name("b3lb-worker".to_owned()).spawn(move || {
            // Nobody waits any more if the whole proxy was dropped.
            let _ = sender.send(self.run());
        })?;
        Ok(receiver)
    }

    fn run(self) -> anyhow::Result<()> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
        let proxy = Proxy {
            table: RefCell::new(self.routes.reader()),
            control: self.control,
            reports: self.reports,
            alone: self.alone,
            callbacks: Callbacks {
                seal: self.seal,
                public_url: self.public_url,
                delivery: Delivery::new((*self.tls).clone()),
            },
            upstream: Upstream::new(self.tls.into(), self.meters.clone()),
            tally: self.tally,
            limits: self.limits,
            parameters: self.parameters,
            size_hint: self.size_hint,
            labels_for_swarm: self.labels_for_swarm,
            under_way: Cell::new(0),
            reading: Cell::new(0),
            paging: Cell::new(0),
        };
        let Self { meters, trusted, closing, .. } = self;
        let worker = Worker { meters, trusted, closing, patience: PATIENCE };
        runtime.block_on(worker.run(self.listener, proxy)).context("a worker")
    }
}
