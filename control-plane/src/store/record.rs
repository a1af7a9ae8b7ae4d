//! How changes look as records: tables of JSON texts, the same in every store.

use super::StoreError;
use crate::state::{Change, Hook, Instance, Meeting, Past, Placement, Recording, State, Tenant};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// url → [`Instance`].
    Instances,
    /// host → [`Tenant`].
    Tenants,
    /// tenant/key → [`Placement`].
    Meetings,
    /// recordID → [`Recording`].
    Recordings,
    /// id → [`Hook`].
    Hooks,
    /// tenant/key → [`Past`].
    Pasts,
}

/// One record, as it is after a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) table: Table,
    pub(super) field: String,
    /// `None`: it is gone.
    pub(super) value: Option<String>,
}

impl Table {
    /// Every table, in the order in which they are loaded: a placement must find its instance and its tenant.
    pub(super) const ALL: [Table; 6] =
        [Table::Instances, Table::Tenants, Table::Meetings, Table::Recordings, Table::Hooks, Table::Pasts];

    /// As stores call it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Table::Instances => "instances",
            Table::Tenants => "tenants",
            Table::Meetings => "meetings",
            Table::Recordings => "recordings",
            Table::Hooks => "hooks",
            Table::Pasts => "pasts",
        }
    }
}

impl Record {
    /// What a change leaves behind. The placements that go with an instance are records of their own.
    pub(super) fn of(change: &Change) -> Self {
        match change {
            Change::Instance(instance) => Self::new(Table::Instances, instance.url.to_string(), Some(json(instance))),
            Change::InstanceRemoved(url) => Self::new(Table::Instances, url.to_string(), None),
            Change::Tenant(tenant) => Self::new(Table::Tenants, tenant.host.to_string(), Some(json(tenant))),
            Change::TenantRemoved(host) => Self::new(Table::Tenants, host.to_string(), None),
            Change::Placed(meeting, placement) => Self::new(Table::Meetings, field(meeting), Some(json(placement))),
            Change::Released(meeting) => Self::new(Table::Meetings, field(meeting), None),
            Change::Recorded(id, recording) => Self::new(Table::Recordings, id.to_string(), Some(json(recording))),
            Change::RecordingRemoved(id) => Self::new(Table::Recordings, id.to_string(), None),
            Change::Hook(hook) => Self::new(Table::Hooks, hook.id.to_string(), Some(json(hook))),
            Change::HookRemoved(id) => Self::new(Table::Hooks, id.to_string(), None),
            Change::Remembered(meeting, past) => Self::new(Table::Pasts, field(meeting), Some(json(past))),
            Change::Forgotten(meeting) => Self::new(Table::Pasts, field(meeting), None),
        }
    }

    /// The value of the same record in `state`.
    pub(super) fn of_state(change: &Change, state: &State) -> Option<String> {
        match change {
            Change::Instance(Instance { url, .. }) | Change::InstanceRemoved(url) => state.instances.get(url).map(json),
            Change::Tenant(Tenant { host, .. }) | Change::TenantRemoved(host) => state.tenants.get(host).map(json),
            Change::Placed(meeting, _) | Change::Released(meeting) => state.placements.get(meeting).map(json),
            Change::Recorded(id, _) | Change::RecordingRemoved(id) => state.recordings.get(id).map(json),
            Change::Hook(Hook { id, .. }) | Change::HookRemoved(id) => state.hooks.get(id).map(json),
            Change::Remembered(meeting, _) | Change::Forgotten(meeting) => state.pasts.get(meeting).map(json),
        }
    }

    fn new(table: Table, field: String, value: Option<String>) -> Self {
        Self { table, field, value }
    }
}

/// Everything that a state has in one table.
pub(super) fn contents(state: &State, table: Table) -> Box<dyn Iterator<Item = Record> + Send + '_> {
    let record = move |field: String, value: String| Record { table, field, value: Some(value) };
    match table {
        Table::Instances => Box::new(state.instances.iter().map(move |(url, i)| record(url.to_string(), json(i)))),
        Table::Tenants => Box::new(state.tenants.iter().map(move |(host, t)| record(host.to_string(), json(t)))),
        Table::Meetings => Box::new(state.placements.iter().map(move |(m, p)| record(field(m), json(p)))),
        Table::Recordings => Box::new(state.recordings.iter().map(move |(id, r)| record(id.to_string(), json(r)))),
        Table::Hooks => Box::new(state.hooks.iter().map(move |(id, h)| record(id.to_string(), json(h)))),
        Table::Pasts => Box::new(state.pasts.iter().map(move |(m, past)| record(field(m), json(past)))),
    }
}

/// The urls of the instances that must exist before these changes, because a meeting is placed on them.
///
/// # Errors
/// [`StoreError::Conflict`] if a meeting is placed on an instance that the changes before remove.
pub(super) fn instances_needed(changes: &[Change]) -> Result<BTreeSet<Arc<str>>, StoreError> {
    let (mut added, mut removed, mut needed) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for change in changes {
        match change {
            Change::Instance(Instance { url, .. }) => {
                removed.remove(url);
                added.insert(url);
            }
            Change::InstanceRemoved(url) => {
                added.remove(url);
                removed.insert(url);
            }
            Change::Placed(_, Placement { instance, .. }) if removed.contains(instance) => {
                return Err(StoreError::Conflict(change.subject()));
            }
            Change::Placed(_, Placement { instance, .. }) if !added.contains(instance) => {
                needed.insert(instance.clone());
            }
            _ => {}
        }
    }
    Ok(needed)
}

/// What a record that was found says.
///
/// # Errors
/// [`StoreError::Damaged`] if it is none of ours.
pub(super) fn read(table: Table, field: &str, value: &str) -> Result<Change, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { key: format!("{}[{field}]", table.name()), reason };
    Ok(match table {
        Table::Instances => Change::Instance(parse(value).map_err(damaged)?),
        Table::Tenants => Change::Tenant(parse(value).map_err(damaged)?),
        Table::Meetings => Change::Placed(meeting(field).map_err(damaged)?, read_placement(field, value)?),
        Table::Recordings => Change::Recorded(field.into(), parse::<Recording>(value).map_err(damaged)?),
        Table::Hooks => Change::Hook(parse(value).map_err(damaged)?),
        Table::Pasts => Change::Remembered(meeting(field).map_err(damaged)?, parse::<Past>(value).map_err(damaged)?),
    })
}

/// What the record of a meeting says.
///
/// # Errors
/// [`StoreError::Damaged`] if it is none of ours.
pub(super) fn read_placement(field: &str, value: &str) -> Result<Placement, StoreError> {
    let key = || format!("{}[{field}]", Table::Meetings.name());
    parse(value).map_err(|reason| StoreError::Damaged { key: key(), reason })
}

/// The state without placements on instances that do not exist, which nobody can route to.
pub(super) fn without_orphans(mut state: State) -> State {
    let orphans = state.placements.iter().filter(|(_, placement)| !state.instances.contains_key(&placement.instance));
    let orphans: Vec<Meeting> = orphans.map(|(meeting, _)| meeting.clone()).collect();
    for meeting in &orphans {
        state.placements.remove(meeting);
    }
    state
}

/// A meeting as a field of [`Table::Meetings`] and [`Table::Pasts`].
pub(super) fn field(meeting: &Meeting) -> String {
    format!("{}/{}", meeting.tenant, meeting.key)
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our values have text keys only, and writing to memory does not fail")
}

/// The text may hold secrets, so that only the place of what is wrong is told.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("{:?} error in column {}", error.classify(), error.column()))
}

fn meeting(field: &str) -> Result<Meeting, String> {
    let parse = || {
        let (tenant, key) = field.rsplit_once('/')?;
        Some(Meeting { key: key.parse().ok()?, tenant: tenant.into() })
    };
    parse().ok_or_else(|| "the field is not tenant/key".to_owned())
}
