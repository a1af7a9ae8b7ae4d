//! The documents of `/admin/api`, with the names that the originals gave them.

use crate::state;
use b3lb_config::Settings;
use b3lb_proto::v1::{self, InstanceStatus};
use bbb::Secret;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// What a pool shall be.
#[derive(Deserialize)]
pub(super) struct InstanceList {
    #[serde(default)]
    kind: Option<String>,
    /// Secrets by url.
    #[serde(default)]
    instances: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Serialize)]
pub(super) struct ListedInstance {
    url: String,
    secret: String,
}

#[derive(Serialize)]
pub(super) struct TenantList {
    pub(super) kind: &'static str,
    pub(super) tenants: Vec<ListedTenant>,
}

#[derive(Serialize)]
pub(super) struct ListedTenant {
    pub(super) hostname: String,
    pub(super) instance_count: usize,
}

/// Names in `spec` that only this B3LB has, and this interface cannot say. What else there may be is passed over, as by the originals.
const UNSAID: [&str; 6] = ["secrets", "algorithms", "tags", "voice_bridges", "owns_unlabelled", "parameters"];

/// Characters that are shown of a kind that there is not.
const KIND_SHOWN: usize = 40;

#[derive(Serialize, Deserialize)]
pub(super) struct Tenant {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    spec: Option<TenantSpec>,
    #[serde(default)]
    instances: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Default, Serialize, Deserialize)]
struct TenantSpec {
    #[serde(default)]
    host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meeting_pool: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_pool: Option<i64>,
    #[serde(flatten, skip_serializing)]
    others: BTreeMap<String, IgnoredAny>,
}

/// An instance at this moment. Each count has the names of both originals.
#[derive(Serialize)]
pub(super) struct Cluster {
    host: String,
    /// Percent with two decimals; null without fresh metrics.
    cpu: Option<f64>,
    mem: Option<f64>,
    active_meetings: u64,
    active_participants: u64,
    meetings: u64,
    participants: u64,
    api_status: &'static str,
}

/// What a document says it is, if it says so, must be what it is sent as.
fn check_kind(kind: Option<&str>, expected: &str) -> Result<(), String> {
    match kind.unwrap_or_default() {
        "" => Ok(()),
        kind if kind == expected => Ok(()),
        kind => {
            let shown: String = kind.chars().take(KIND_SHOWN).collect();
            Err(format!("its kind is {shown:?}; it would be {expected}"))
        }
    }
}

impl InstanceList {
    /// One that is right.
    pub(super) const EXAMPLE: &str =
        r#"{"kind": "InstanceList", "instances": {"https://bbb1.example.org/bigbluebutton": "its secret"}}"#;

    /// Secrets by url.
    ///
    /// # Errors
    /// If it lists nothing: that is rather a mistake than the wish to empty the pool.
    pub(super) fn urls(self) -> Result<BTreeMap<String, String>, String> {
        check_kind(self.kind.as_deref(), "InstanceList")?;
        let instances = self.instances.unwrap_or_default();
        if instances.is_empty() {
            return Err("it lists no instances; to empty the pool, delete each instance".to_owned());
        }
        Ok(instances.into_iter().map(|(url, secret)| (url, secret.unwrap_or_default())).collect())
    }
}

impl From<&state::Instance> for ListedInstance {
    fn from(instance: &state::Instance) -> Self {
        Self { url: instance.url.to_string(), secret: instance.secret.reveal().to_owned() }
    }
}

impl Tenant {
    /// One that is right.
    pub(super) const EXAMPLE: &str =
        r#"{"kind": "Tenant", "spec": {"host": "school.example.org", "secret": "its secret"}, "instances": []}"#;

    /// # Errors
    /// If it is something else, or says what cannot be said here: to pass over that would take it from the tenant.
    pub(super) fn check(&self) -> Result<(), String> {
        check_kind(self.kind.as_deref(), "Tenant")?;
        let said = |name: &&&str| self.spec.as_ref().is_some_and(|spec| spec.others.contains_key(**name));
        match UNSAID.iter().find(said) {
            Some(name) => Err(format!(
                "spec.{name} cannot be said to /admin/api; apply the file with the b3lbctl of this version"
            )),
            None => Ok(()),
        }
    }

    /// Empty if there is none.
    pub(super) fn host(&self) -> &str {
        self.spec.as_ref().and_then(|spec| spec.host.as_deref()).unwrap_or_default()
    }

    /// What a tenant becomes by it: what cannot be said here stays as it is known.
    pub(super) fn onto(&self, known: Option<v1::Tenant>) -> v1::Tenant {
        let none = TenantSpec::default();
        let spec = self.spec.as_ref().unwrap_or(&none);
        let known = known.unwrap_or_default();
        let secret = spec.secret.clone().filter(|secret| !secret.is_empty());
        // One of several secrets, while they are rotated, is no wish to end the others.
        let (secrets, secret_ids) = match secret {
            Some(secret) if known.secrets.contains(&secret) => (known.secrets, known.secret_ids),
            Some(secret) => (vec![secret], Vec::new()),
            None => (Vec::new(), Vec::new()),
        };
        // A number below 0 is how the originals' command lines say that there is none.
        let limit = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
        let metadata: Option<HashMap<String, String>> = self.metadata.clone().map(|map| map.into_iter().collect());
        v1::Tenant {
            host: self.host().to_owned(),
            secrets,
            secret_ids,
            instances: self.instances.clone().unwrap_or_default(),
            meeting_pool: limit(spec.meeting_pool),
            user_pool: limit(spec.user_pool),
            metadata: metadata.unwrap_or_default(),
            ..known
        }
    }
}

impl From<&state::Tenant> for Tenant {
    fn from(tenant: &state::Tenant) -> Self {
        let metadata = BTreeMap::clone(&tenant.metadata);
        Self {
            kind: Some("Tenant".to_owned()),
            spec: Some(TenantSpec {
                host: Some(tenant.host.to_string()),
                secret: tenant.secrets.first().map(|named| named.secret.reveal().to_owned()),
                meeting_pool: tenant.meeting_pool.map(i64::from),
                user_pool: tenant.user_pool.map(i64::from),
                others: BTreeMap::new(),
            }),
            instances: Some(tenant.instances.iter().map(|url| url.to_string()).collect()),
            metadata: (!metadata.is_empty()).then_some(metadata),
        }
    }
}

impl From<&InstanceStatus> for Cluster {
    fn from(status: &InstanceStatus) -> Self {
        let rounded = |percent: Option<f64>| percent.map(|percent| (percent * 100.0).round() / 100.0);
        Self {
            host: status.url.clone(),
            cpu: rounded(status.cpu),
            mem: rounded(status.mem),
            active_meetings: status.meetings,
            active_participants: status.users,
            meetings: status.meetings,
            participants: status.users,
            api_status: if status.online { "Up" } else { "Down" },
        }
    }
}

/// The configuration under the originals' names, with the first section under both of its names. It shows secrets, as it always did to
/// those who know the admin key.
pub(super) fn configuration(settings: &Settings) -> Value {
    let secret = |secret: &Option<Secret>| secret.as_ref().map(Secret::reveal).unwrap_or_default().to_owned();
    let span = |duration: Duration| humantime::format_duration(duration).to_string().replace(' ', "");
    let frontends = json!({
        "secret": secret(&settings.bigbluebutton.secret),
        "recordingsPollInterval": span(settings.bigbluebutton.recordings_poll_interval),
    });
    let influxdb = &settings.influxdb;
    json!({
        "bigbluebutton": frontends,
        "bigblueswarm": frontends,
        "admin": { "apiKey": secret(&settings.admin.api_key) },
        "balancer": {
            "metricsRange": format!("-{}", span(settings.balancer.metrics_range)),
            "cpuLimit": whole(settings.balancer.cpu_limit),
            "memLimit": whole(settings.balancer.mem_limit),
            "aggregationInterval": "10s",
        },
        "port": settings.port,
        "redis": {
            "address": settings.redis.address.as_deref().unwrap_or_default(),
            "password": secret(&settings.redis.password),
            "database": settings.redis.database,
        },
        "influxdb": {
            "address": influxdb.address.as_ref().map(|url| url.as_str().trim_end_matches('/')).unwrap_or_default(),
            "token": secret(&influxdb.token),
            "organization": influxdb.organization,
            "bucket": influxdb.bucket,
        },
    })
}

/// The originals read a whole number here.
fn whole(percent: f64) -> u64 {
    percent.round() as u64
}
