//! The generated gRPC types, turned into our own and back. They go no further than this and the calls that carry them.

use crate::table::{Changes, Instance, Part, Tenant};
use b3lb_proto::v1;
use bbb::checksum::Algorithm;
use bbb::parameters::{CallParameters, Parameters};
use bbb::{MeetingKey, Secret};
use std::collections::HashMap;

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
        let v1::Update { epoch, base, revision, last, changes, weights } = update;
        if epoch.is_empty() || revision.is_empty() {
            return Err(Garbled::Anonymous);
        }
        let changes = changes.map(Changes::try_from).transpose()?.unwrap_or_default();
        Ok(Self { epoch, base, revision, last, changes, weights })
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
            recorded: changes.recorded.into_iter().map(|r| (r.tenant, r.instance, r.ids)).collect(),
            removed_recordings: changes.removed_recordings,
        })
    }
}

impl TryFrom<v1::InstanceRoute> for Instance {
    type Error = Garbled;

    fn try_from(route: v1::InstanceRoute) -> Result<Self, Garbled> {
        if route.url.is_empty() {
            return Err(Garbled::Nameless);
        }
        let algorithm = algorithm(route.checksum());
        let enabled = route.admission() != v1::Admission::Disabled;
        let open = enabled && route.admission() != v1::Admission::Cordoned;
        let (url, secret) = (route.url.into(), Secret::new(&route.secret));
        let (tags, signs_forms) = (boxed(route.tags), route.signs_forms);
        Ok(Self { url, secret, algorithm, enabled, open, online: route.online, tags, signs_forms })
    }
}

impl TryFrom<v1::TenantRoute> for Tenant {
    type Error = Garbled;

    fn try_from(route: v1::TenantRoute) -> Result<Self, Garbled> {
        if route.host.is_empty() {
            return Err(Garbled::Nameless);
        }
        Ok(Self {
            algorithms: route.algorithms().map(algorithm).collect(),
            host: route.host.into(),
            secrets: route.secrets.iter().map(|secret| Secret::new(secret)).collect(),
            instances: boxed(route.instances),
            tags: boxed(route.tags),
            parameters: route.parameters.map(parameters).unwrap_or_default(),
            limits_users: route.limits_users,
            numbers_bridges: route.numbers_bridges,
            owns_unlabelled: route.owns_unlabelled,
        })
    }
}

fn algorithm(algorithm: v1::ChecksumAlgorithm) -> Algorithm {
    match algorithm {
        v1::ChecksumAlgorithm::Sha1 => Algorithm::Sha1,
        v1::ChecksumAlgorithm::Sha256 | v1::ChecksumAlgorithm::Unspecified => Algorithm::Sha256,
        v1::ChecksumAlgorithm::Sha384 => Algorithm::Sha384,
        v1::ChecksumAlgorithm::Sha512 => Algorithm::Sha512,
    }
}

fn parameters(parameters: v1::Parameters) -> Parameters {
    let call = |call: Option<v1::CallParameters>| {
        let v1::CallParameters { defaults, overrides, removed } = call.unwrap_or_default();
        let sorted = |map: HashMap<String, String>| map.into_iter().collect();
        CallParameters { defaults: sorted(defaults), overrides: sorted(overrides), removed }
    };
    Parameters {
        create: call(parameters.create),
        join: call(parameters.join),
        duration_max: parameters.duration_max,
        slides: parameters.slides,
    }
}

fn boxed(texts: Vec<String>) -> Vec<Box<str>> {
    texts.into_iter().map(String::into_boxed_str).collect()
}

fn keys(bytes: &[u8]) -> Result<Vec<MeetingKey>, Garbled> {
    let (keys, rest) = bytes.as_chunks::<{ MeetingKey::LEN }>();
    if rest.is_empty() { Ok(keys.iter().map(|key| MeetingKey::from(*key)).collect()) } else { Err(Garbled::Keys) }
}
