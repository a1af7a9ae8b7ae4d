//! What a proxy routes by, as one immutable value: instances, tenants, and where every meeting is.
//!
//! Pure. [`Table::apply`] and [`Table::learn`] make the next table out of this one; the maps are shared between both, so that a change
//! costs what it changes and a call reads without a lock. Whoever asks about a meeting needs two lookups and no allocation: tenants and
//! instances have numbers, and the placements are kept by those.

mod assembly;
mod recordings;
mod rendezvous;

pub(crate) use assembly::{Assembly, OutOfStep, Part};
pub(crate) use recordings::Whereabouts;

use bbb::checksum::Algorithm;
use bbb::parameters::Parameters;
use bbb::{MeetingKey, Secret};
use imbl::OrdMap;
use std::collections::HashMap;
use std::sync::Arc;

/// Everything a proxy knows, at one revision.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// What the control plane has to be told to continue from here; both empty: nothing is known.
    pub(crate) epoch: Arc<str>,
    pub(crate) revision: Arc<str>,
    instances: Arc<Numbered<Instance>>,
    tenants: Arc<Numbered<Tenant>>,
    /// Ordered by key first, so that the same meetingID of several tenants is found together.
    placements: OrdMap<(MeetingKey, Number), Number>,
    /// By recordID.
    recordings: OrdMap<Box<str>, Kept>,
    /// How many recordings of a tenant are on an instance.
    kept: OrdMap<(Number, Number), usize>,
    /// How much each instance should get of new meetings, by url; empty if that was never said.
    weights: Arc<HashMap<Arc<str>, u32>>,
}

/// An instance, and how to call it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Instance {
    /// The base url, e.g. `https://bbb1.example.org/bigbluebutton`.
    pub(crate) url: Arc<str>,
    pub(crate) secret: Secret,
    pub(crate) algorithm: Algorithm,
    /// Not disabled: it is asked for lists.
    pub(crate) enabled: bool,
    /// Neither disabled nor cordoned: it takes new meetings.
    pub(crate) open: bool,
    pub(crate) online: bool,
    pub(crate) tags: Vec<Box<str>>,
    /// It checks a form that comes without a query over the form's fields.
    pub(crate) signs_forms: bool,
}

/// A tenant, and how it proves that it is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tenant {
    pub(crate) host: Arc<str>,
    pub(crate) secrets: Vec<Secret>,
    /// The urls of its instances; with no tags either, the whole pool.
    pub(crate) instances: Vec<Box<str>>,
    /// Instances with one of these tags are its too.
    pub(crate) tags: Vec<Box<str>>,
    /// How its calls may be signed; empty: in every way.
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) parameters: Parameters,
    /// Each join has to be admitted.
    pub(crate) limits_users: bool,
    /// Each create has to be placed, whether its meeting is known or not.
    pub(crate) numbers_bridges: bool,
    /// Recordings that name no tenant, and whose meeting is not known, are its.
    pub(crate) owns_unlabelled: bool,
}

/// Where a recording is, and whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    instance: Number,
    tenant: Option<Number>,
}

/// A tenant as a call finds it.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) tenant: Arc<Tenant>,
    number: Number,
}

/// What one step changes. Names are those of the control plane.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) instances: Vec<Instance>,
    pub(crate) removed_instances: Vec<String>,
    pub(crate) tenants: Vec<Tenant>,
    pub(crate) removed_tenants: Vec<String>,
    /// Tenant, instance, and the meetings of the one on the other.
    pub(crate) placed: Vec<(String, String, Vec<MeetingKey>)>,
    /// Tenant, and its meetings that have no instance any more.
    pub(crate) released: Vec<(String, Vec<MeetingKey>)>,
    /// Tenant, which may be empty, instance, and the recordIDs of the one on the other.
    pub(crate) recorded: Vec<(String, String, Vec<String>)>,
    /// RecordIDs.
    pub(crate) removed_recordings: Vec<String>,
}

/// Stands for the name of an instance or a tenant within one table and those made from it.
type Number = u32;

/// Things with names, by number. A name keeps its number even when the thing is gone: a placement that outlived its instance then finds
/// none, instead of another one.
#[derive(Debug, Clone)]
struct Numbered<T> {
    numbers: HashMap<Arc<str>, Number>,
    things: Vec<Option<Arc<T>>>,
}

impl Table {
    /// There is something to route by.
    pub(crate) fn is_known(&self) -> bool {
        !self.epoch.is_empty()
    }

    /// The tenant that is called as `host`.
    pub(crate) fn caller(&self, host: &str) -> Option<Caller> {
        bbb::host_candidates(host).find_map(|name| {
            let number = self.tenants.number(&name)?;
            Some(Caller { tenant: Arc::clone(self.tenants.get(number)?), number })
        })
    }

    /// The instance of a tenant's meeting.
    pub(crate) fn find(&self, caller: &Caller, key: MeetingKey) -> Option<&Arc<Instance>> {
        self.instances.get(*self.placements.get(&(key, caller.number))?)
    }

    /// The instance with this url.
    pub(crate) fn instance(&self, url: &str) -> Option<&Arc<Instance>> {
        self.instances.get(self.instances.number(url)?)
    }

    /// The instances that may have meetings of a tenant and are asked for lists.
    pub(crate) fn instances_of(&self, tenant: &Tenant) -> Vec<Arc<Instance>> {
        self.instances.all().filter(|instance| instance.enabled && tenant.may_use(instance)).cloned().collect()
    }

    /// Whose meeting this is on this instance, as far as is known.
    pub(crate) fn owner(&self, key: MeetingKey, instance: &str) -> Option<&Arc<Tenant>> {
        let instance = self.instances.number(instance)?;
        let all = self.placements.range((key, 0)..=(key, Number::MAX));
        let (_, tenant) = all.filter(|(_, at)| **at == instance).map(|(meeting, _)| meeting).next()?;
        self.tenants.get(*tenant)
    }

    /// Its host is the name of a tenant.
    pub(crate) fn is_tenant(&self, host: &str) -> bool {
        self.tenants.number(host).is_some_and(|number| self.tenants.get(number).is_some())
    }

    /// Its host is the name of the only tenant there is.
    pub(crate) fn is_only_tenant(&self, host: &str) -> bool {
        self.is_tenant(host) && self.tenants.all().nth(1).is_none()
    }

    /// How many instances, tenants, meetings and recordings there are.
    pub(crate) fn sizes(&self) -> [usize; 4] {
        [self.instances.all().count(), self.tenants.all().count(), self.placements.len(), self.recordings.len()]
    }

    /// Notes what the control plane answered, before its next step says the same. What is known already stays, unless it is `left`,
    /// the instance that the meeting was moved away from: a step may have overtaken the answer. False if the answer is no news.
    pub(crate) fn learn(&mut self, tenant: &str, key: MeetingKey, url: &str, left: Option<&str>) -> bool {
        let numbers = self.tenants.number(tenant).zip(self.instances.number(url));
        let Some((tenant, instance)) = numbers else { return false };
        let known = self.placements.get(&(key, tenant)).copied();
        let is_news = known.is_none() || known == left.and_then(|left| self.instances.number(left));
        if is_news {
            self.placements.insert((key, tenant), instance);
        }
        is_news
    }

    /// Applies what one step, or one part of it, changes.
    pub(crate) fn apply(&mut self, changes: Changes) {
        for instance in changes.instances {
            Arc::make_mut(&mut self.instances).put(Arc::clone(&instance.url), instance);
        }
        for url in changes.removed_instances {
            Arc::make_mut(&mut self.instances).remove(&url);
        }
        for tenant in changes.tenants {
            Arc::make_mut(&mut self.tenants).put(Arc::clone(&tenant.host), tenant);
        }
        for host in changes.removed_tenants {
            Arc::make_mut(&mut self.tenants).remove(&host);
        }
        // Released first: within one part, a meeting is named in both only if it was placed anew.
        for (tenant, keys) in changes.released {
            let Some(tenant) = self.tenants.number(&tenant) else { continue };
            for key in keys {
                self.placements.remove(&(key, tenant));
            }
        }
        for (tenant, instance, keys) in changes.placed {
            let tenant = numbered(&mut self.tenants, &tenant);
            let instance = numbered(&mut self.instances, &instance);
            self.placements.extend(keys.into_iter().map(|key| ((key, tenant), instance)));
        }
        for id in changes.removed_recordings {
            self.forget(&id);
        }
        for (tenant, instance, ids) in changes.recorded {
            let tenant = (!tenant.is_empty()).then(|| numbered(&mut self.tenants, &tenant));
            let kept = Kept { instance: numbered(&mut self.instances, &instance), tenant };
            for id in ids {
                self.keep(id, kept);
            }
        }
    }
}

impl Tenant {
    /// Its meetings may be on this instance.
    fn may_use(&self, instance: &Instance) -> bool {
        self.instances.is_empty() && self.tags.is_empty()
            || self.instances.iter().any(|own| **own == *instance.url)
            || self.tags.iter().any(|tag| instance.tags.contains(tag))
    }
}

/// The number of a name, which may be one that is not known yet: parts of a step come in any order.
fn numbered<T: Clone>(things: &mut Arc<Numbered<T>>, name: &str) -> Number {
    match things.number(name) {
        Some(number) => number,
        None => Arc::make_mut(things).assign(name.into()),
    }
}

impl<T> Numbered<T> {
    fn number(&self, name: &str) -> Option<Number> {
        self.numbers.get(name).copied()
    }

    fn get(&self, number: Number) -> Option<&Arc<T>> {
        self.things.get(number as usize)?.as_ref()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.things.iter().flatten()
    }

    fn assign(&mut self, name: Arc<str>) -> Number {
        *self.numbers.entry(name).or_insert_with(|| {
            self.things.push(None);
            Number::try_from(self.things.len() - 1).expect("four billion names do not fit into memory")
        })
    }

    fn put(&mut self, name: Arc<str>, thing: T) {
        let number = self.assign(name);
        self.things[number as usize] = Some(Arc::new(thing));
    }

    fn remove(&mut self, name: &str) {
        if let Some(number) = self.number(name) {
            self.things[number as usize] = None;
        }
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), things: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
