//! How instances and tenants are addressed: base urls as administrators type them, and host names as frontends send them.

use std::borrow::Cow;
use url::Url;

/// Bytes of an instance's url: it is part of every record and every log line about the instance, and browsers take no longer ones.
const URL_MAX: usize = 2048;

/// Characters that are shown of what is refused.
const SHOWN_MAX: usize = 100;

/// A text that is no instance url, shortened, and without what may be a password.
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
/// [`InvalidUrl`] for anything but an absolute http or https url of a host and a path, in at most 2048 bytes.
pub fn instance_url(text: &str) -> Result<String, InvalidUrl> {
    let invalid = || InvalidUrl(shown(text));
    if text.len() > URL_MAX {
        return Err(invalid());
    }
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

/// A text that is refused, as it may be shown.
fn shown(text: &str) -> String {
    let without_user = match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        (None, Some((_, rest))) => format!("…@{rest}"),
        (_, None) => text.to_owned(),
    };
    match without_user.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &without_user[..end]),
        None => without_user,
    }
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
        for text in ["", "bbb1.example.org", "ftp://bbb1/", "https://bbb1/x?y", "https://bbb1/#f"] {
            assert_eq!(instance_url(text), Err(InvalidUrl(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_refusal_shows_no_password_and_not_everything() {
        let refused = |text: &str| instance_url(text).unwrap_err().0;
        assert_eq!(refused("https://user:pw@bbb1/x"), "https://…@bbb1/x");
        assert_eq!(refused("https://user:p@w@bbb1/x"), "https://…@bbb1/x");
        assert_eq!(refused("user:pw@bbb1"), "…@bbb1");
        let long = format!("https://bbb1/{}", "é".repeat(URL_MAX));
        assert_eq!(refused(&long), format!("https://bbb1/{}…", "é".repeat(SHOWN_MAX - 13)));
    }

    #[test]
    fn a_host_is_looked_up_with_its_port_first() {
        let candidates = |host| host_candidates(host).collect::<Vec<_>>();
        assert_eq!(candidates("BBB.example.org:8090"), ["bbb.example.org:8090", "bbb.example.org", "*"]);
        assert_eq!(candidates("bbb.example.org"), ["bbb.example.org", "*"]);
        assert_eq!(candidates("[::1]:8090"), ["[::1]:8090", "[::1]", "*"]);
    }
}
