//! Both planes in one process.

use anyhow::{Context, Result, ensure};
use b3lb_config::{Live, Settings};
use b3lb_data_plane::Listeners;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

/// What must not end while the program runs.
pub(crate) type Parts = JoinSet<Result<()>>;

/// Whether both can begin with these settings, and the proxy reach the control plane.
///
/// # Errors
/// What is missing or wrong.
pub(crate) fn check(settings: &Settings) -> Result<()> {
    b3lb_control_plane::check(settings)?;
    b3lb_data_plane::check(settings)?;
    if let Some(tls) = &settings.control_plane.tls {
        let named = settings.data_plane.control_planes.iter().any(|url| url.scheme() == "https");
        ensure!(
            named,
            "data_plane.control_planes: needs an https url that the certificate of control_plane.tls is for"
        );
        ensure!(
            tls.client_ca.is_none() || settings.data_plane.client_tls.is_some(),
            "control_plane.tls.client_ca: would keep out the proxy, which has no data_plane.client_tls to show"
        );
    }
    Ok(())
}

/// Runs a control plane and a proxy that follows it until `shutdown`.
///
/// # Errors
/// An address cannot be listened on, or one of the two failed; then the other is ended too.
pub(crate) async fn run(live: Live, shutdown: CancellationToken) -> Result<()> {
    let settings = live.now();
    let listen = settings.control_plane.listen;
    let listener =
        TcpListener::bind(listen).await.with_context(|| format!("control_plane.listen: cannot listen on {listen}"))?;
    // A certificate names the control plane as others call it, so that with TLS only the configured urls will do.
    let here = match settings.control_plane.tls {
        None => Some(url(listener.local_addr()?)?),
        Some(_) => None,
    };
    let mut parts = JoinSet::new();
    let listeners = Listeners::bind(&settings)?;
    // A proxy that shall end serves on for a while, and places meetings meanwhile.
    let proxy_ended = CancellationToken::new();
    spawn_control_plane(&mut parts, live.clone(), listener, proxy_ended.clone());
    let (ended, told) = (proxy_ended.drop_guard(), shutdown.clone());
    parts.spawn(async move {
        let _ended = ended;
        b3lb_data_plane::run_beside(live, here, listeners, told).await
    });
    all_end(parts, &shutdown).await
}

pub(crate) fn spawn_control_plane(
    parts: &mut Parts,
    settings: impl Into<Live>,
    listener: TcpListener,
    shutdown: CancellationToken,
) {
    let live = settings.into();
    parts.spawn(async move { b3lb_control_plane::run(live, listener, shutdown).await });
}

/// `control_plane`: the one to follow, if it is not one of those that the settings name.
pub(crate) fn spawn_proxy(
    parts: &mut Parts,
    settings: impl Into<Live>,
    control_plane: Option<Url>,
    listeners: Listeners,
    shutdown: CancellationToken,
) {
    let live = settings.into();
    parts.spawn(async move { b3lb_data_plane::run_beside(live, control_plane, listeners, shutdown).await });
}

/// Waits for the first part to end, which none should.
pub(crate) async fn first_end(parts: &mut Parts) -> anyhow::Error {
    match parts.join_next().await {
        Some(Ok(Err(error))) => error,
        Some(Err(panic)) => panic.into(),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a part ended before it was told to"),
    }
}

/// Waits until every part has ended. The first to end ends the others, and the first error is the one that tells.
pub(crate) async fn all_end(mut parts: Parts, shutdown: &CancellationToken) -> Result<()> {
    let mut outcome = Ok(());
    while let Some(ended) = parts.join_next().await {
        shutdown.cancel();
        let ended = ended.unwrap_or_else(|panic| Err(panic.into()));
        outcome = outcome.and(ended);
    }
    outcome
}

/// How this machine reaches what listens here.
pub(crate) fn url(listening: SocketAddr) -> Result<Url> {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, listening.port())).parse().context("an address makes a url")
}
