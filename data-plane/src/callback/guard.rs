//! Where a callback must not go: to what answers only those who stand on the same machine or network segment, and tells them secrets.

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;
use tower::Service;

/// Where clouds tell a machine who it is, besides the link-local 169.254.169.254.
const METADATA: [IpAddr; 2] =
    [IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)), IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200))];

/// Addresses of the NAT64 prefix end in an IPv4 address.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// Resolves names, but only to addresses that a callback may go to: those are the ones that are connected to.
#[derive(Debug, Clone)]
pub(super) struct Guarded(GaiResolver);

impl Guarded {
    pub(super) fn new() -> Self {
        Self(GaiResolver::new())
    }
}

impl Service<Name> for Guarded {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let resolving = self.0.call(name);
        Box::pin(async move {
            let allowed: Vec<SocketAddr> = resolving.await?.filter(|address| is_allowed(address.ip())).collect();
            match allowed.is_empty() {
                true => Err(io::Error::new(io::ErrorKind::PermissionDenied, "no address that a callback may go to")),
                false => Ok(allowed.into_iter()),
            }
        })
    }
}

/// A callback may go to this address. Private networks are fine: frontends live there.
pub(super) fn is_allowed(address: IpAddr) -> bool {
    let address = match address.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == NAT64 => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        address => address,
    };
    let local = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !local && !address.is_unspecified() && !address.is_multicast() && !METADATA.contains(&address)
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    #[test]
    fn callbacks_go_to_frontends_and_not_to_what_tells_machines_their_secrets() {
        for allowed in ["127.0.0.1", "10.0.0.1", "192.168.1.1", "203.0.113.5", "::1", "fd00::1", "2001:db8::1"] {
            assert!(is_allowed(allowed.parse().unwrap()), "{allowed}");
        }
        for refused in [
            "169.254.169.254",
            "169.254.1.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(!is_allowed(refused.parse().unwrap()), "{refused}");
        }
    }
}
