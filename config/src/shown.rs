//! The configuration as a file would say it, for operators who want to know what is in force.

use crate::keys::KEYS;
use crate::settings::{AdminCompat, LogFormat, Policy, Settings, Tls};
use bbb::Secret;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every key with its value, in the order of the documentation. Secrets are empty unless asked for.
pub fn yaml(settings: &Settings, with_secrets: bool) -> String {
    let mut document = Section::default();
    for key in KEYS {
        let value = value(settings, key.name, with_secrets).unwrap_or_default();
        document.put(key.name, value);
    }
    serde_saphyr::to_string(&document).expect("sections, texts and numbers can be written as YAML")
}

/// Keys in their order.
#[derive(Default)]
struct Section(Vec<(&'static str, Node)>);

enum Node {
    Value(Value),
    Section(Section),
}

impl Section {
    fn put(&mut self, name: &'static str, value: Value) {
        let Some((first, rest)) = name.split_once('.') else {
            return self.0.push((name, Node::Value(value)));
        };
        if !matches!(self.0.last(), Some((last, Node::Section(_))) if *last == first) {
            self.0.push((first, Node::Section(Self::default())));
        }
        if let Some((_, Node::Section(section))) = self.0.last_mut() {
            section.put(rest, value);
        }
    }
}

impl Serialize for Section {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, node)| (name, node)))
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Section(section) => section.serialize(serializer),
        }
    }
}

/// What stands behind a key; `None` if there is no such key.
fn value(s: &Settings, name: &str, with_secrets: bool) -> Option<Value> {
    let secret = |secret: &Option<Secret>| json!(secret.as_ref().filter(|_| with_secrets).map(Secret::reveal));
    let tls = |tls: &Option<Tls>, file: fn(&Tls) -> Option<&PathBuf>| path(tls.as_ref().and_then(file));
    Some(match name {
        "bigbluebutton.secret" => secret(&s.bigbluebutton.secret),
        "bigbluebutton.recordings_poll_interval" => duration(s.bigbluebutton.recordings_poll_interval),
        "admin.api_key" => secret(&s.admin.api_key),
        "admin.compat" => json!(match s.admin.compat {
            AdminCompat::B3lb => "b3lb",
            AdminCompat::BigBlueSwarm => "bigblueswarm",
        }),
        "balancer.policy" => json!(match s.balancer.policy {
            Policy::Ledger => "ledger",
            Policy::Classic => "classic",
        }),
        "balancer.metrics_range" => duration(s.balancer.metrics_range),
        "balancer.cpu_limit" => percentage(s.balancer.cpu_limit),
        "balancer.mem_limit" => percentage(s.balancer.mem_limit),
        "balancer.size_hint" => json!(s.balancer.size_hint),
        "port" => json!(s.port),
        "redis.address" => json!(s.redis.address),
        "redis.username" => json!(s.redis.username),
        "redis.password" => secret(&s.redis.password),
        "redis.database" => json!(s.redis.database),
        "redis.sentinel_username" => json!(s.redis.sentinel_username),
        "redis.sentinel_password" => secret(&s.redis.sentinel_password),
        "redis.ca_file" => path(s.redis.ca_file.as_ref()),
        "redis.certificate" => path(s.redis.certificate.as_ref()),
        "redis.certificate_key" => path(s.redis.certificate_key.as_ref()),
        "influxdb.address" => json!(s.influxdb.address.as_ref().map(|url| url.as_str().trim_end_matches('/'))),
        "influxdb.token" => secret(&s.influxdb.token),
        "influxdb.organization" => json!(s.influxdb.organization),
        "influxdb.bucket" => json!(s.influxdb.bucket),
        "state_dir" => path(s.state_dir.as_ref()),
        "control_plane.listen" => json!(s.control_plane.listen),
        "control_plane.proxy_token" => secret(&s.control_plane.proxy_token),
        "control_plane.check_interval" => duration(s.control_plane.check_interval),
        "control_plane.tls.certificate" => tls(&s.control_plane.tls, |tls| Some(&tls.certificate)),
        "control_plane.tls.key" => tls(&s.control_plane.tls, |tls| Some(&tls.key)),
        "control_plane.tls.client_ca" => tls(&s.control_plane.tls, |tls| tls.client_ca.as_ref()),
        "data_plane.control_planes" => {
            json!(s.data_plane.control_planes.iter().map(|url| url.as_str().trim_end_matches('/')).collect::<Vec<_>>())
        }
        "data_plane.admin_listen" => json!(s.data_plane.admin_listen),
        "data_plane.public_url" => {
            json!(s.data_plane.public_url.as_ref().map(|url| url.as_str().trim_end_matches('/')))
        }
        "data_plane.workers" => json!(s.data_plane.workers),
        "data_plane.trusted_proxies" => json!(s.data_plane.trusted_proxies),
        "data_plane.tls.certificate" => tls(&s.data_plane.tls, |tls| Some(&tls.certificate)),
        "data_plane.tls.key" => tls(&s.data_plane.tls, |tls| Some(&tls.key)),
        "data_plane.client_tls.certificate" => tls(&s.data_plane.client_tls, |tls| Some(&tls.certificate)),
        "data_plane.client_tls.key" => tls(&s.data_plane.client_tls, |tls| Some(&tls.key)),
        "data_plane.shutdown_grace" => duration(s.data_plane.shutdown_grace),
        "parameters.create.defaults" => json!(s.parameters.create.defaults),
        "parameters.create.overrides" => json!(s.parameters.create.overrides),
        "parameters.create.removed" => json!(s.parameters.create.removed),
        "parameters.join.defaults" => json!(s.parameters.join.defaults),
        "parameters.join.overrides" => json!(s.parameters.join.overrides),
        "parameters.join.removed" => json!(s.parameters.join.removed),
        "parameters.duration_max" => json!(s.parameters.duration_max),
        "parameters.slides" => json!(s.parameters.slides),
        "upstream.ca_file" => path(s.upstream.ca_file.as_ref()),
        "upstream.call_timeout" => duration(s.upstream.call_timeout),
        "upstream.create_timeout" => duration(s.upstream.create_timeout),
        "log.level" => json!(s.log.level),
        "log.format" => json!(match s.log.format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }),
        "log.access" => json!(s.log.access),
        "tracing.otlp_endpoint" => {
            json!(s.tracing.otlp_endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/')))
        }
        "tracing.sample_ratio" => json!(s.tracing.sample_ratio),
        _ => return None,
    })
}

/// Without a fraction where there is none.
fn percentage(percentage: f64) -> Value {
    if percentage.fract() == 0.0 { json!(percentage as u64) } else { json!(percentage) }
}

fn duration(duration: Duration) -> Value {
    json!(humantime::format_duration(duration).to_string())
}

fn path(path: Option<impl AsRef<Path>>) -> Value {
    json!(path.map(|path| path.as_ref().display().to_string()))
}

#[cfg(test)]
mod tests;
