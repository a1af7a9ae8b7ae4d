//! The sockets of a proxy, opened before it runs, so that whoever starts it learns where they are and whether it may have them.

use b3lb_config::Settings;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

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
    /// The addresses cannot be had.
    pub fn bind(settings: &Settings) -> io::Result<Self> {
        let workers = match settings.data_plane.workers {
            Some(workers) => workers,
            None => std::thread::available_parallelism()?.get(),
        };
        let everywhere = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), settings.port);
        let admin = settings.data_plane.admin_listen;
        match Self::bind_to(everywhere, admin, workers) {
            // A kernel without IPv6.
            Err(error) if error.raw_os_error() == Some(EAFNOSUPPORT) => {
                Self::bind_to(SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), settings.port), admin, workers)
            }
            bound => bound,
        }
    }

    /// Listens on other addresses. A port 0 means any free port.
    ///
    /// # Errors
    /// The addresses cannot be had.
    pub fn bind_to(public: SocketAddr, admin: SocketAddr, workers: usize) -> io::Result<Self> {
        let first = listen(public)?;
        let public_addr = first.local_addr()?;
        let more = (1..workers.max(1)).map(|_| listen(public_addr));
        let public = std::iter::once(Ok(first)).chain(more).collect::<io::Result<_>>()?;
        let admin = TcpListener::bind(admin)?;
        admin.set_nonblocking(true)?;
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

/// The operating system's number for an address family that it does not have.
const EAFNOSUPPORT: i32 = 97;

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
