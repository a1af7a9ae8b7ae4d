//! The whole proxy: its threads and tasks, each of which has to run as long as the proxy does.

use crate::access::Access;
use crate::admin::AdminPort;
use crate::callback::{Callbacks, Delivery};
use crate::control::{self, Alone, AloneReporter, Connections, ControlPlanes, Reporter, Reports};
use crate::follow::Follower;
use crate::listeners::Listeners;
use crate::meters::Meters;
use crate::proxy::Proxy;
use crate::routes::Routes;
use crate::tally::{Names, Sheet, Tally};
use crate::upstream::Upstream;
use crate::worker::{PORT, Worker, configured};
use anyhow::{Context, anyhow};
use b3lb_config::pulse::Pulse;
use b3lb_config::tls::server::Acceptor;
use b3lb_config::{Live, Settings, tls};
use bbb::Secret;
use bbb::callback::seal::Seal;
use rustls::client::ClientConfig;
use std::cell::{Cell, RefCell};
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

/// For calls that are under way at shutdown; longer than most calls take, shorter than what an orchestrator waits before it kills.
const PATIENCE: Duration = Duration::from_secs(15);

/// For the last lines of the access log, once the last call has ended.
const ACCESS_PATIENCE: Duration = Duration::from_secs(1);

/// A worker looks after itself every five seconds.
const WORKER_PATIENCE: Duration = Duration::from_secs(30);

/// Whoever follows a control plane hears something every three seconds, or tries another one within ten.
const FOLLOWER_PATIENCE: Duration = Duration::from_secs(60);

/// Serves until `shutdown`, on the sockets that it is given.
///
/// # Errors
/// What keeps it from starting, and the end of any part of it: a proxy that is not whole is better replaced.
pub async fn run(settings: impl Into<Live>, listeners: Listeners, shutdown: CancellationToken) -> anyhow::Result<()> {
    run_beside(settings.into(), None, listeners, shutdown).await
}

/// Whether a proxy can begin with these settings, as far as they and the files that they name tell.
///
/// # Errors
/// What is missing or wrong.
pub fn check(settings: &Settings) -> anyhow::Result<()> {
    Acceptor::new(PORT, settings.into())?;
    control::check(settings)
}

/// The same beside a control plane, which is followed instead of those that the settings name.
///
/// # Errors
/// As for [`run`].
pub async fn run_beside(
    live: Live,
    control_plane: Option<Url>,
    listeners: Listeners,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let settings = live.now();
    let (public_addr, admin_addr) = (listeners.public_addr(), listeners.admin_addr());
    let Listeners { public, admin, .. } = listeners;
    let tls = tls::client_config(settings.upstream.ca_file.as_deref())?;
    let routes = Routes::new();
    let meters = Meters::new(live.clone());
    let connections = Connections::new(live.clone(), control_plane);
    let control = connections.control_planes(routes.clone())?;
    let name = format!("{public_addr}");
    let (reports, reporter) = Reporter::new(control.clone(), meters.clone(), name.clone());
    let (alone, alone_reporter) = AloneReporter::new(control.clone(), meters.clone(), name.clone());
    let names = Names::new();
    let sheets: Arc<[Arc<Sheet>]> = public.iter().map(|_| Arc::new(Sheet::new(&names))).collect();
    // Without a secret that others know, nobody else can take the callbacks of this proxy.
    let unshared = || Secret::new(&hex::encode(rand::random::<[u8; 16]>()));
    let seal = Seal::new(&settings.shared_secret().cloned().unwrap_or_else(unshared));
    let (access, written) = match settings.log.access {
        true => Some(Access::start(settings.log.format, meters.access_dropped.clone())?).unzip(),
        false => (None, None),
    };
    // Ends the threads, whichever way this function is left.
    let closing = CancellationToken::new();
    let _closing = closing.clone().drop_guard();
    // Every worker has ended.
    let served = CancellationToken::new();
    let serving = Arc::new(served.clone().drop_guard());

    let mut parts = JoinSet::new();
    let follower_pulse = Pulse::new("what follows the control plane", FOLLOWER_PATIENCE);
    let mut pulses = vec![follower_pulse.clone()];
    for (listener, sheet) in public.into_iter().zip(sheets.iter()) {
        let pulse = Pulse::new("a worker", WORKER_PATIENCE);
        pulses.push(pulse.clone());
        let start = Start {
            listener,
            sheet: Arc::clone(sheet),
            routes: routes.clone(),
            control: control.clone(),
            reports: reports.clone(),
            alone: alone.clone(),
            meters: meters.clone(),
            tls: Arc::clone(&tls),
            live: live.clone(),
            acceptor: Acceptor::new(PORT, live.clone())?,
            pulse: pulse.clone(),
            access: access.clone(),
            seal: seal.clone(),
            closing: closing.clone(),
        };
        let (end, serving) = (start.spawn()?, Arc::clone(&serving));
        parts.spawn(async move {
            let _serving = serving;
            end.await.unwrap_or_else(|_| Err(anyhow!("a worker panicked")))
        });
    }
    drop(serving);
    // The reporter ends when the last worker has.
    let waiting = reports.waiting();
    drop(reports);
    // So does what writes the access log, if it can still write.
    drop(access);
    if let Some(written) = written {
        parts.spawn(async move {
            served.cancelled().await;
            // If nobody takes what it writes, the rest is lost.
            let _ = timeout(ACCESS_PATIENCE, written).await;
            Ok(())
        });
    }
    parts.spawn(async {
        reporter.run().await;
        Ok(())
    });
    let tls_on = settings.data_plane.tls.is_some();
    tracing::info!(%public_addr, tls = tls_on, %admin_addr, workers = sheets.len(), "serving frontends");
    let mut background = JoinSet::new();
    background.spawn(connections.renew(control.clone()));
    background.spawn(
        Follower { control, routes: routes.clone(), meters: meters.clone(), pulse: follower_pulse, proxy: name }.run(),
    );
    background.spawn(alone_reporter.run());
    let admin = tokio::net::TcpListener::from_std(admin).context("the admin port")?;
    background.spawn(
        AdminPort { routes, meters, sheets, reports: waiting, pulses: pulses.into(), shutdown: shutdown.clone() }
            .run(admin),
    );
    let close = async {
        shutdown.cancelled().await;
        // Load balancers find out that this proxy is not ready any more; until they have, it serves as before.
        tokio::time::sleep(live.now().data_plane.shutdown_grace).await;
        closing.cancel();
        std::future::pending().await
    };
    tokio::select! {
        ended = all(&mut parts, &closing) => ended,
        ended = close => ended,
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
    sheet: Arc<Sheet>,
    routes: Routes,
    control: ControlPlanes,
    reports: Reports,
    alone: Alone,
    meters: Meters,
    tls: Arc<ClientConfig>,
    live: Live,
    acceptor: Acceptor,
    pulse: Pulse,
    access: Option<Access>,
    seal: Seal,
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
        let tally = Rc::new(Tally::of(self.sheet));
        let proxy = Proxy {
            table: RefCell::new(self.routes.reader()),
            control: self.control,
            reports: self.reports,
            alone: self.alone,
            callbacks: Callbacks { seal: self.seal, delivery: Delivery::new((*self.tls).clone()) },
            upstream: Upstream::new(self.tls.into(), Rc::clone(&tally)),
            tally,
            access: self.access,
            configured: RefCell::new(configured(&self.live)),
            under_way: Cell::new(0),
            reading: Cell::new(0),
            paging: Cell::new(0),
        };
        let Self { meters, live, acceptor, pulse, closing, .. } = self;
        let worker = Worker { meters, live, acceptor, pulse, closing, patience: PATIENCE };
        runtime.block_on(worker.run(self.listener, proxy)).context("a worker")
    }
}
