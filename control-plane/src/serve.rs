//! The port: accepts connections and serves HTTP/1.1 and HTTP/2 on each, in clear or over TLS.
//!
//! tonic's own server is not used, because it offers no HTTP/1.1 over TLS, lets a client that never says a word stay for ever, and does
//! not end its connections when it ends itself.

mod limits;
#[cfg(test)]
mod tests;

pub(crate) use limits::{is_grpc, limited};

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use b3lb_config::tls::server::{Acceptor, Port};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use socket2::SockRef;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpConnectInfo;
use tower::Service;

/// Connections at a time: some hundred proxies, every telegraf agent of the largest pools, operators. More wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 8192;
/// Streams of one HTTP/2 connection: a proxy has one connection, and asks for a placement per waiting `create` on it.
const STREAMS_MAX: u32 = 4096;
/// Headers of one request. Keys and trace contexts are far below.
const HEADERS_MAX: u32 = 16 * 1024;
/// Streams that a peer may reset before they were answered, which costs it less than us.
const RESETS_MAX: usize = 128;
/// Finds peers that are gone without a word, at the latest after this and [`KEEPALIVE_TIMEOUT`].
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that takes nothing of what it asked for is closed after this, by the kernel. Those that answer pings are not found otherwise.
const STALLED_MAX: Duration = Duration::from_secs(30);
/// A TLS handshake takes three round trips and some milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A client that has asked nothing by then is closed. Those that connect before they have a question connect again.
const FIRST_REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Calls that were accepted before the end may still be answered; streams of this program end at once.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// Accepting fails when the process has run out of file descriptors; trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The port, as the configuration knows it.
pub(crate) const PORT: Port = Port {
    section: "control_plane.tls",
    tls: |settings| settings.control_plane.tls.as_ref(),
    protocols: &[b"h2", b"http/1.1"],
};

/// Serves what `routes` are at the moment on every connection, until `shutdown`, and has ended all of them when it returns.
pub(crate) async fn serve(
    listener: &TcpListener,
    tls: &mut Acceptor,
    routes: &Arc<ArcSwap<Router>>,
    shutdown: &CancellationToken,
) {
    // Inherited by what is accepted.
    if let Err(error) = SockRef::from(listener).set_tcp_user_timeout(Some(STALLED_MAX)) {
        tracing::warn!("connections that stall will stay: {error}");
    }
    let mut connections = JoinSet::new();
    let mut failing = false;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            Some(ended) = connections.join_next() => log_panic(ended),
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    connections.spawn(connection(stream, peer, tls.now(), routes.clone(), shutdown.clone()));
                }
                Err(error) => {
                    // Once is enough; the log would be full of it.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!("connections cannot be accepted: {error}");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    let drained = timeout(SHUTDOWN_GRACE, async {
        while let Some(ended) = connections.join_next().await {
            log_panic(ended);
        }
    });
    if drained.await.is_err() {
        tracing::info!("{} connections were cut off", connections.len());
        connections.shutdown().await;
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    routes: Arc<ArcSwap<Router>>,
    shutdown: CancellationToken,
) {
    let info = TcpConnectInfo { local_addr: stream.local_addr().ok(), remote_addr: Some(peer) };
    // Answers are small and awaited; to wait for more to send with them helps nobody. A peer that is already gone is noticed below.
    stream.set_nodelay(true).ok();
    let Some(tls) = tls else {
        return talk(stream, info, routes, shutdown).await;
    };
    match timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, info, routes, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%peer, "the TLS handshake failed: {error}"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

/// Answers the requests of one connection.
async fn talk<S>(stream: S, info: TcpConnectInfo, routes: Arc<ArcSwap<Router>>, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let asked = Arc::new(AtomicBool::new(false));
    let answer = {
        let (asked, info) = (asked.clone(), info.clone());
        service_fn(move |mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(info.clone());
            Router::clone(&routes.load()).call(request.map(Body::new))
        })
    };
    let builder = protocols();
    let mut conversation = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), answer));
    let mut silence = std::pin::pin!(tokio::time::sleep(FIRST_REQUEST_TIMEOUT));
    let (mut told, mut waited) = (false, false);
    loop {
        tokio::select! {
            ended = conversation.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(peer = ?info.remote_addr, "a connection ended early: {error}");
                }
                return;
            }
            () = shutdown.cancelled(), if !told => {
                told = true;
                conversation.as_mut().graceful_shutdown();
            }
            // Whether anything was asked is known only now: a condition would be looked at before the wait.
            () = silence.as_mut(), if !waited => match asked.load(Ordering::Relaxed) {
                false => return,
                true => waited = true,
            },
        }
    }
}

fn protocols() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Without its timer, neither protocol would look at its deadlines.
    builder.http1().timer(TokioTimer::new());
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADERS_MAX)
        .max_pending_accept_reset_streams(RESETS_MAX);
    builder
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a connection ended by a bug: {error}");
    }
}
