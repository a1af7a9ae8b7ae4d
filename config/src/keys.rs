//! All keys of the configuration, each once: its name, whether it is secret, and what it sets.

use crate::settings::{AdminCompat, LogFormat, Policy, Settings, Tls};
use crate::value::{self, Parsed};
use std::ops::RangeInclusive;
use std::time::Duration;

/// One key.
pub(crate) struct Key {
    /// As it stands in the file, behind its section: `balancer.cpu_limit`.
    pub(crate) name: &'static str,
    /// Never shown in a message; can be read from a file of its own.
    pub(crate) secret: bool,
    pub(crate) set: Set,
}

/// What a key does with its value.
pub(crate) enum Set {
    One(fn(&mut Settings, &str) -> Parsed<()>),
    /// In the file a list, in the environment separated by commas.
    Many(fn(&mut Settings, &[String]) -> Parsed<()>),
}

/// Shorter than a telegraf interval there is nothing to average; longer than a day says nothing about now.
const METRICS_RANGE: RangeInclusive<Duration> = Duration::from_secs(10)..=Duration::from_secs(24 * 60 * 60);
/// Instances are not to be asked more often than they can answer, nor so seldom that a poll would never be seen.
const POLL_INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(24 * 60 * 60);
/// Frontends give up after a minute or two, whatever a proxy still waits for.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(10 * 60);

/// What starts programs kills them when they have not ended after half a minute, or a minute and a half; calls under way need some of it.
const GRACE: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);

const SWITCH: &[(&str, bool)] = &[("true", true), ("false", false)];
const COMPATS: &[(&str, AdminCompat)] = &[("b3lb", AdminCompat::B3lb), ("bigblueswarm", AdminCompat::BigBlueSwarm)];
const POLICIES: &[(&str, Policy)] = &[("ledger", Policy::Ledger), ("classic", Policy::Classic)];
const LOG_FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

/// In the order of the documentation.
pub(crate) static KEYS: &[Key] = &[
    secret("bigbluebutton.secret", |s, v| put(&mut s.bigbluebutton.secret, value::secret(v).map(Some))),
    key("bigbluebutton.recordings_poll_interval", |s, v| {
        put(&mut s.bigbluebutton.recordings_poll_interval, value::duration(v, POLL_INTERVAL))
    }),
    secret("admin.api_key", |s, v| put(&mut s.admin.api_key, value::key(v).map(Some))),
    key("admin.compat", |s, v| put(&mut s.admin.compat, value::word(v, COMPATS))),
    key("balancer.policy", |s, v| put(&mut s.balancer.policy, value::word(v, POLICIES))),
    key("balancer.metrics_range", |s, v| put(&mut s.balancer.metrics_range, value::range(v, METRICS_RANGE))),
    key("balancer.cpu_limit", |s, v| put(&mut s.balancer.cpu_limit, value::percentage(v))),
    key("balancer.mem_limit", |s, v| put(&mut s.balancer.mem_limit, value::percentage(v))),
    key("balancer.size_hint", |s, v| put(&mut s.balancer.size_hint, value::metadata_name(v).map(Some))),
    key("port", |s, v| put(&mut s.port, value::port(v))),
    // Not shown, because people paste urls with a password here.
    secret("redis.address", |s, v| put(&mut s.redis.address, value::redis_address(v).map(Some))),
    key("redis.username", |s, v| put(&mut s.redis.username, Ok(Some(v.to_owned())))),
    secret("redis.password", |s, v| put(&mut s.redis.password, value::secret(v).map(Some))),
    key("redis.database", |s, v| put(&mut s.redis.database, value::redis_database(v))),
    key("redis.sentinel_username", |s, v| put(&mut s.redis.sentinel_username, Ok(Some(v.to_owned())))),
    secret("redis.sentinel_password", |s, v| put(&mut s.redis.sentinel_password, value::secret(v).map(Some))),
    key("redis.ca_file", |s, v| put(&mut s.redis.ca_file, Ok(Some(v.into())))),
    key("redis.certificate", |s, v| put(&mut s.redis.certificate, Ok(Some(v.into())))),
    key("redis.certificate_key", |s, v| put(&mut s.redis.certificate_key, Ok(Some(v.into())))),
    secret("influxdb.address", |s, v| put(&mut s.influxdb.address, value::http_url(v).map(Some))),
    secret("influxdb.token", |s, v| put(&mut s.influxdb.token, value::key(v).map(Some))),
    key("influxdb.organization", |s, v| put(&mut s.influxdb.organization, Ok(v.to_owned()))),
    key("influxdb.bucket", |s, v| put(&mut s.influxdb.bucket, Ok(v.to_owned()))),
    key("state_dir", |s, v| put(&mut s.state_dir, Ok(Some(v.into())))),
    key("control_plane.listen", |s, v| put(&mut s.control_plane.listen, value::listen(v))),
    secret("control_plane.proxy_token", |s, v| put(&mut s.control_plane.proxy_token, value::key(v).map(Some))),
    key("control_plane.check_interval", |s, v| {
        put(&mut s.control_plane.check_interval, value::duration(v, POLL_INTERVAL))
    }),
    key("control_plane.tls.certificate", |s, v| put(&mut tls(&mut s.control_plane.tls).certificate, Ok(v.into()))),
    key("control_plane.tls.key", |s, v| put(&mut tls(&mut s.control_plane.tls).key, Ok(v.into()))),
    key("control_plane.tls.client_ca", |s, v| put(&mut tls(&mut s.control_plane.tls).client_ca, Ok(Some(v.into())))),
    list("data_plane.control_planes", |s, v| put(&mut s.data_plane.control_planes, value::http_urls(v))),
    key("data_plane.admin_listen", |s, v| put(&mut s.data_plane.admin_listen, value::listen(v))),
    key("data_plane.public_url", |s, v| put(&mut s.data_plane.public_url, value::http_url(v).map(Some))),
    key("data_plane.workers", |s, v| put(&mut s.data_plane.workers, value::threads(v).map(Some))),
    list("data_plane.trusted_proxies", |s, v| put(&mut s.data_plane.trusted_proxies, value::ip_addresses(v))),
    key("data_plane.tls.certificate", |s, v| put(&mut tls(&mut s.data_plane.tls).certificate, Ok(v.into()))),
    key("data_plane.tls.key", |s, v| put(&mut tls(&mut s.data_plane.tls).key, Ok(v.into()))),
    key("data_plane.client_tls.certificate", |s, v| {
        put(&mut tls(&mut s.data_plane.client_tls).certificate, Ok(v.into()))
    }),
    key("data_plane.client_tls.key", |s, v| put(&mut tls(&mut s.data_plane.client_tls).key, Ok(v.into()))),
    key("data_plane.shutdown_grace", |s, v| put(&mut s.data_plane.shutdown_grace, value::duration(v, GRACE))),
    list("parameters.create.defaults", |s, v| put(&mut s.parameters.create.defaults, value::parameters(v))),
    list("parameters.create.overrides", |s, v| put(&mut s.parameters.create.overrides, value::parameters(v))),
    list("parameters.create.removed", |s, v| put(&mut s.parameters.create.removed, value::parameter_names(v))),
    list("parameters.join.defaults", |s, v| put(&mut s.parameters.join.defaults, value::parameters(v))),
    list("parameters.join.overrides", |s, v| put(&mut s.parameters.join.overrides, value::parameters(v))),
    list("parameters.join.removed", |s, v| put(&mut s.parameters.join.removed, value::parameter_names(v))),
    key("parameters.duration_max", |s, v| put(&mut s.parameters.duration_max, value::minutes(v))),
    key("parameters.slides", |s, v| put(&mut s.parameters.slides, value::file_url(v))),
    key("upstream.ca_file", |s, v| put(&mut s.upstream.ca_file, Ok(Some(v.into())))),
    key("upstream.call_timeout", |s, v| put(&mut s.upstream.call_timeout, value::duration(v, TIMEOUT))),
    key("upstream.create_timeout", |s, v| put(&mut s.upstream.create_timeout, value::duration(v, TIMEOUT))),
    key("log.level", |s, v| put(&mut s.log.level, value::log_filter(v))),
    key("log.format", |s, v| put(&mut s.log.format, value::word(v, LOG_FORMATS))),
    key("log.access", |s, v| put(&mut s.log.access, value::word(v, SWITCH))),
    key("tracing.otlp_endpoint", |s, v| put(&mut s.tracing.otlp_endpoint, value::http_url(v).map(Some))),
    key("tracing.sample_ratio", |s, v| put(&mut s.tracing.sample_ratio, value::ratio(v))),
];

/// Keys and sections of the original systems that have no meaning here, and why.
pub(crate) static RETIRED: &[(&str, &str)] = &[
    ("admin.url", "operators reach the control plane at control_plane.listen"),
    ("balancer.aggregation_interval", "limits are counted from what runs, not from metrics"),
    ("postgres", "there is no such database here"),
];

impl Key {
    pub(crate) fn named(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// `B3LB_BALANCER_CPU_LIMIT`
    pub(crate) fn variable(&self) -> String {
        format!("B3LB_{}", self.name.replace('.', "_").to_ascii_uppercase())
    }
}

/// What may stand in a section, or with `None` at the outermost level of the file.
pub(crate) fn names_in(section: Option<&str>) -> Vec<&'static str> {
    let below = |key: &'static Key| match section {
        None => Some(key.name),
        Some(section) => key.name.strip_prefix(section)?.strip_prefix('.'),
    };
    let mut names: Vec<_> = KEYS.iter().filter_map(below).filter_map(|name| name.split('.').next()).collect();
    names.dedup();
    names
}

const fn key(name: &'static str, set: fn(&mut Settings, &str) -> Parsed<()>) -> Key {
    Key { name, secret: false, set: Set::One(set) }
}

const fn secret(name: &'static str, set: fn(&mut Settings, &str) -> Parsed<()>) -> Key {
    Key { name, secret: true, set: Set::One(set) }
}

const fn list(name: &'static str, set: fn(&mut Settings, &[String]) -> Parsed<()>) -> Key {
    Key { name, secret: false, set: Set::Many(set) }
}

fn put<T>(place: &mut T, value: Parsed<T>) -> Parsed<()> {
    *place = value?;
    Ok(())
}

/// The files that make up TLS come one by one; [`crate::load`] refuses those that have no certificate or no key in the end.
fn tls(tls: &mut Option<Tls>) -> &mut Tls {
    tls.get_or_insert_with(|| Tls { certificate: "".into(), key: "".into(), client_ca: None })
}
