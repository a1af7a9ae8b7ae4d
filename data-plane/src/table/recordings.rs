//! Where recordings are, and whose.

use super::{Caller, Instance, Kept, Table, Tenant};
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
    /// nobody's and the tenant has what is nobody's.
    ///
    /// The control plane decides the same when it first hears of it.
    pub(crate) fn owns(&self, caller: &Caller, instance: &str, found: &Recording) -> bool {
        let host = &caller.tenant.host;
        if self.is_only_tenant(CATCH_ALL) {
            return **host == *CATCH_ALL;
        }
        let known =
            self.recordings.get(found.id.as_str()).and_then(|kept| self.keeper(kept)).map(|tenant| &*tenant.host);
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
