//! One thread that serves frontends: its own runtime, listener, connections and counts.

use crate::client::{self, Client};
use crate::headers::Peer;
use crate::meters::Meters;
use crate::proxy::Proxy;
use b3lb_config::pulse::Pulse;
use b3lb_config::tls::server::{Acceptor, Port};
use b3lb_config::{Live, Settings};
use std::io;
use std::net::{IpAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// Connections of one worker. While there are so many, new ones wait in the kernel until one ends.
const CONNECTIONS_MAX: usize = 16_384;
/// After a failure to accept, which is mostly that the process has too many files open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How often idle connections to instances are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// A TLS handshake takes three round trips and some milliseconds.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The port, as the configuration knows it.
pub(crate) const PORT: Port =
    Port { section: "data_plane.tls", tls: |settings| settings.data_plane.tls.as_ref(), protocols: &[b"http/1.1"] };

/// A worker's own copy of the configuration, to which no other thread counts references.
pub(crate) fn configured(live: &Live) -> Rc<Settings> {
    Rc::new(Settings::clone(&live.now()))
}

/// What a worker is started with.
pub(crate) struct Worker {
    pub(crate) meters: Meters,
    pub(crate) live: Live,
    pub(crate) acceptor: Acceptor,
    pub(crate) pulse: Pulse,
    /// No new connections; those that are idle end.
    pub(crate) closing: CancellationToken,
    /// For calls that are under way when closing begins.
    pub(crate) patience: Duration,
}

impl Worker {
    /// Serves until closing has ended.
    pub(crate) async fn run(mut self, listener: StdListener, proxy: Proxy) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        let proxy = Rc::new(proxy);
        let mut connections = JoinSet::new();
        let mut sweep = interval(SWEEP_INTERVAL);
        let mut failing = false;
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                    Ok((stream, address)) => {
                        failing = false;
                        let client = self.client(stream, address.ip(), Rc::clone(&proxy));
                        connections.spawn_local(client);
                    }
                    Err(error) => {
                        // Once is enough; the log would be full of it.
                        if !std::mem::replace(&mut failing, true) {
                            tracing::warn!(%error, "connections cannot be accepted");
                        }
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = connections.join_next() => self.ended(ended),
                _ = sweep.tick() => {
                    self.pulse.beat();
                    proxy.sweep();
                }
                () = self.live.changed() => *proxy.configured.borrow_mut() = configured(&self.live),
                () = self.closing.cancelled() => break,
            }
        }
        // Whoever connects from now on shall reach another process.
        drop(listener);
        let rest = async { while connections.join_next().await.is_some() {} };
        if timeout(self.patience, rest).await.is_err() {
            tracing::warn!("calls were cut off by the shutdown");
        }
        Ok(())
    }

    fn client(&mut self, stream: TcpStream, address: IpAddr, proxy: Rc<Proxy>) -> impl Future<Output = ()> + use<> {
        let tls = self.acceptor.now();
        let peer = Peer::new(address, &proxy.configured.borrow().data_plane.trusted_proxies, tls.is_some());
        let client = Rc::new(Client::new(peer));
        let closing = self.closing.clone();
        self.meters.connections.increment(1.0);
        async move {
            // Without it, an answer in two writes waits for the frontend's acknowledgement. A socket that refuses is closed already.
            if stream.set_nodelay(true).is_err() {
                return;
            }
            let Some(tls) = tls else {
                return client::serve(stream, client, proxy, closing).await;
            };
            // What TLS needs is large, and most frontends come without it or through a proxy.
            let shaken = Box::pin(timeout(HANDSHAKE_TIMEOUT, tls.accept(stream))).await;
            match shaken {
                Ok(Ok(stream)) => Box::pin(client::serve(stream, client, proxy, closing)).await,
                Ok(Err(error)) => tracing::debug!(%address, %error, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
            }
        }
    }

    fn ended(&self, ended: Result<(), tokio::task::JoinError>) {
        self.meters.connections.decrement(1.0);
        if let Err(error) = ended {
            tracing::error!(%error, "a connection ended by a panic");
        }
    }
}
