//! The sockets of a proxy, opened before it runs, so that whoever starts it learns where they are and whether it may have them.

use anyhow::Context;
use b3lb_config::Settings;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::time::Duration;

/// Connections that the kernel keeps while a worker is busy: a burst of frontends must not be refused.
const BACKLOG: i32 = 4096;

/// Listening sockets: one for each worker, all on the same address, and one for the admin port.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) public: Vec<TcpListener>,
    pub(crate) admin: TcpListener,
    public_addr: SocketAddr,
    admin_addr: SocketAddr,
}

impl Listeners {
    /// Listens where the settings say: the public port on all addresses.
    ///
    /// # Errors
    /// The addresses cannot be had, which tells the key of the one that cannot.
    pub fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let workers = match settings.data_plane.workers {
            Some(workers) => workers,
            None => std::thread::available_parallelism()?.get(),
        };
        // First the one that only one process can have: to share the public port with another proxy, even for a moment, is to take some of its
        // connections.
        let address = settings.data_plane.admin_listen;
        let admin = admin(address);
        let admin = admin.with_context(|| format!("data_plane.admin_listen: cannot listen on {address}"))?;
        let at = |address: IpAddr| public(SocketAddr::new(address, settings.port), workers);
        let bound = match at(Ipv6Addr::UNSPECIFIED.into()) {
            // A kernel without IPv6.
            Err(error) if error.raw_os_error() == Some(EAFNOSUPPORT) => at(Ipv4Addr::UNSPECIFIED.into()),
            bound => bound,
        };
        let public = bound.with_context(|| format!("port: cannot listen on {}", settings.port))?;
        Ok(Self::of(public, admin)?)
    }

    /// Listens on other addresses. A port 0 means any free port.
    ///
    /// # Errors
    /// The addresses cannot be had.
    pub fn bind_to(frontends: SocketAddr, operators: SocketAddr, workers: usize) -> io::Result<Self> {
        let admin = admin(operators)?;
        Self::of(public(frontends, workers)?, admin)
    }

    fn of(public: Vec<TcpListener>, admin: TcpListener) -> io::Result<Self> {
        let public_addr = public[0].local_addr()?;
        let admin_addr = admin.local_addr()?;
        Ok(Self { public, admin, public_addr, admin_addr })
    }

    /// Where frontends call.
    pub fn public_addr(&self) -> SocketAddr {
        self.public_addr
    }

    /// Where `/metrics`, `/livez` and `/readyz` are.
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin_addr
    }
}

/// An operator's connection that takes nothing of what it asked for is closed after this, by the kernel: some that stop reading must not keep
/// probes out. Inherited by what is accepted.
const STALLED_MAX: Duration = Duration::from_secs(10);

/// The operating system's number for an address family that it does not have.
const EAFNOSUPPORT: i32 = 97;

/// One socket for each worker, and at least one.
fn public(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    let first = listen(address)?;
    let address = first.local_addr()?;
    let more = (1..workers.max(1)).map(|_| listen(address));
    std::iter::once(Ok(first)).chain(more).collect()
}

fn admin(address: SocketAddr) -> io::Result<TcpListener> {
    let admin = TcpListener::bind(address)?;
    SockRef::from(&admin).set_tcp_user_timeout(Some(STALLED_MAX))?;
    admin.set_nonblocking(true)?;
    Ok(admin)
}

/// One of several sockets that share an address; the kernel spreads connections over them.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
