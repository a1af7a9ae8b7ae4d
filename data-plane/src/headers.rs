//! Headers on their way through: what belongs to one connection stays behind, and the instance learns who called.

use http::header::{CONNECTION, Entry, HOST, HeaderMap, HeaderName, HeaderValue};
use std::net::IpAddr;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// It says something about one connection, and not about the message.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    // Compared as text: a match tells names apart by their length first, and every header of every call passes here twice.
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
    )
}

/// The other end of a frontend's connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    address: HeaderValue,
    /// What it says about whom it speaks for is believed.
    trusted: bool,
    /// It came by TLS.
    secure: bool,
}

impl Peer {
    pub(crate) fn new(address: IpAddr, trusted: &[IpAddr], secure: bool) -> Self {
        let address = address.to_canonical();
        let text = HeaderValue::try_from(address.to_string()).expect("an address is digits, letters, dots and colons");
        Self { address: text, trusted: trusted.contains(&address), secure }
    }

    /// Who called, for people: the other end, or whom it speaks for.
    pub(crate) fn client(&self, headers: &HeaderMap) -> Box<str> {
        let own = || self.address.to_str().unwrap_or_default();
        let forwarded = self.trusted.then(|| headers.get_all(X_FORWARDED_FOR).iter().next_back()).flatten();
        let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next());
        // What is no address may be anything.
        let address = last.map(str::trim).filter(|last| last.parse::<IpAddr>().is_ok());
        address.unwrap_or_else(own).into()
    }

    /// The host that a frontend called: its own word, or that of a proxy before this one.
    pub(crate) fn host<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let forwarded = self.trusted.then(|| headers.get(X_FORWARDED_HOST)).flatten();
        // Proxies append to what they were sent; only the last word is that of the one that is trusted.
        let host = forwarded.or_else(|| headers.get(HOST))?.to_str().ok()?;
        host.rsplit(',').next().map(str::trim)
    }
}

/// Where a frontend reaches the proxies, as the headers of its call say that are on their way to an instance.
pub(crate) fn public_url(headers: &HeaderMap) -> Option<String> {
    let last = |name: &HeaderName| headers.get(name)?.to_str().ok()?.rsplit(',').next().map(str::trim);
    let scheme = last(&X_FORWARDED_PROTO).filter(|scheme| matches!(*scheme, "http" | "https")).unwrap_or("http");
    Some(format!("{scheme}://{}", last(&X_FORWARDED_HOST)?))
}

/// Makes a frontend's headers those of a request to an instance, except for `Host`, which names the instance.
pub(crate) fn to_instances(headers: &mut HeaderMap, peer: &Peer) {
    remove_hop_by_hop(headers);
    let host = headers.remove(HOST);
    if !peer.trusted {
        headers.remove(X_FORWARDED_PROTO);
        headers.remove(X_FORWARDED_HOST);
        headers.insert(X_FORWARDED_FOR, peer.address.clone());
    } else {
        match headers.entry(X_FORWARDED_FOR) {
            Entry::Vacant(entry) => drop(entry.insert(peer.address.clone())),
            Entry::Occupied(mut entry) => entry.append(peer.address.clone()),
        }
    }
    if let (true, Entry::Vacant(entry)) = (peer.secure, headers.entry(X_FORWARDED_PROTO)) {
        entry.insert(HeaderValue::from_static("https"));
    }
    if let (Some(host), Entry::Vacant(entry)) = (host, headers.entry(X_FORWARDED_HOST)) {
        entry.insert(host);
    }
}

/// Removes what an instance or a frontend says about its connection.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let own: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    if own.is_empty() {
        return;
    }
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&own) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    const PROXY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    #[test]
    fn what_belongs_to_the_connection_stays_behind() {
        let mut headers = map(&[
            ("connection", "close, X-Private"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("expect", "100-continue"),
            ("accept", "text/xml"),
            ("traceparent", "00-1-2-01"),
            ("host", "bbb.example.org"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("x-forwarded-for", "1.2.3.4"),
        ]);
        let peer = Peer::new("::ffff:10.0.0.2".parse().unwrap(), &[PROXY], false);
        assert_eq!(peer.host(&headers), Some("bbb.example.org"));
        to_instances(&mut headers, &peer);
        let expected = map(&[
            ("accept", "text/xml"),
            ("traceparent", "00-1-2-01"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-host", "bbb.example.org"),
        ]);
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        let mut headers = map(&[
            ("host", "inner"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "spoofed, bbb.example.org"),
            ("x-forwarded-for", "1.2.3.4"),
        ]);
        let peer = Peer::new(PROXY, &[PROXY], false);
        assert_eq!(peer.host(&headers), Some("bbb.example.org"));
        to_instances(&mut headers, &peer);
        let mut expected = map(&[
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "spoofed, bbb.example.org"),
            ("x-forwarded-for", "1.2.3.4"),
        ]);
        expected.append("x-forwarded-for", HeaderValue::from_static("10.0.0.1"));
        assert_eq!(headers, expected);
    }
}
