//! What is added, as the control plane wants to be told of it.

use crate::args::{AddInstance, AddTenant, Checksum, Parameters};
use b3lb_proto::v1::{CallParameters, ChecksumAlgorithm, Instance, Parameters as Message, Tenant, VoiceBridges};

pub(super) fn instance(new: AddInstance) -> Instance {
    let AddInstance { url, secret, capacity, checksum, tags, signs_forms } = new;
    let checksum = algorithm(checksum).into();
    Instance { url, secret, capacity, checksum, tags, signs_forms, ..Instance::default() }
}

pub(super) fn tenant(new: AddTenant) -> Tenant {
    Tenant {
        host: new.host,
        secrets: new.secrets,
        secret_ids: new.secret_ids,
        algorithms: new.algorithms.into_iter().map(|known| algorithm(known).into()).collect(),
        instances: new.instances,
        tags: new.tags,
        meeting_pool: new.meeting_pool,
        user_pool: new.user_pool,
        voice_bridges: new.voice_bridges.map(|(first, last, digits)| VoiceBridges { first, last, digits }),
        owns_unlabelled: new.owns_unlabelled,
        parameters: Some(parameters(new.parameters)),
        meetings: 0,
        metadata: Default::default(),
    }
}

fn parameters(new: Parameters) -> Message {
    let call = |defaults: Vec<(String, String)>, overrides: Vec<(String, String)>, removed| {
        Some(CallParameters {
            defaults: defaults.into_iter().collect(),
            overrides: overrides.into_iter().collect(),
            removed,
        })
    };
    Message {
        create: call(new.create_defaults, new.create_overrides, new.create_removed),
        join: call(new.join_defaults, new.join_overrides, new.join_removed),
        duration_max: new.duration_max,
        slides: new.slides,
    }
}

fn algorithm(checksum: Checksum) -> ChecksumAlgorithm {
    match checksum {
        Checksum::Sha1 => ChecksumAlgorithm::Sha1,
        Checksum::Sha256 => ChecksumAlgorithm::Sha256,
        Checksum::Sha384 => ChecksumAlgorithm::Sha384,
        Checksum::Sha512 => ChecksumAlgorithm::Sha512,
    }
}
