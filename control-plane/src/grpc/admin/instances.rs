//! What the verbs about instances change, derived from the state.

use super::commit::Plan;
use super::field;
use crate::grpc::convert;
use crate::state::{Admission, Change, Instance, State};
use b3lb_proto::v1;
use bbb::Secret;
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;

/// The instance with this url.
pub(super) fn find<'a>(state: &'a State, url: &str) -> Result<&'a Arc<Instance>, Status> {
    state.instances.get(url).ok_or_else(|| Status::not_found(format!("{url} is not part of the pool")))
}

/// Adds an instance; the answer is its url.
pub(super) fn add(state: &State, message: &v1::Instance) -> Result<Plan<Arc<str>>, Status> {
    let instance = parse(message, None)?;
    if state.instances.contains_key(&instance.url) {
        let url = &instance.url;
        return Err(Status::already_exists(format!("{url} is part of the pool already; PutInstances changes it")));
    }
    let answer = instance.url.clone();
    Ok(Plan { changes: vec![Change::Instance(instance)], answer })
}

/// Makes the pool exactly the given instances.
pub(super) fn put(
    state: &State,
    messages: &[v1::Instance],
    force: bool,
) -> Result<Plan<v1::PutInstancesResponse>, Status> {
    if messages.is_empty() {
        return Err(Status::invalid_argument("instances is empty; to empty the pool, remove each instance"));
    }
    let mut changes = Vec::new();
    let mut answer = v1::PutInstancesResponse::default();
    let wanted = parse_all(state, messages)?;
    for url in state.instances.keys().filter(|url| !wanted.contains_key(*url)) {
        removable(state, url, force)?;
        answer.removed.push(url.to_string());
        changes.push(Change::InstanceRemoved(url.clone()));
    }
    for (url, instance) in wanted {
        let list = match state.instances.get(&url) {
            None => &mut answer.added,
            Some(old) if **old != instance => &mut answer.changed,
            Some(_) => {
                answer.unchanged.push(url.to_string());
                continue;
            }
        };
        list.push(url.to_string());
        changes.push(Change::Instance(instance));
    }
    Ok(Plan { changes, answer })
}

/// Takes an instance out of the pool.
pub(super) fn remove(state: &State, url: &str, force: bool) -> Result<Plan<()>, Status> {
    let instance = find(state, url)?;
    removable(state, url, force)?;
    Ok(Plan { changes: vec![Change::InstanceRemoved(instance.url.clone())], answer: () })
}

/// Changes what an instance may do.
pub(super) fn admit(state: &State, url: &str, admission: Admission) -> Result<Plan<()>, Status> {
    let old = find(state, url)?;
    let new = Instance { admission, ..Instance::clone(old) };
    let changes = if **old == new { Vec::new() } else { vec![Change::Instance(new)] };
    Ok(Plan { changes, answer: () })
}

/// Lets no new meetings onto an instance; one that is disabled stays so.
pub(super) fn close(state: &State, url: &str) -> Result<Plan<()>, Status> {
    match find(state, url)?.admission {
        Admission::Open => admit(state, url, Admission::Cordoned),
        Admission::Cordoned | Admission::Disabled => Ok(Plan { changes: Vec::new(), answer: () }),
    }
}

/// An instance as it is told to operators.
pub(super) fn message(instance: &Instance, meetings: u64, with_secrets: bool) -> v1::Instance {
    v1::Instance {
        url: instance.url.to_string(),
        secret: if with_secrets { instance.secret.reveal().to_owned() } else { String::new() },
        checksum: convert::algorithm(instance.checksum).into(),
        admission: convert::admission(instance.admission).into(),
        capacity: instance.capacity,
        online: instance.online,
        meetings,
        tags: convert::texts(&instance.tags),
        signs_forms: instance.signs_forms,
    }
}

/// Whoever removes an instance by mistake loses its meetings.
fn removable(state: &State, url: &str, force: bool) -> Result<(), Status> {
    if force {
        return Ok(());
    }
    let meetings = state.placements.values().filter(|placement| &*placement.instance == url).count();
    if meetings > 0 {
        let hint = "drain it first, or force its removal";
        return Err(Status::failed_precondition(format!("{url} still has {meetings} meetings; {hint}")));
    }
    match state.tenants.values().find(|tenant| tenant.instances.iter().any(|own| &**own == url)) {
        Some(tenant) => Err(Status::failed_precondition(format!(
            "{url} is listed by the tenant {}; change the tenant first, or force the removal",
            tenant.host
        ))),
        None => Ok(()),
    }
}

fn parse_all(state: &State, messages: &[v1::Instance]) -> Result<BTreeMap<Arc<str>, Instance>, Status> {
    let mut instances = BTreeMap::new();
    for message in messages {
        let old = state.instances.get(&*field::url("instances.url", &message.url)?);
        let instance = parse(message, old.map(|old| &**old))?;
        if let Some(twin) = instances.insert(instance.url.clone(), instance) {
            return Err(Status::invalid_argument(format!("instances.url: {} is given twice", twin.url)));
        }
    }
    Ok(instances)
}

/// What is not given is as it was, or as it is for a new instance.
pub(super) fn parse(message: &v1::Instance, old: Option<&Instance>) -> Result<Instance, Status> {
    let url = field::url("instance.url", &message.url)?;
    field::secret(&format!("instance.secret of {url}"), &message.secret)?;
    Ok(Instance {
        secret: Secret::new(&message.secret),
        checksum: field::algorithm("instance.checksum", message.checksum)?.unwrap_or_default(),
        admission: admission(message.admission)?.or_else(|| Some(old?.admission)).unwrap_or_default(),
        capacity: capacity(&url, message.capacity)?,
        online: old.is_none_or(|old| old.online),
        tags: field::tags(&format!("instance.tags of {url}"), &message.tags)?,
        signs_forms: message.signs_forms,
        url: url.into(),
    })
}

fn admission(number: i32) -> Result<Option<Admission>, Status> {
    Ok(match v1::Admission::try_from(number) {
        Ok(v1::Admission::Unspecified) => None,
        Ok(v1::Admission::Open) => Some(Admission::Open),
        Ok(v1::Admission::Cordoned) => Some(Admission::Cordoned),
        Ok(v1::Admission::Disabled) => Some(Admission::Disabled),
        Err(_) => {
            let known = "OPEN (1), CORDONED (2), DISABLED (3)";
            return Err(Status::invalid_argument(format!(
                "instance.admission is {number}; it would be one of {known}"
            )));
        }
    })
}

fn capacity(url: &str, capacity: f64) -> Result<f64, Status> {
    match capacity {
        0.0 => Ok(1.0),
        _ if capacity.is_finite() && capacity > 0.0 => Ok(capacity),
        _ => Err(Status::invalid_argument(format!(
            "instance.capacity of {url} is {capacity}; it would be a number above 0, 1 for an ordinary instance"
        ))),
    }
}
