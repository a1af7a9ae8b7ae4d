//! A simulated BigBlueButton instance on a real socket.

use crate::clock;
use crate::documents::Entry;
use crate::door;
use crate::fault::Fault;
use crate::journal::{Call, Journal};
use crate::options::Options;
use crate::postman;
use crate::site::{Census, Site};
use crate::tls::Identity;
use bbb::Secret;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A running instance; it ends when this is dropped.
#[derive(Debug)]
pub struct Instance {
    address: SocketAddr,
    /// Where others reach it, without a path.
    origin: String,
    secret: Secret,
    certificate: Option<String>,
    shared: Arc<Shared>,
    running: JoinHandle<io::Result<()>>,
    shutdown: DropGuard,
}

/// What an instance's connections have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    site: Mutex<Site>,
    pub(crate) fault: watch::Sender<Option<Fault>>,
    /// Whether connections are accepted, which follows `fault`.
    pub(crate) open: watch::Sender<bool>,
    /// When the fault ends by itself.
    healing: watch::Sender<Option<Instant>>,
    journal: watch::Sender<Journal>,
}

impl Instance {
    /// Starts an instance on a free port of the loopback interface.
    ///
    /// # Errors
    /// If there is none.
    pub async fn local(options: Options) -> io::Result<Self> {
        Self::start(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?, options)
    }

    /// Starts an instance on a listener, within a tokio runtime.
    ///
    /// # Errors
    /// If the listener has no address, or no certificate can be made.
    pub fn start(listener: TcpListener, options: Options) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let secret = options.secret.clone();
        let identity = if options.https { Some(Identity::generate(address.ip())?) } else { None };
        let certificate = identity.as_ref().map(|identity| identity.certificate.clone());
        let scheme = if options.https { "https" } else { "http" };
        let origin = options.origin.clone().unwrap_or_else(|| format!("{scheme}://{address}"));
        let shared = Arc::new(Shared {
            site: Mutex::new(Site::new(options, origin.clone())),
            fault: watch::Sender::new(None),
            open: watch::Sender::new(true),
            healing: watch::Sender::new(None),
            journal: watch::Sender::default(),
        });
        let shutdown = CancellationToken::new();
        let acceptor = identity.map(|identity| identity.acceptor);
        let running = tokio::spawn(run(listener, acceptor, Arc::clone(&shared), shutdown.clone()));
        Ok(Self { address, origin, secret, certificate, shared, running, shutdown: shutdown.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its url, as an administrator would write it.
    pub fn url(&self) -> String {
        format!("{}/bigbluebutton", self.origin)
    }

    /// The certificate to trust, in PEM, if it speaks HTTPS.
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// Its shared secret.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Switches a fault on, in place of any other, or with `None` off. Returns when the instance behaves so.
    pub async fn fail(&self, fault: Option<Fault>) {
        let open = fault != Some(Fault::Down);
        self.shared.fail(fault, None);
        // An error means that the instance has ended, and nothing listens.
        let _ = self.shared.open.subscribe().wait_for(|is_open| *is_open == open).await;
    }

    /// Loses all hooks, as a restart without its Redis would.
    pub fn forget_hooks(&self) {
        self.shared.site().webhooks.hooks.clear();
    }

    /// How many hooks it has.
    pub fn hooks(&self) -> usize {
        self.shared.site().webhooks.hooks.len()
    }

    /// The meetings it would list now.
    pub fn meetings(&self) -> Vec<Entry> {
        let now = clock::now();
        let mut site = self.shared.site();
        site.advance(now);
        site.meetings.iter().map(|meeting| meeting.entry(now)).collect()
    }

    /// What goes on now.
    pub fn census(&self) -> Census {
        self.shared.census(clock::now())
    }

    /// The last calls it received, oldest first, whether it carried them out or not. Their number is bounded.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.journal().calls().cloned().collect()
    }

    /// How many calls of an action it has received, from its start.
    pub fn received(&self, action: &str) -> usize {
        self.shared.journal().count(action)
    }

    /// How many creates it has received for each meetingID, from its start.
    pub fn creates(&self) -> HashMap<String, usize> {
        self.shared.journal().creates().clone()
    }

    /// Waits until it has received at least `count` calls of an action, from its start.
    pub async fn until_received(&self, action: &str, count: usize) {
        // The sender lives as long as this.
        let _ = self.shared.journal.subscribe().wait_for(|journal| journal.count(action) >= count).await;
    }

    /// Waits for its end, which comes by itself only if its port is taken from it.
    ///
    /// # Errors
    /// What ended it.
    pub async fn ended(&mut self) -> io::Result<()> {
        (&mut self.running).await.map_err(io::Error::other)?
    }

    /// Ends it and waits until its port is free.
    ///
    /// # Errors
    /// What had ended it before.
    pub async fn stop(self) -> io::Result<()> {
        drop(self.shutdown);
        self.running.await.map_err(io::Error::other)?
    }
}

impl Shared {
    /// Switches the fault, for a while if `lasting` says so.
    pub(crate) fn fail(&self, fault: Option<Fault>, lasting: Option<Duration>) {
        self.healing.send_replace(lasting.map(|lasting| Instant::now() + lasting));
        self.fault.send_replace(fault);
    }

    pub(crate) fn note(&self, call: Call) {
        self.journal.send_modify(|journal| journal.note(call));
    }

    pub(crate) fn journal(&self) -> watch::Ref<'_, Journal> {
        self.journal.borrow()
    }

    pub(crate) fn census(&self, now: u64) -> Census {
        let mut site = self.site();
        site.advance(now);
        site.census(now)
    }

    pub(crate) fn site(&self) -> MutexGuard<'_, Site> {
        // A panic while answering leaves at worst half a meeting, which is what a simulator is for.
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn run(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    tokio::select! {
        served = door::serve(listener, acceptor, Arc::clone(&shared), shutdown) => served,
        () = heal(&shared) => Ok(()),
        () = measure(&shared) => Ok(()),
        () = postman::run(&shared) => Ok(()),
    }
}

/// Writes the machine's load, whatever faults the instance has: the machine is well.
async fn measure(shared: &Shared) {
    let (telegraf, url, seed) = {
        let site = shared.site();
        (site.options.telegraf.clone(), format!("{}/bigbluebutton", site.origin), site.options.seed)
    };
    match telegraf {
        Some(telegraf) => telegraf.run(shared, &url, seed).await,
        None => std::future::pending().await,
    }
}

/// Ends faults that were to last for a while only.
async fn heal(shared: &Shared) {
    let mut healing = shared.healing.subscribe();
    loop {
        let due = *healing.borrow_and_update();
        let wait = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => shared.fail(None, None),
            // The sender is in `shared`.
            _ = healing.changed() => {}
        }
    }
}
