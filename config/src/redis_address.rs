//! Where Redis is, as `redis.address` says it.

use std::fmt;
use std::path::PathBuf;

/// What `redis.address` means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAddress {
    /// How the one Redis is found that holds the state.
    pub route: Route,
    /// TLS is spoken, also with sentinels and all of a cluster.
    pub tls: bool,
    /// The number of the database, if the address names one.
    pub database: Option<i64>,
}

/// How the one Redis is found that holds the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// It is always there.
    Direct(Place),
    /// Sentinels know where it is at the moment.
    Sentinels {
        /// The sentinels, any of which will do.
        sentinels: Vec<Place>,
        /// What they call it.
        master: String,
    },
    /// It is that part of a cluster which owns our slot.
    Cluster {
        /// Some of the cluster, any of which will do.
        seeds: Vec<Place>,
    },
}

/// Where somebody listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A host's name or IP address, the latter without brackets, and the port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// Ports that need not be named.
const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

impl RedisAddress {
    /// Understands `host:port`, `redis://host:port/database`, `redis+sentinel://host:port,host:port/master/database`,
    /// `redis+cluster://host:port,host:port`, each of the urls with `rediss` too, and `unix:///path?db=database`.
    ///
    /// `None` for anything else, and for a url with a user or password, because addresses are shown.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((scheme, rest)) = text.split_once("://") else {
            let (_, port) = text.rsplit_once(':')?;
            let port: u16 = port.parse().ok()?;
            return Some(Self { route: Route::Direct(place(text, port)?), tls: false, database: None });
        };
        if scheme == "unix" {
            return unix(rest);
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut path = path.split('/');
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return None,
        };
        let (route, database) = match kind {
            "" => (Route::Direct(place(hosts, REDIS_PORT)?), path.next()),
            "sentinel" => {
                let master = path.next().filter(|name| is_name(name))?.to_owned();
                (Route::Sentinels { sentinels: places(hosts, SENTINEL_PORT)?, master }, path.next())
            }
            "cluster" => (Route::Cluster { seeds: places(hosts, REDIS_PORT)? }, path.next()),
            _ => return None,
        };
        let database = match database {
            None | Some("") => None,
            Some(number) => Some(number.parse().ok().filter(|number| *number >= 0)?),
        };
        path.next().is_none().then_some(Self { route, tls, database })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

fn unix(rest: &str) -> Option<RedisAddress> {
    let (path, database) = match rest.split_once("?db=") {
        Some((path, number)) => (path, Some(number.parse().ok().filter(|number: &i64| *number >= 0)?)),
        None => (rest, None),
    };
    let right = path.starts_with('/') && !path.contains('?');
    right.then(|| RedisAddress { route: Route::Direct(Place::Unix(path.into())), tls: false, database })
}

fn places(hosts: &str, port: u16) -> Option<Vec<Place>> {
    hosts.split(',').map(|host| place(host, port)).collect()
}

/// `host:port`, or `host` alone, which then has this port.
fn place(text: &str, port: u16) -> Option<Place> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, digits)) if !digits.contains(']') => (host, digits.parse().ok()?),
        _ => (text, port),
    };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let right = port != 0
        && match bracketed {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
    right.then(|| Place::Tcp(bracketed.unwrap_or(host).to_owned(), port))
}

/// Of a host, or of what sentinels watch.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_how_redis_is_found() {
        let tcp = |host: &str, port| Place::Tcp(host.to_owned(), port);
        let direct = |place, tls, database| Some(RedisAddress { route: Route::Direct(place), tls, database });
        for (text, meant) in [
            ("10.0.0.1:6379", direct(tcp("10.0.0.1", 6379), false, None)),
            ("[::1]:7000", direct(tcp("::1", 7000), false, None)),
            ("redis://[::1]", direct(tcp("::1", 6379), false, None)),
            ("redis://cache.example.org/", direct(tcp("cache.example.org", 6379), false, None)),
            ("rediss://cache:7000/3", direct(tcp("cache", 7000), true, Some(3))),
            ("unix:///run/redis.sock", direct(Place::Unix("/run/redis.sock".into()), false, None)),
            ("unix:///run/redis.sock?db=2", direct(Place::Unix("/run/redis.sock".into()), false, Some(2))),
        ] {
            assert_eq!(RedisAddress::parse(text), meant, "{text}");
        }
        let sentinels = |tls, database| {
            let sentinels = vec![tcp("s1", 26379), tcp("::2", 7000), tcp("10.0.0.3", 26379)];
            let route = Route::Sentinels { sentinels, master: "my.master".to_owned() };
            Some(RedisAddress { route, tls, database })
        };
        let hosts = "s1,[::2]:7000,10.0.0.3:26379";
        assert_eq!(RedisAddress::parse(&format!("redis+sentinel://{hosts}/my.master")), sentinels(false, None));
        assert_eq!(RedisAddress::parse(&format!("rediss+sentinel://{hosts}/my.master/2")), sentinels(true, Some(2)));
        let cluster = Route::Cluster { seeds: vec![tcp("n1", 6379), tcp("n2", 7001)] };
        let cluster = RedisAddress { route: cluster, tls: true, database: None };
        assert_eq!(RedisAddress::parse("rediss+cluster://n1,n2:7001"), Some(cluster));
    }

    #[test]
    fn anything_else_is_no_address() {
        for text in [
            "nowhere",
            ":6379",
            "host:0",
            "host:65536",
            "::1:6379",
            "user@host:6379",
            "redis://user:password@host:6379",
            "redis://:password@host",
            "redis://host/0/1",
            "redis://host/-1",
            "redis://host/x",
            "redis://one,two",
            "redis://host?protocol=resp3",
            "redis+sentinel://s1,s2",
            "redis+sentinel://s1,,s2/name",
            "redis+sentinel:///name",
            "redis+other://host",
            "http://host:6379",
            "unix://run/redis.sock",
            "unix:///run/redis.sock?pass=word",
        ] {
            assert_eq!(RedisAddress::parse(text), None, "{text}");
        }
    }
}
