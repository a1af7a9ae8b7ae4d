//! What a proxy knows, as it would keep it.

use b3lb_proto::v1::{InstanceRoute, TenantRoute, Update};
use std::collections::BTreeMap;

/// Everything that routing depends on.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) epoch: String,
    pub(crate) revision: String,
    pub(crate) instances: BTreeMap<String, InstanceRoute>,
    pub(crate) tenants: BTreeMap<String, TenantRoute>,
    /// Tenant and key, and the url of the instance.
    pub(crate) meetings: BTreeMap<(String, [u8; 20]), String>,
    /// RecordID, and the tenant and the url of the instance.
    pub(crate) recordings: BTreeMap<String, (String, String)>,
}

impl Table {
    /// Applies the parts of one step.
    pub(crate) fn apply(&mut self, step: Vec<Update>) {
        let first = step[0].clone();
        if first.base.is_empty() {
            *self = Self::default();
        } else {
            assert_eq!((&self.epoch, &self.revision), (&first.epoch, &first.base), "not a step from what is known");
        }
        for part in step {
            assert_eq!((&part.epoch, &part.base, &part.revision), (&first.epoch, &first.base, &first.revision));
            self.apply_part(part);
        }
        (self.epoch, self.revision) = (first.epoch, first.revision);
    }

    fn apply_part(&mut self, part: Update) {
        let changes = part.changes.unwrap_or_default();
        self.instances.extend(changes.instances.into_iter().map(|route| (route.url.clone(), route)));
        self.tenants.extend(changes.tenants.into_iter().map(|route| (route.host.clone(), route)));
        for url in changes.removed_instances {
            assert!(self.instances.remove(&url).is_some(), "{url} was not known");
        }
        for host in changes.removed_tenants {
            assert!(self.tenants.remove(&host).is_some(), "{host} was not known");
        }
        for placed in changes.placed {
            for key in keys(&placed.keys) {
                self.meetings.insert((placed.tenant.clone(), key), placed.instance.clone());
            }
        }
        for id in changes.removed_recordings {
            assert!(self.recordings.remove(&id).is_some(), "{id} was not known");
        }
        for recorded in changes.recorded {
            for id in recorded.ids {
                self.recordings.insert(id, (recorded.tenant.clone(), recorded.instance.clone()));
            }
        }
        for released in changes.released {
            for key in keys(&released.keys) {
                let meeting = (released.tenant.clone(), key);
                assert!(self.meetings.remove(&meeting).is_some(), "{meeting:?} was not known");
            }
        }
    }
}

fn keys(bytes: &[u8]) -> impl Iterator<Item = [u8; 20]> {
    let (keys, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "half a key");
    keys.iter().copied()
}
