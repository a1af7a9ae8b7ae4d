//! What the verbs about tenants change, derived from the state.

use super::commit::Plan;
use super::field;
use crate::grpc::convert::texts;
use crate::grpc::view::View;
use crate::state::{Change, State, Tenant};
use b3lb_proto::v1;
use bbb::Secret;
use std::sync::Arc;
use tonic::Status;

/// Secrets of one tenant: every call is checked against all of them, and rotating takes two.
const SECRETS_MAX: usize = 8;

/// The tenant with this host.
pub(super) fn find<'a>(state: &'a State, host: &str) -> Result<&'a Arc<Tenant>, Status> {
    state.tenants.get(host).ok_or_else(|| Status::not_found(format!("there is no tenant {host:?}")))
}

/// Adds or replaces a tenant; the answer is its host.
pub(super) fn put(state: &State, message: &v1::Tenant, view: &View) -> Result<Plan<Arc<str>>, Status> {
    let host: Arc<str> = field::host("tenant.host", &message.host)?.into();
    let tenant = Tenant {
        host: host.clone(),
        secrets: secrets(&host, &message.secrets, view)?,
        instances: instances(state, &message.instances)?,
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
    v1::Tenant {
        host: tenant.host.to_string(),
        secrets: secrets.map(|secret| secret.reveal().to_owned()).collect(),
        instances: texts(&tenant.instances),
        meetings,
    }
}

fn secrets(host: &str, given: &[String], view: &View) -> Result<Vec<Secret>, Status> {
    if given.is_empty() && view.global.is_none() {
        return Err(Status::invalid_argument(format!(
            "tenant.secrets of {host} is empty, and there is no bigbluebutton.secret to sign its calls with"
        )));
    }
    if given.len() > SECRETS_MAX {
        return Err(Status::invalid_argument(format!("tenant.secrets of {host} are more than {SECRETS_MAX}")));
    }
    for secret in given {
        field::secret(&format!("one of tenant.secrets of {host}"), secret)?;
    }
    Ok(given.iter().map(|secret| Secret::new(secret)).collect())
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
