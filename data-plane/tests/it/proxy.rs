//! A proxy to be tested.

use crate::control::{Control, Script, TOKEN};
use crate::frontend::{self, Response};
use crate::{DEADLINE, eventually};
use b3lb_config::Settings;
use b3lb_data_plane::{Listeners, run};
use bbb::Secret;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Calls are given up after this, so that what hangs is over soon.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(3);

/// A running proxy.
pub(crate) struct Proxy {
    pub(crate) public: SocketAddr,
    pub(crate) admin: SocketAddr,
    shutdown: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
}

/// What it is started with.
pub(crate) fn settings(control: &[SocketAddr]) -> Settings {
    let mut settings = Settings::default();
    settings.control_plane.proxy_token = Some(Secret::new(TOKEN));
    settings.data_plane.control_planes = control.iter().map(|at| format!("http://{at}").parse().unwrap()).collect();
    settings.data_plane.shutdown_grace = Duration::ZERO;
    settings.upstream.call_timeout = CALL_TIMEOUT;
    settings.upstream.create_timeout = CALL_TIMEOUT;
    settings
}

impl Proxy {
    pub(crate) fn start(settings: &Settings) -> Self {
        let any = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), 0);
        let listeners = Listeners::bind_to(any, any, 2).unwrap();
        let (public, admin) = (listeners.public_addr(), listeners.admin_addr());
        let shutdown = CancellationToken::new();
        let (settings, closing) = (settings.clone(), shutdown.clone());
        let running = tokio::spawn(async move { run(&settings, listeners, closing).await });
        Self { public, admin, shutdown, running }
    }

    /// One that follows a control plane of its own.
    pub(crate) async fn with(script: &Script) -> (Self, Control) {
        let control = Control::start(script);
        let proxy = Self::start(&settings(&[control.address()]));
        proxy.ready().await;
        (proxy, control)
    }

    /// Waits until it knows what the control plane does.
    pub(crate) async fn ready(&self) {
        eventually("the proxy is ready", async || frontend::get(self.admin, "/readyz").await.status == 200).await;
    }

    /// A call as a frontend makes it that calls `bbb.example.org`.
    pub(crate) async fn call(&self, call: &str, query: &str, secret: &str) -> Response {
        frontend::get(self.public, &frontend::signed(call, query, secret)).await
    }

    pub(crate) async fn metrics(&self) -> String {
        frontend::get(self.admin, "/metrics").await.body
    }

    /// Tells it to end, and does not wait for it.
    pub(crate) fn begin_to_end(&self) {
        self.shutdown.cancel();
    }

    /// Ends it in order.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        timeout(DEADLINE, self.running).await.expect("the proxy does not end").unwrap().unwrap();
    }
}
