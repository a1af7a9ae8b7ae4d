//! The network of an instance: its listener, which a fault closes, and the connections it accepted.

use crate::control;
use crate::fault::Fault;
use crate::instance::Shared;
use crate::reply::{self, Body};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Connections waiting to be accepted; many frontends call at the same moment.
const BACKLOG: u32 = 1024;

/// Connections at a time, so that a test that goes wild stops here and not at the machine's limit.
const CONNECTIONS_MAX: usize = 4096;

/// The largest body that is taken; larger ones are refused as nginx refuses them.
const BODY_MAX: usize = 32 * 1024 * 1024;

/// The longest URL and headers that are taken.
const HEAD_MAX: usize = 128 * 1024;

/// A connection that sends nothing for this long is closed, as nginx does by default.
const IDLE: Duration = Duration::from_secs(75);

/// How long a connection over which people bring the instance down has to deliver the answer.
const FAREWELL: Duration = Duration::from_secs(1);

/// Accepts and serves connections until `shutdown`. While the instance is down, its port is kept but nothing listens on it.
pub(crate) async fn serve(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    let mut listener = Some(listener);
    let mut fault = shared.fault.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let down = *fault.borrow_and_update() == Some(Fault::Down);
        match &listener {
            Some(open) if !down => {
                shared.open.send_replace(true);
                tokio::select! {
                    accepted = open.accept(), if connections.len() < CONNECTIONS_MAX => {
                        connections.spawn(connection(accepted?.0, acceptor.clone(), Arc::clone(&shared)));
                    }
                    Some(_) = connections.join_next() => {}
                    _ = fault.changed() => {}
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
            _ if !down => listener = Some(socket(address)?.listen(BACKLOG)?),
            _ => {
                listener = None;
                // A socket that is bound and does not listen: connections are refused, and nobody else can take the port.
                let _reserved = socket(address)?;
                while connections.join_next().await.is_some() {}
                shared.open.send_replace(false);
                tokio::select! {
                    _ = fault.changed() => {}
                    () = shutdown.cancelled() => return Ok(()),
                }
            }
        }
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Connections that were cut linger in the kernel and would keep the port.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Serves one connection until it ends or the instance goes down.
async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Without it each answer would wait for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => converse(stream, shared).await,
        Some(acceptor) => {
            let mut fault = shared.fault.subscribe();
            let handshake = tokio::select! {
                handshake = tokio::time::timeout(IDLE, acceptor.accept(stream)) => handshake,
                _ = fault.wait_for(|fault| *fault == Some(Fault::Down)) => return,
            };
            // A client that does not go through with it is no error of the instance.
            if let Ok(Ok(stream)) = handshake {
                converse(stream, shared).await;
            }
        }
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>) {
    let mut fault = shared.fault.subscribe();
    let controlled = Arc::new(AtomicBool::new(false));
    let controls = Arc::clone(&controlled);
    let service = service_fn(move |request| answer(Arc::clone(&shared), Arc::clone(&controls), request));
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // A connection that a client broke off is no error of the instance.
        _ = serving.as_mut() => return,
        _ = fault.wait_for(|fault| *fault == Some(Fault::Down)) => {}
    }
    if controlled.load(Ordering::Relaxed) {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(FAREWELL, serving).await;
    }
}

async fn answer(
    shared: Arc<Shared>,
    controlled: Arc<AtomicBool>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => return Ok(reply::page(StatusCode::PAYLOAD_TOO_LARGE)),
        Err(_) => Bytes::new(),
    };
    let path = parts.uri.path();
    if let Some(path) = path.strip_prefix("/sim") {
        controlled.store(true, Ordering::Relaxed);
        return Ok(control::answer(&shared, &parts, path));
    }
    if path == "/html5client/join" {
        return Ok(reply::text(StatusCode::OK, "You are in a meeting of a simulated instance.\n".to_owned()));
    }
    match path.strip_prefix("/bigbluebutton/api") {
        Some(path) if path.is_empty() || path.starts_with('/') => Ok(reply::reply(&shared, &parts, path, &body).await),
        _ if path == "/bigbluebutton/" => Ok(reply::reply(&shared, &parts, "", &body).await),
        _ => Ok(reply::page(StatusCode::NOT_FOUND)),
    }
}
