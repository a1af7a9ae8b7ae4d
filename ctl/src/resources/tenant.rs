//! `kind: Tenant`

use super::instances::Checksum;
use b3lb_proto::v1::{self, CallParameters, ChecksumAlgorithm, Parameters, VoiceBridges};
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a file says of a tenant.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Spec {
    host: String,
    secret: Option<String>,
    /// By their ids, in their order: the first one signs callbacks.
    secrets: Option<IndexMap<String, String>>,
    algorithms: Vec<Checksum>,
    tags: Vec<String>,
    meeting_pool: Option<i64>,
    user_pool: Option<i64>,
    voice_bridges: Option<String>,
    owns_unlabelled: bool,
    parameters: Option<TenantParameters>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct TenantParameters {
    create: CallChanges,
    join: CallChanges,
    duration_max: u32,
    slides: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct CallChanges {
    defaults: BTreeMap<String, String>,
    overrides: BTreeMap<String, String>,
    removed: Vec<String>,
}

/// What an original keeps of a tenant; what a later version of it added is passed over.
#[derive(Deserialize)]
struct Original {
    spec: Option<OriginalSpec>,
    instances: Option<Vec<String>>,
    metadata: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct OriginalSpec {
    host: Option<String>,
    secret: Option<String>,
    meeting_pool: Option<i64>,
    user_pool: Option<i64>,
}

impl Spec {
    /// It says nothing of secrets: those that the tenant has are not meant to go.
    pub(super) fn keeps_secrets(&self) -> bool {
        self.secret.is_none() && self.secrets.is_none()
    }

    /// What the control plane is told.
    ///
    /// # Errors
    /// What no tenant can have.
    pub(super) fn message(
        self,
        instances: Vec<String>,
        metadata: BTreeMap<String, String>,
    ) -> Result<v1::Tenant, String> {
        let Self { host, secret, secrets, .. } = self;
        let secret = secret.filter(|secret| !secret.is_empty());
        let secrets = secrets.unwrap_or_default();
        if secret.is_some() && !secrets.is_empty() {
            return Err(format!("tenant {host} has spec.secret and spec.secrets; keep one of the two"));
        }
        let (secret_ids, secrets) = match secret {
            Some(secret) => (Vec::new(), vec![secret]),
            None => secrets.into_iter().unzip(),
        };
        let voice_bridges = self.voice_bridges.as_deref().map(bridges).transpose();
        Ok(v1::Tenant {
            secrets,
            secret_ids,
            algorithms: self.algorithms.into_iter().map(|known| ChecksumAlgorithm::from(known).into()).collect(),
            instances,
            tags: self.tags,
            meeting_pool: counted(&host, "meeting_pool", self.meeting_pool)?,
            user_pool: counted(&host, "user_pool", self.user_pool)?,
            voice_bridges: voice_bridges.map_err(|reason| format!("tenant {host}: spec.voice_bridges: {reason}"))?,
            owns_unlabelled: self.owns_unlabelled,
            parameters: self.parameters.map(parameters),
            metadata: metadata.into_iter().collect(),
            meetings: 0,
            host,
        })
    }
}

/// A tenant as one of the originals keeps it in its Redis; `host`: as its key names it.
///
/// # Errors
/// It is none.
pub(crate) fn of_original(text: &str, host: &str) -> Result<v1::Tenant, String> {
    let mut found: Vec<Original> = super::parse(text)?;
    let original = found.pop().ok_or(": there is nothing in it")?;
    let spec = original.spec.ok_or(": it has no spec")?;
    Ok(v1::Tenant {
        host: spec.host.filter(|host| !host.is_empty()).unwrap_or_else(|| host.to_owned()),
        secrets: spec.secret.filter(|secret| !secret.is_empty()).into_iter().collect(),
        instances: original.instances.unwrap_or_default(),
        meeting_pool: limit(spec.meeting_pool),
        user_pool: limit(spec.user_pool),
        metadata: original.metadata.unwrap_or_default().into_iter().collect(),
        ..v1::Tenant::default()
    })
}

/// A tenant as a file for `apply`.
pub(crate) fn document(tenant: &v1::Tenant) -> Value {
    let mut spec = Map::new();
    let mut put = |name: &str, value: Value| spec.extend(told(value).map(|value| (name.to_owned(), value)));
    put("host", json!(tenant.host));
    match &tenant.secrets[..] {
        [] => {}
        [only] if tenant.secret_ids.first().is_none_or(|id| id == "1") => put("secret", json!(only)),
        secrets => put("secrets", tenant.secret_ids.iter().cloned().zip(secrets.iter().map(|s| json!(s))).collect()),
    }
    put("algorithms", tenant.algorithms().map(|a| a.as_str_name().to_lowercase()).collect());
    put("tags", json!(tenant.tags));
    put("meeting_pool", json!(tenant.meeting_pool));
    put("user_pool", json!(tenant.user_pool));
    put("voice_bridges", json!(tenant.voice_bridges.map(|bridges| format!("{}-{}", bridges.first, bridges.last))));
    put("owns_unlabelled", json!(tenant.owns_unlabelled));
    put("parameters", tenant.parameters.as_ref().map(parameters_document).unwrap_or_default());
    let mut document = Map::new();
    document.insert("kind".to_owned(), json!("Tenant"));
    document.insert("spec".to_owned(), Value::Object(spec));
    document.insert("instances".to_owned(), json!(tenant.instances));
    if !tenant.metadata.is_empty() {
        document.insert("metadata".to_owned(), json!(tenant.metadata.iter().collect::<BTreeMap<_, _>>()));
    }
    Value::Object(document)
}

/// What of a value is worth telling: nothing of what is not set.
fn told(value: Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(values) if values.is_empty() => None,
        Value::Object(fields) => {
            let fields: Map<_, _> = fields.into_iter().filter_map(|(name, value)| Some((name, told(value)?))).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        value => Some(value),
    }
}

fn parameters_document(parameters: &Parameters) -> Value {
    let call = |call: &Option<CallParameters>| {
        let call = call.clone().unwrap_or_default();
        let sorted = |map: std::collections::HashMap<String, String>| map.into_iter().collect::<BTreeMap<_, _>>();
        json!({ "defaults": sorted(call.defaults), "overrides": sorted(call.overrides), "removed": call.removed })
    };
    json!({
        "create": call(&parameters.create),
        "join": call(&parameters.join),
        "duration_max": Some(parameters.duration_max).filter(|minutes| *minutes > 0),
        "slides": Some(&parameters.slides).filter(|slides| !slides.is_empty()),
    })
}

/// A number below 0 is how the originals say that there is none.
fn limit(number: Option<i64>) -> Option<u32> {
    number.and_then(|number| u32::try_from(number).ok())
}

/// The same, but what cannot be counted to is told rather than taken for none.
fn counted(host: &str, name: &str, number: Option<i64>) -> Result<Option<u32>, String> {
    match number {
        Some(number) if number > i64::from(u32::MAX) => {
            Err(format!("tenant {host}: spec.{name} is {number}; -1 is no limit"))
        }
        number => Ok(limit(number)),
    }
}

/// Numbers such as 10000-99999, or how many digits they have.
fn bridges(text: &str) -> Result<VoiceBridges, String> {
    let number = |text: &str| {
        text.trim()
            .parse()
            .map_err(|_| format!("{text:?} is no number; it would be like 10000-99999, or how many digits"))
    };
    Ok(match text.split_once('-') {
        Some((first, last)) => VoiceBridges { first: number(first)?, last: number(last)?, digits: 0 },
        None => VoiceBridges { first: 0, last: 0, digits: number(text)? },
    })
}

fn parameters(given: TenantParameters) -> Parameters {
    let call = |call: CallChanges| {
        Some(CallParameters {
            defaults: call.defaults.into_iter().collect(),
            overrides: call.overrides.into_iter().collect(),
            removed: call.removed,
        })
    };
    Parameters {
        create: call(given.create),
        join: call(given.join),
        duration_max: given.duration_max,
        slides: given.slides.unwrap_or_default(),
    }
}
