//! How instances and tenants are addressed: base urls as administrators type them, and host names as frontends send them.

use std::borrow::Cow;
use url::Url;

/// A text that is no instance url.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no instance url; it would be like https://bbb1.example.org/bigbluebutton, without user, query or fragment"
)]
pub struct InvalidUrl(String);

/// The one form of an instance's base url: scheme and host in lower case, default port left out, without a trailing slash or `/api`.
/// Administrators type it into telegraf's configuration by hand, so that all of these forms occur. A url without a path gets
/// `/bigbluebutton`.
///
/// # Errors
/// [`InvalidUrl`] for anything but an absolute http or https url of a host and a path.
pub fn instance_url(text: &str) -> Result<String, InvalidUrl> {
    let invalid = || InvalidUrl(text.to_owned());
    let url = Url::parse(text.trim()).map_err(|_| invalid())?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !plain {
        return Err(invalid());
    }
    let path = url.path().trim_end_matches('/');
    let path = path.strip_suffix("/api").unwrap_or(path).trim_end_matches('/');
    let path = if path.is_empty() { "/bigbluebutton" } else { path };
    Ok(format!("{}{path}", url.origin().ascii_serialization()))
}

/// The names under which a tenant may be known that is called as `host`, the most specific first: in lower case with its port,
/// without it, and the catch-all `*`.
pub fn host_candidates(host: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !name.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => Some(name),
        _ => None,
    };
    [Some(host), name, Some("*")].into_iter().flatten().map(|name| match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_instance_url_has_one_form() {
        for text in [
            "https://bbb1.example.org/bigbluebutton",
            "https://bbb1.example.org/bigbluebutton/",
            "https://BBB1.example.org:443/bigbluebutton/api",
            " https://bbb1.example.org/bigbluebutton/api/ ",
            "https://bbb1.example.org",
        ] {
            assert_eq!(instance_url(text).as_deref(), Ok("https://bbb1.example.org/bigbluebutton"), "{text}");
        }
        assert_eq!(instance_url("http://127.0.0.1:8001/x").as_deref(), Ok("http://127.0.0.1:8001/x"));
    }

    #[test]
    fn what_is_no_instance_url_is_refused_by_name() {
        for text in
            ["", "bbb1.example.org", "ftp://bbb1/", "https://user:pw@bbb1/x", "https://bbb1/x?y", "https://bbb1/#f"]
        {
            assert_eq!(instance_url(text), Err(InvalidUrl(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_host_is_looked_up_with_its_port_first() {
        let candidates = |host| host_candidates(host).collect::<Vec<_>>();
        assert_eq!(candidates("BBB.example.org:8090"), ["bbb.example.org:8090", "bbb.example.org", "*"]);
        assert_eq!(candidates("bbb.example.org"), ["bbb.example.org", "*"]);
        assert_eq!(candidates("[::1]:8090"), ["[::1]:8090", "[::1]", "*"]);
    }
}
