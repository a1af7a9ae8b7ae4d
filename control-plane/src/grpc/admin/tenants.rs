//! What the verbs about tenants change, derived from the state.

use super::commit::Plan;
use super::{field, parameters};
use crate::grpc::convert;
use crate::grpc::view::View;
use crate::state::{Change, State, Tenant, TenantSecret, VoiceBridges};
use b3lb_proto::v1;
use bbb::Secret;
use bbb::checksum::Algorithm;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tonic::Status;

/// Secrets of one tenant: every call is checked against all of them, and rotating takes two.
const SECRETS_MAX: usize = 8;

/// Bytes of all names and values: every control plane has them in memory.
const METADATA_MAX: usize = 16 * 1024;

/// The tenant with this host.
pub(super) fn find<'a>(state: &'a State, host: &str) -> Result<&'a Arc<Tenant>, Status> {
    state.tenants.get(host).ok_or_else(|| Status::not_found(format!("there is no tenant {host:?}")))
}

/// Adds or replaces a tenant; the answer is its host.
pub(super) fn put(state: &State, message: &v1::Tenant, view: &View) -> Result<Plan<Arc<str>>, Status> {
    let host: Arc<str> = field::host("tenant.host", &message.host)?.into();
    let tenant = Tenant {
        host: host.clone(),
        secrets: secrets(&host, message, view)?,
        algorithms: algorithms(&message.algorithms)?,
        instances: instances(state, &message.instances)?,
        tags: field::tags("tenant.tags", &message.tags)?,
        meeting_pool: message.meeting_pool,
        user_pool: message.user_pool,
        parameters: parameters::parse(message.parameters.as_ref())?,
        voice_bridges: message.voice_bridges.as_ref().map(voice_bridges).transpose()?,
        owns_unlabelled: owns_unlabelled(state, &host, message.owns_unlabelled)?,
        metadata: metadata(&host, &message.metadata)?,
    };
    let same = state.tenants.get(&host).is_some_and(|old| **old == tenant);
    Ok(Plan { changes: if same { Vec::new() } else { vec![Change::Tenant(tenant)] }, answer: host })
}

/// Forgets a tenant.
pub(super) fn delete(state: &State, host: &str) -> Result<Plan<()>, Status> {
    let tenant = find(state, host)?;
    Ok(Plan { changes: vec![Change::TenantRemoved(tenant.host.clone())], answer: () })
}

/// A tenant as it is told to operators.
pub(super) fn message(tenant: &Tenant, meetings: u64, with_secrets: bool) -> v1::Tenant {
    let secrets = tenant.secrets.iter().filter(|_| with_secrets);
    let bridges = tenant.voice_bridges.map(|bridges| bridges.range());
    v1::Tenant {
        host: tenant.host.to_string(),
        secrets: secrets.map(|named| named.secret.reveal().to_owned()).collect(),
        instances: convert::texts(&tenant.instances),
        meetings,
        secret_ids: tenant.secrets.iter().map(|named| named.id.to_string()).collect(),
        algorithms: tenant.algorithms.iter().map(|known| convert::algorithm(*known).into()).collect(),
        tags: convert::texts(&tenant.tags),
        meeting_pool: tenant.meeting_pool,
        user_pool: tenant.user_pool,
        parameters: convert::parameters(&tenant.parameters),
        voice_bridges: bridges.map(|range| v1::VoiceBridges { first: *range.start(), last: *range.end(), digits: 0 }),
        owns_unlabelled: tenant.owns_unlabelled,
        metadata: tenant.metadata.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

fn secrets(host: &str, message: &v1::Tenant, view: &View) -> Result<Vec<TenantSecret>, Status> {
    let v1::Tenant { secrets, secret_ids, .. } = message;
    let refused = |reason: String| Err(Status::invalid_argument(reason));
    if secrets.is_empty() && view.global.is_none() {
        return refused(format!(
            "tenant.secrets of {host} is empty, and there is no bigbluebutton.secret to sign its calls with"
        ));
    }
    if secrets.len() > SECRETS_MAX {
        return refused(format!("tenant.secrets of {host} are more than {SECRETS_MAX}"));
    }
    if !secret_ids.is_empty() && secret_ids.len() != secrets.len() {
        let (ids, count) = (secret_ids.len(), secrets.len());
        return refused(format!("tenant.secret_ids of {host} are {ids} for {count} secrets; each secret has one"));
    }
    let mut named: Vec<TenantSecret> = Vec::with_capacity(secrets.len());
    for (number, secret) in secrets.iter().enumerate() {
        field::secret(&format!("one of tenant.secrets of {host}"), secret)?;
        let id = secret_ids.get(number).cloned().unwrap_or_else(|| (number + 1).to_string());
        field::name("tenant.secret_ids", &id)?;
        if named.iter().any(|other| *other.id == *id) {
            return refused(format!("tenant.secret_ids of {host}: {id:?} is given twice"));
        }
        named.push(TenantSecret { id: id.into(), secret: Secret::new(secret) });
    }
    Ok(named)
}

fn metadata(host: &str, given: &HashMap<String, String>) -> Result<Arc<BTreeMap<String, String>>, Status> {
    let size: usize = given.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > METADATA_MAX {
        let right = format!("at most {METADATA_MAX} are kept");
        return Err(Status::invalid_argument(format!("tenant.metadata of {host} has {size} bytes; {right}")));
    }
    Ok(Arc::new(given.clone().into_iter().collect()))
}

fn algorithms(given: &[i32]) -> Result<Vec<Algorithm>, Status> {
    let mut algorithms = Vec::new();
    for number in given {
        let algorithm = field::algorithm("tenant.algorithms", *number)?.unwrap_or_default();
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(algorithms)
}

fn voice_bridges(given: &v1::VoiceBridges) -> Result<VoiceBridges, Status> {
    let (first, last) = match given {
        v1::VoiceBridges { first: 0, last: 0, digits: digits @ 4..=9 } => {
            (10_u32.pow(digits - 1), 10_u32.pow(*digits) - 1)
        }
        v1::VoiceBridges { first, last, digits: 0 } => (*first, *last),
        v1::VoiceBridges { digits, .. } => {
            return Err(Status::invalid_argument(format!(
                "tenant.voice_bridges.digits is {digits}; it would be 4 to 9, without first and last"
            )));
        }
    };
    VoiceBridges::new(first, last).map_err(|error| Status::invalid_argument(format!("tenant.voice_bridges: {error}")))
}

/// Only one tenant can own what names nobody.
fn owns_unlabelled(state: &State, host: &str, wanted: bool) -> Result<bool, Status> {
    match state.tenants.values().find(|other| wanted && other.owns_unlabelled && *other.host != *host) {
        Some(other) => Err(Status::failed_precondition(format!(
            "tenant.owns_unlabelled: {} owns recordings that name no tenant; take them from it first",
            other.host
        ))),
        None => Ok(wanted),
    }
}

fn instances(state: &State, given: &[String]) -> Result<Vec<Arc<str>>, Status> {
    let mut instances = Vec::with_capacity(given.len());
    for text in given {
        let url = field::url("tenant.instances", text)?;
        let Some((url, _)) = state.instances.get_key_value(&*url) else {
            return Err(Status::invalid_argument(format!(
                "tenant.instances: {url} is not part of the pool; add the instance first"
            )));
        };
        if !instances.contains(url) {
            instances.push(url.clone());
        }
    }
    Ok(instances)
}
