//! The generated gRPC types, turned into our own and back. They go no further than this and the calls that carry them.

use crate::table::{Changes, Instance, Part, Tenant};
use b3lb_proto::v1;
use bbb::checksum::Algorithm;
use bbb::{MeetingKey, Secret};

/// What the control plane sent makes no sense; it is of another version, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Garbled {
    #[error("an update without an epoch or a revision")]
    Anonymous,
    #[error("meeting keys that are not whole")]
    Keys,
    #[error("an instance or a tenant without a name")]
    Nameless,
}

impl TryFrom<v1::Update> for Part {
    type Error = Garbled;

    fn try_from(update: v1::Update) -> Result<Self, Garbled> {
        let v1::Update { epoch, base, revision, last, changes } = update;
        if epoch.is_empty() || revision.is_empty() {
            return Err(Garbled::Anonymous);
        }
        let changes = changes.map(Changes::try_from).transpose()?.unwrap_or_default();
        Ok(Self { epoch, base, revision, last, changes })
    }
}

impl TryFrom<v1::Changes> for Changes {
    type Error = Garbled;

    fn try_from(changes: v1::Changes) -> Result<Self, Garbled> {
        let placed = changes.placed.into_iter().map(|placed| Ok((placed.tenant, placed.instance, keys(&placed.keys)?)));
        let released = changes.released.into_iter().map(|released| Ok((released.tenant, keys(&released.keys)?)));
        Ok(Self {
            instances: changes.instances.into_iter().map(Instance::try_from).collect::<Result<_, _>>()?,
            removed_instances: changes.removed_instances,
            tenants: changes.tenants.into_iter().map(Tenant::try_from).collect::<Result<_, _>>()?,
            removed_tenants: changes.removed_tenants,
            placed: placed.collect::<Result<_, _>>()?,
            released: released.collect::<Result<_, _>>()?,
        })
    }
}

impl TryFrom<v1::InstanceRoute> for Instance {
    type Error = Garbled;

    fn try_from(route: v1::InstanceRoute) -> Result<Self, Garbled> {
        if route.url.is_empty() {
            return Err(Garbled::Nameless);
        }
        let algorithm = match route.checksum() {
            v1::ChecksumAlgorithm::Sha1 => Algorithm::Sha1,
            v1::ChecksumAlgorithm::Sha256 | v1::ChecksumAlgorithm::Unspecified => Algorithm::Sha256,
            v1::ChecksumAlgorithm::Sha384 => Algorithm::Sha384,
            v1::ChecksumAlgorithm::Sha512 => Algorithm::Sha512,
        };
        let enabled = route.admission() != v1::Admission::Disabled;
        let (url, secret) = (route.url.into(), Secret::new(&route.secret));
        Ok(Self { url, secret, algorithm, enabled, online: route.online })
    }
}

impl TryFrom<v1::TenantRoute> for Tenant {
    type Error = Garbled;

    fn try_from(route: v1::TenantRoute) -> Result<Self, Garbled> {
        if route.host.is_empty() {
            return Err(Garbled::Nameless);
        }
        let secrets = route.secrets.iter().map(|secret| Secret::new(secret)).collect();
        let instances = route.instances.into_iter().map(String::into_boxed_str).collect();
        Ok(Self { host: route.host.into(), secrets, instances })
    }
}

fn keys(bytes: &[u8]) -> Result<Vec<MeetingKey>, Garbled> {
    let (keys, rest) = bytes.as_chunks::<{ MeetingKey::LEN }>();
    if rest.is_empty() { Ok(keys.iter().map(|key| MeetingKey::from(*key)).collect()) } else { Err(Garbled::Keys) }
}
