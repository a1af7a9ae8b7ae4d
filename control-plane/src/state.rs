//! What the control plane knows, as one plain value: instances, tenants, placements, recordings, hooks, pasts.
//!
//! [`State::apply`] takes one [`Change`] and says whether a proxy routes by what changed; [`State::since`] is the difference of two
//! states, and the difference to the empty one is a snapshot. Both maps and values are shared between clones, so a clone costs nothing
//! and a difference costs what has changed.

mod placement;
mod tenant;

pub use placement::{Chosen, Past, Placement, Reason, Source};
pub use tenant::{InvalidBridges, Tenant, TenantSecret, VoiceBridges};

use bbb::checksum::Algorithm;
use bbb::{MeetingKey, Secret};
use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Everything that is replicated between control planes, at one revision.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// Identifies one unbroken history; revisions of different epochs cannot be compared.
    pub epoch: Arc<str>,
    /// The last change that is part of this state.
    pub revision: Revision,
    /// By url.
    pub instances: OrdMap<Arc<str>, Arc<Instance>>,
    /// By host.
    pub tenants: OrdMap<Arc<str>, Arc<Tenant>>,
    /// Where every meeting is.
    pub placements: OrdMap<Meeting, Arc<Placement>>,
    /// Where every recording is, by recordID.
    pub recordings: OrdMap<Arc<str>, Arc<Recording>>,
    /// By id.
    pub hooks: OrdMap<u64, Arc<Hook>>,
    /// What is remembered of meetings that are over, for the next time they take place.
    pub pasts: OrdMap<Meeting, Past>,
}

/// A place in the order of all changes: the id of an entry of the Redis stream, or a count in the embedded store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// Milliseconds since 1970 in Redis, 0 in the embedded store.
    pub time: u64,
    /// A count within the same `time`.
    pub sequence: u64,
}

/// A BBB server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// The base url up to and without `/api`, e.g. `https://bbb1.example.org/bigbluebutton`; see [`bbb::instance_url`].
    pub url: Arc<str>,
    /// Signs every call to it.
    pub secret: Secret,
    /// How calls to it are signed.
    #[serde(default)]
    pub checksum: Algorithm,
    /// What an operator lets it do.
    #[serde(default)]
    pub admission: Admission,
    /// How many users it holds relative to the others; finite and above 0.
    #[serde(default = "one")]
    pub capacity: f64,
    /// What the checks of the pool say of it. A new instance counts as online until they say otherwise.
    #[serde(default = "yes")]
    pub online: bool,
    /// Tenants choose instances by them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Arc<str>>,
    /// It checks a form that comes without a query over the form's fields, as BBB did before 2.6.18 and 2.7.8.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub signs_forms: bool,
}

/// What an operator lets an instance do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Admission {
    /// Takes new meetings.
    #[default]
    Open,
    /// Keeps its meetings and takes no new ones.
    Cordoned,
    /// Out of the pool, but remembered.
    Disabled,
}

/// A meeting of one tenant. Ordered by key first, so that the same meetingID of several tenants is found together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Meeting {
    /// The meetingID's key.
    pub key: MeetingKey,
    /// The tenant's host.
    pub tenant: Arc<str>,
}

/// The tenant of meetings that were taken over from a load balancer that knew none: the first tenant whose frontend asks for such a
/// meeting, and who may use its instance, has it from then on.
pub const NOBODY: &str = "";

/// Where a recording is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The url of its instance.
    pub instance: Arc<str>,
    /// The host of the tenant that it belongs to; `None`: of nobody.
    #[serde(default)]
    pub tenant: Option<Arc<str>>,
}

/// A tenant's wish to be told of events: one for the tenant, and one at each of its instances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hook {
    /// The id that the tenant knows; never given out twice.
    pub id: u64,
    /// The tenant's host.
    pub tenant: Arc<str>,
    /// Where the tenant wants to be told.
    pub callback_url: Box<str>,
    /// Only of this meeting.
    #[serde(default)]
    pub meeting_id: Option<Box<str>>,
    /// Only of these events, as the tenant wrote it.
    #[serde(default)]
    pub event_id: Option<Box<str>>,
    /// Events are wanted as they are inside of BBB.
    #[serde(default)]
    pub raw: bool,
    /// Where instances reach the proxies, which pass on what they are told, such as `https://b3lb.example.org`.
    pub base: Box<str>,
    /// Its id at each instance, by url.
    #[serde(default)]
    pub instances: std::collections::BTreeMap<Arc<str>, u64>,
}

/// One change of the state, as it travels in the stream of changes.
#[expect(clippy::large_enum_variant, reason = "tenants change seldom, and few changes are in memory at a time")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An instance is new or different.
    Instance(Instance),
    /// The instance with this url is gone, and with it its placements.
    InstanceRemoved(Arc<str>),
    /// A tenant is new or different.
    Tenant(Tenant),
    /// The tenant with this host is gone.
    TenantRemoved(Arc<str>),
    /// A meeting was placed or moved.
    Placed(Meeting, Placement),
    /// A meeting has no instance any more.
    Released(Meeting),
    /// The recording with this recordID is new, or elsewhere, or of somebody else.
    Recorded(Arc<str>, Recording),
    /// The recording with this recordID is gone.
    RecordingRemoved(Arc<str>),
    /// A hook is new or different.
    Hook(Hook),
    /// The hook with this id is gone.
    HookRemoved(u64),
    /// A meeting is over that may take place again.
    Remembered(Meeting, Past),
    /// Nothing is remembered of a meeting any more.
    Forgotten(Meeting),
}

/// What turns one state into another, as far as a proxy routes by it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Delta {
    /// New or different.
    pub instances: Vec<Arc<Instance>>,
    /// Urls.
    pub removed_instances: Vec<Arc<str>>,
    /// New or different.
    pub tenants: Vec<Arc<Tenant>>,
    /// Hosts.
    pub removed_tenants: Vec<Arc<str>>,
    /// Meetings and the urls of their instances.
    pub placed: Vec<(Meeting, Arc<str>)>,
    /// Meetings that have no instance any more.
    pub released: Vec<Meeting>,
    /// RecordIDs and where their recordings are.
    pub recorded: Vec<(Arc<str>, Arc<Recording>)>,
    /// RecordIDs.
    pub removed_recordings: Vec<Arc<str>>,
}

impl State {
    /// Applies one change; true if a proxy routes by what changed.
    pub fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::Instance(mut instance) => {
                if let Some((url, old)) = self.instances.get_key_value(&instance.url) {
                    instance.url = url.clone();
                    let routed = !old.routes_like(&instance);
                    self.instances.insert(url.clone(), Arc::new(instance));
                    return routed;
                }
                self.instances.insert(instance.url.clone(), Arc::new(instance));
                true
            }
            Change::InstanceRemoved(url) => {
                let existed = self.instances.remove(&url).is_some();
                let orphans: Vec<Meeting> =
                    self.placements.iter().filter(|(_, p)| p.instance == url).map(|(m, _)| m.clone()).collect();
                for meeting in &orphans {
                    self.placements.remove(meeting);
                }
                existed || !orphans.is_empty()
            }
            Change::Tenant(tenant) => {
                let old = self.tenants.insert(tenant.host.clone(), Arc::new(tenant.clone()));
                old.as_deref() != Some(&tenant)
            }
            Change::TenantRemoved(host) => self.tenants.remove(&host).is_some(),
            Change::Placed(mut meeting, mut placement) => {
                // Texts that stand in many placements are shared with the instance and the tenant they name.
                if let Some((url, _)) = self.instances.get_key_value(&placement.instance) {
                    placement.instance = url.clone();
                }
                if let Some((host, _)) = self.tenants.get_key_value(&meeting.tenant) {
                    meeting.tenant = host.clone();
                }
                let url = placement.instance.clone();
                let old = self.placements.insert(meeting, Arc::new(placement));
                old.is_none_or(|old| old.instance != url)
            }
            Change::Released(meeting) => self.placements.remove(&meeting).is_some(),
            Change::Recorded(id, mut recording) => {
                if let Some((url, _)) = self.instances.get_key_value(&recording.instance) {
                    recording.instance = url.clone();
                }
                let host = recording.tenant.as_ref().and_then(|host| self.tenants.get_key_value(host));
                if let Some((host, _)) = host {
                    recording.tenant = Some(host.clone());
                }
                let recording = Arc::new(recording);
                let old = self.recordings.insert(id, recording.clone());
                old != Some(recording)
            }
            Change::RecordingRemoved(id) => self.recordings.remove(&id).is_some(),
            Change::Hook(hook) => {
                self.hooks.insert(hook.id, Arc::new(hook));
                false
            }
            Change::HookRemoved(id) => {
                self.hooks.remove(&id);
                false
            }
            Change::Remembered(mut meeting, past) => {
                if let Some((host, _)) = self.tenants.get_key_value(&meeting.tenant) {
                    meeting.tenant = host.clone();
                }
                self.pasts.insert(meeting, past);
                false
            }
            Change::Forgotten(meeting) => {
                self.pasts.remove(&meeting);
                false
            }
        }
    }

    /// What has to change in `old` to route as this state does.
    pub fn since(&self, old: &State) -> Delta {
        let mut delta = Delta::default();
        for item in old.instances.diff(&self.instances) {
            match item {
                DiffItem::Add(_, new) => delta.instances.push(new.clone()),
                DiffItem::Update { old, new } if !old.1.routes_like(new.1) => delta.instances.push(new.1.clone()),
                DiffItem::Update { .. } => {}
                DiffItem::Remove(url, _) => delta.removed_instances.push(url.clone()),
            }
        }
        for item in old.tenants.diff(&self.tenants) {
            match item {
                DiffItem::Add(_, new) | DiffItem::Update { new: (_, new), .. } => delta.tenants.push(new.clone()),
                DiffItem::Remove(host, _) => delta.removed_tenants.push(host.clone()),
            }
        }
        for item in old.placements.diff(&self.placements) {
            match item {
                DiffItem::Add(meeting, new) => delta.placed.push((meeting.clone(), new.instance.clone())),
                DiffItem::Update { old, new } if old.1.instance != new.1.instance => {
                    delta.placed.push((new.0.clone(), new.1.instance.clone()));
                }
                DiffItem::Update { .. } => {}
                DiffItem::Remove(meeting, _) => delta.released.push(meeting.clone()),
            }
        }
        for item in old.recordings.diff(&self.recordings) {
            match item {
                DiffItem::Add(id, new) | DiffItem::Update { new: (id, new), .. } => {
                    delta.recorded.push((id.clone(), new.clone()));
                }
                DiffItem::Remove(id, _) => delta.removed_recordings.push(id.clone()),
            }
        }
        delta
    }

    /// The same meetingID placed for any tenant, with the tenant's host.
    pub fn placements_of(&self, key: MeetingKey) -> impl Iterator<Item = (&Meeting, &Arc<Placement>)> {
        let first = Meeting { key, tenant: "".into() };
        self.placements.range(first..).take_while(move |(meeting, _)| meeting.key == key)
    }

    /// The tenant that a host belongs to: by host with port, then without, then the catch-all.
    pub fn tenant_of(&self, host: &str) -> Option<&Arc<Tenant>> {
        bbb::host_candidates(host).find_map(|candidate| self.tenants.get(&*candidate))
    }
}

impl Change {
    /// The record that it changes, for people.
    pub fn subject(&self) -> String {
        match self {
            Change::Instance(Instance { url, .. }) | Change::InstanceRemoved(url) => format!("instance {url}"),
            Change::Tenant(Tenant { host, .. }) | Change::TenantRemoved(host) => format!("tenant {host}"),
            Change::Placed(meeting, Placement { meeting_id, .. }) if !meeting_id.is_empty() => {
                format!("meeting {meeting_id} of {}", meeting.tenant)
            }
            Change::Placed(meeting, _) | Change::Released(meeting) => {
                format!("meeting {} of {}", meeting.key, meeting.tenant)
            }
            Change::Recorded(id, _) | Change::RecordingRemoved(id) => format!("recording {id}"),
            Change::Hook(Hook { id, .. }) | Change::HookRemoved(id) => format!("hook {id}"),
            Change::Remembered(meeting, _) | Change::Forgotten(meeting) => {
                format!("the past of meeting {} of {}", meeting.key, meeting.tenant)
            }
        }
    }
}

impl Instance {
    /// An instance that is open and online, and ordinary otherwise.
    pub fn new(url: &str, secret: Secret) -> Self {
        Self {
            url: url.into(),
            secret,
            checksum: Algorithm::default(),
            admission: Admission::default(),
            capacity: one(),
            online: yes(),
            tags: Vec::new(),
            signs_forms: false,
        }
    }

    /// A proxy would not notice the difference.
    fn routes_like(&self, other: &Instance) -> bool {
        // How much it holds decides where a meeting goes, not where it is.
        Self { capacity: other.capacity, ..self.clone() } == *other
    }
}

impl Delta {
    /// There is nothing to change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A text that is no revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a revision is two numbers joined by a dash, not {0:?}")]
pub struct InvalidRevision(String);

impl FromStr for Revision {
    type Err = InvalidRevision;

    fn from_str(text: &str) -> Result<Self, InvalidRevision> {
        let parse = || {
            let (time, sequence) = text.split_once('-')?;
            Some(Revision { time: time.parse().ok()?, sequence: sequence.parse().ok()? })
        };
        parse().ok_or_else(|| InvalidRevision(text.to_owned()))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.time, self.sequence)
    }
}

fn one() -> f64 {
    1.0
}

fn yes() -> bool {
    true
}
