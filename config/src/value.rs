//! What may stand behind a key: one function for each kind of value, and in its error what would have been right.

use crate::redis_address::RedisAddress;
use bbb::Secret;
use bbb::parameters::Unchangeable;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;
use url::Url;

/// What would have been right, to be read after "is not".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected(pub(crate) String);

/// Threads that serve frontends: more than the largest machines have cores.
const THREADS_MAX: usize = 1024;

pub(crate) type Parsed<T> = Result<T, Expected>;

impl From<&str> for Expected {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

fn parse<T: FromStr>(text: &str, expected: &str) -> Parsed<T> {
    text.parse().map_err(|_| expected.into())
}

/// A percentage at which an instance takes no new meetings; at 0 none ever would.
pub(crate) fn percentage(text: &str) -> Parsed<f64> {
    let expected = "a percentage above 0 and up to 100, such as 90";
    let percentage: f64 = parse(text, expected)?;
    if percentage > 0.0 && percentage <= 100.0 { Ok(percentage) } else { Err(expected.into()) }
}

/// A part of something, from none to all of it.
pub(crate) fn ratio(text: &str) -> Parsed<f64> {
    let expected = "a number from 0 to 1, such as 0.1";
    let ratio: f64 = parse(text, expected)?;
    if (0.0..=1.0).contains(&ratio) { Ok(ratio) } else { Err(expected.into()) }
}

/// A duration such as `90s` or `5m`, within the bounds.
pub(crate) fn duration(text: &str, bounds: RangeInclusive<Duration>) -> Parsed<Duration> {
    let expected = || {
        let [least, most] = [bounds.start(), bounds.end()].map(|d| humantime::format_duration(*d));
        Expected(format!("a duration from {least} to {most}, such as 90s or 5m"))
    };
    let duration = humantime::parse_duration(text).map_err(|_| expected())?;
    if bounds.contains(&duration) { Ok(duration) } else { Err(expected()) }
}

/// A duration that reaches into the past: Flux writes it `-5m`, people `5m`.
pub(crate) fn range(text: &str, bounds: RangeInclusive<Duration>) -> Parsed<Duration> {
    duration(text.strip_prefix('-').unwrap_or(text), bounds)
}

pub(crate) fn port(text: &str) -> Parsed<u16> {
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| "a port from 1 to 65535".into())
}

/// An address to listen on.
pub(crate) fn listen(text: &str) -> Parsed<SocketAddr> {
    let address: Option<SocketAddr> = text.parse().ok();
    address.filter(|address| address.port() != 0).ok_or_else(|| "an address and port such as 0.0.0.0:8091".into())
}

/// A url of something that is spoken to by HTTP. No password, for urls are logged, and no path, for the clients would leave it out.
pub(crate) fn http_url(text: &str) -> Parsed<Url> {
    let expected = || "an http or https url without user, path or query, such as http://127.0.0.1:8086".into();
    let url = Url::parse(text).map_err(|_| expected())?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let right = matches!(url.scheme(), "http" | "https") && url.has_host() && anonymous && bare;
    if right { Ok(url) } else { Err(expected()) }
}

/// At least one of them.
pub(crate) fn http_urls(texts: &[String]) -> Parsed<Vec<Url>> {
    match texts {
        [] => Err("a list of one url or more".into()),
        _ => texts.iter().map(|text| http_url(text)).collect(),
    }
}

/// Parameters of a call, each `name=value`. What has no `=` belongs to the value before, which is a list with commas in it.
pub(crate) fn parameters(texts: &[String]) -> Parsed<BTreeMap<String, String>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for text in texts {
        match (text.split_once('='), pairs.last_mut()) {
            (Some((name, value)), _) => pairs.push((name.to_owned(), value.to_owned())),
            (None, Some((_, value))) => *value = format!("{value},{text}"),
            (None, None) => return Err("parameters with their values, such as welcome: Hello".into()),
        }
    }
    for (name, value) in &pairs {
        bbb::parameters::check_value(name, value).map_err(changeable)?;
    }
    Ok(pairs.into_iter().collect())
}

/// Names of parameters.
pub(crate) fn parameter_names(texts: &[String]) -> Parsed<Vec<String>> {
    for name in texts {
        bbb::parameters::check_name(name).map_err(changeable)?;
    }
    Ok(texts.to_vec())
}

/// The name of a piece of metadata.
pub(crate) fn metadata_name(text: &str) -> Parsed<String> {
    let rest = text.strip_prefix("meta_").unwrap_or_default();
    let valid = !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if valid { Ok(text.to_owned()) } else { Err("the name of a piece of metadata, such as meta_expected-users".into()) }
}

fn changeable(error: Unchangeable) -> Expected {
    Expected(format!("what can be changed: {error}"))
}

pub(crate) fn minutes(text: &str) -> Parsed<u32> {
    parse(text, "a whole number of minutes, 0 for no limit")
}

/// Where instances fetch a file.
pub(crate) fn file_url(text: &str) -> Parsed<String> {
    let valid = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if valid { Ok(text.to_owned()) } else { Err("an http or https url of a file".into()) }
}

pub(crate) fn ip_addresses(texts: &[String]) -> Parsed<Vec<IpAddr>> {
    texts.iter().map(|text| parse(text, "an IP address such as 10.0.0.1")).collect()
}

/// Where Redis is. Its password has a key of its own, for addresses are shown.
pub(crate) fn redis_address(text: &str) -> Parsed<String> {
    let expected = "host:port such as 127.0.0.1:6379, or a redis, rediss or unix url, or one of sentinels such as \
                    redis+sentinel://s1:26379,s2:26379/mymaster or of a cluster such as redis+cluster://n1:6379,n2:6379, without \
                    user or password (they have keys of their own)";
    RedisAddress::parse(text).map(|_| text.to_owned()).ok_or_else(|| expected.into())
}

pub(crate) fn redis_database(text: &str) -> Parsed<i64> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| "the number of a database, 0 or more".into())
}

/// A secret that people may paste anywhere, but not across lines.
pub(crate) fn secret(text: &str) -> Parsed<Secret> {
    let right = !text.chars().any(char::is_control);
    if right { Ok(Secret::new(text)) } else { Err("a secret in one line".into()) }
}

/// A secret that travels in an `authorization` header, which carries visible ASCII only.
pub(crate) fn key(text: &str) -> Parsed<Secret> {
    let right = text.bytes().all(|byte| byte.is_ascii_graphic());
    if right { Ok(Secret::new(text)) } else { Err("made of letters, digits and ASCII signs without spaces".into()) }
}

/// A number of threads, of which more than a few for each core do no good.
pub(crate) fn threads(text: &str) -> Parsed<usize> {
    let number = text.parse().ok().filter(|number| (1..=THREADS_MAX).contains(number));
    number.ok_or_else(|| Expected(format!("a number of threads from 1 to {THREADS_MAX}")))
}

/// A filter as `tracing` knows it, but for one thing: a word alone is a level. There it may be a part of the program as well, so that a
/// level that is none, such as `warning`, would hush everything.
pub(crate) fn log_filter(text: &str) -> Parsed<String> {
    let is_level = |word: &str| word.parse::<LevelFilter>().is_ok();
    let right = text.split(',').map(str::trim).all(|part| part.contains(['=', '[']) || is_level(part));
    let expected = "a log filter such as info or warn,b3lb_data_plane=debug";
    if right && EnvFilter::try_new(text).is_ok() { Ok(text.to_owned()) } else { Err(expected.into()) }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Expected(format!("one of {}", words.join(", ")))
    })
}
