//! Where an instance is, taken out of its url.

use http::HeaderValue;
use rustls_pki_types::ServerName;
use url::Url;

/// How to reach an instance and what to call it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Its name as its certificate must say, for https.
    pub(crate) tls: Option<ServerName<'static>>,
    /// The `Host` of calls to it.
    pub(crate) authority: HeaderValue,
    /// What stands before the name of a call, e.g. `/bigbluebutton/api/`.
    pub(crate) path: String,
}

impl Target {
    /// `None` if the url is none of an instance.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let url = Url::parse(url).ok()?;
        let host = url.host_str()?;
        // An IPv6 address has brackets in a url and nowhere else.
        let bare = host.trim_matches(['[', ']']).to_owned();
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(ServerName::try_from(bare.clone()).ok()?),
            _ => return None,
        };
        let authority = match url.port() {
            Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
            None => HeaderValue::try_from(host),
        };
        let path = format!("{}/api/", url.path().trim_end_matches('/'));
        Some(Self { host: bare, port: url.port_or_known_default()?, tls, authority: authority.ok()?, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_found_by_its_url() {
        for (url, host, port, authority, tls) in [
            ("https://bbb1.example.org/bigbluebutton", "bbb1.example.org", 443, "bbb1.example.org", true),
            ("http://127.0.0.1:8001/bigbluebutton", "127.0.0.1", 8001, "127.0.0.1:8001", false),
            ("https://[::1]:8443/bigbluebutton/", "::1", 8443, "[::1]:8443", true),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host.as_str(), target.port, target.tls.is_some()), (host, port, tls));
            assert_eq!(target.authority, authority);
            assert_eq!(target.path, "/bigbluebutton/api/");
        }
        for url in ["", "bbb1", "ftp://bbb1/", "http://"] {
            assert!(Target::parse(url).is_none(), "{url}");
        }
    }
}
