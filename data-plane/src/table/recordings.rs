//! Where recordings are, and whose.

use super::{Caller, Instance, Kept, Number, Table, Tenant};
use bbb::listing::Recording;
use std::sync::Arc;

/// The tenant that has everything while it is alone.
const CATCH_ALL: &str = "*";

/// What a table knows of a recording that a tenant asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Whereabouts {
    /// It is the tenant's, and on this instance.
    On(Arc<Instance>),
    /// It is somebody else's.
    OfAnother,
    /// Only a control plane can tell.
    Unknown,
}

impl Table {
    /// The instances that may have recordings of a tenant and are asked for lists. Where it has some, it may not be able to have meetings
    /// any more.
    pub(crate) fn instances_with_recordings(&self, caller: &Caller) -> Vec<Arc<Instance>> {
        let mut instances = self.instances_of(&caller.tenant);
        let kept = self.kept.range((caller.number, 0)..=(caller.number, Number::MAX));
        let others = kept.filter_map(|((_, instance), _)| self.instances.get(*instance));
        instances.extend(others.filter(|other| other.enabled && !caller.tenant.may_use(other)).cloned());
        instances
    }

    pub(super) fn keep(&mut self, id: String, kept: Kept) {
        if let Some(tenant) = kept.tenant {
            *self.kept.entry((tenant, kept.instance)).or_default() += 1;
        }
        if let Some(old) = self.recordings.insert(id.into_boxed_str(), kept) {
            self.uncount(old);
        }
    }

    pub(super) fn forget(&mut self, id: &str) {
        if let Some(old) = self.recordings.remove(id) {
            self.uncount(old);
        }
    }

    fn uncount(&mut self, old: Kept) {
        let Some(tenant) = old.tenant else { return };
        let count = self.kept.entry((tenant, old.instance)).or_default();
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.kept.remove(&(tenant, old.instance));
        }
    }

    /// Where one of a tenant's recordings is.
    pub(crate) fn recording(&self, caller: &Caller, id: &str) -> Whereabouts {
        let Some(kept) = self.recordings.get(id) else { return Whereabouts::Unknown };
        let owner = match self.is_only_tenant(CATCH_ALL) {
            true => Some(&caller.tenant),
            false => self.keeper(kept),
        };
        match (owner, self.instances.get(kept.instance)) {
            (Some(owner), _) if owner.host != caller.tenant.host => Whereabouts::OfAnother,
            (Some(_), Some(instance)) => Whereabouts::On(Arc::clone(instance)),
            _ => Whereabouts::Unknown,
        }
    }

    /// A recording that an instance lists is the tenant's: it is known to be, or says so itself, or shows one of its meetings, or is
    /// nobody's and the tenant has what is nobody's. The control plane decides the same when it first hears of it.
    ///
    /// Where instances share a disk, all of them list it; then only the list of the one that is known to have it counts.
    pub(crate) fn owns(&self, caller: &Caller, instance: &str, found: &Recording) -> bool {
        let host = &caller.tenant.host;
        let kept = self.recordings.get(found.id.as_str());
        let other = kept.and_then(|kept| self.instances.get(kept.instance)).filter(|other| *other.url != *instance);
        if other.is_some_and(|other| other.enabled && other.online) {
            return false;
        }
        if self.is_only_tenant(CATCH_ALL) {
            return **host == *CATCH_ALL;
        }
        let known = kept.and_then(|kept| self.keeper(kept)).map(|tenant| &*tenant.host);
        let named = || found.tenant.as_deref().filter(|host| self.is_tenant(host));
        let placed = || found.meetings().find_map(|key| self.owner(key, instance)).map(|tenant| &*tenant.host);
        match known.or_else(named).or_else(placed) {
            Some(owner) => *owner == **host,
            None => caller.tenant.owns_unlabelled,
        }
    }

    /// The tenant that a recording is known to be of, if that still exists.
    fn keeper(&self, kept: &Kept) -> Option<&Arc<Tenant>> {
        self.tenants.get(kept.tenant?)
    }
}
