//! Our types as messages, and messages as our types.

use super::view::View;
use crate::placer::PlaceError;
use crate::recordings::LocateError;
use crate::state::{Admission, Instance, Tenant};
use crate::store::StoreError;
use b3lb_proto::v1;
use bbb::MeetingKey;
use bbb::checksum::Algorithm;
use bbb::parameters::{CallParameters, Parameters};
use std::collections::BTreeMap;
use std::sync::Arc;
use tonic::Status;

/// What a proxy must know of an instance.
pub(super) fn instance_route(instance: &Instance) -> v1::InstanceRoute {
    v1::InstanceRoute {
        url: instance.url.to_string(),
        secret: instance.secret.reveal().to_owned(),
        checksum: algorithm(instance.checksum).into(),
        admission: admission(instance.admission).into(),
        online: instance.online,
        tags: texts(&instance.tags),
        signs_forms: instance.signs_forms,
    }
}

/// What a proxy must know of a tenant.
pub(super) fn tenant_route(tenant: &Tenant, view: &View) -> v1::TenantRoute {
    v1::TenantRoute {
        host: tenant.host.to_string(),
        secrets: view.secrets(tenant).map(|secret| secret.reveal().to_owned()).collect(),
        instances: texts(&tenant.instances),
        tags: texts(&tenant.tags),
        algorithms: tenant.algorithms.iter().map(|known| algorithm(*known).into()).collect(),
        parameters: parameters(&tenant.parameters),
        limits_users: tenant.user_pool.is_some(),
        numbers_bridges: tenant.voice_bridges.is_some(),
        owns_unlabelled: tenant.owns_unlabelled,
    }
}

/// What is done to calls; `None` if nothing is.
pub(super) fn parameters(parameters: &Parameters) -> Option<v1::Parameters> {
    let call = |call: &CallParameters| {
        let CallParameters { defaults, overrides, removed } = call.clone();
        let of = |map: BTreeMap<String, String>| map.into_iter().collect();
        Some(v1::CallParameters { defaults: of(defaults), overrides: of(overrides), removed })
    };
    (*parameters != Parameters::default()).then(|| v1::Parameters {
        create: call(&parameters.create),
        join: call(&parameters.join),
        duration_max: parameters.duration_max,
        slides: parameters.slides.clone(),
    })
}

/// How calls are signed.
pub(super) fn algorithm(algorithm: Algorithm) -> v1::ChecksumAlgorithm {
    match algorithm {
        Algorithm::Sha1 => v1::ChecksumAlgorithm::Sha1,
        Algorithm::Sha256 => v1::ChecksumAlgorithm::Sha256,
        Algorithm::Sha384 => v1::ChecksumAlgorithm::Sha384,
        Algorithm::Sha512 => v1::ChecksumAlgorithm::Sha512,
    }
}

/// What an operator lets an instance do.
pub(super) fn admission(admission: Admission) -> v1::Admission {
    match admission {
        Admission::Open => v1::Admission::Open,
        Admission::Cordoned => v1::Admission::Cordoned,
        Admission::Disabled => v1::Admission::Disabled,
    }
}

/// The key of a meeting.
pub(super) fn meeting_key(bytes: &[u8]) -> Result<MeetingKey, Status> {
    let key: [u8; MeetingKey::LEN] = bytes.try_into().map_err(|_| {
        Status::invalid_argument(format!("key has {} bytes; a meeting key has {}", bytes.len(), MeetingKey::LEN))
    })?;
    Ok(key.into())
}

pub(super) fn texts(texts: &[Arc<str>]) -> Vec<String> {
    texts.iter().map(|text| text.to_string()).collect()
}

impl From<PlaceError> for Status {
    fn from(error: PlaceError) -> Self {
        match error {
            PlaceError::UnknownTenant(_) | PlaceError::NoParent(_) => Status::not_found(error.to_string()),
            PlaceError::NoInstance(_) => Status::resource_exhausted(error.to_string()),
            PlaceError::MeetingPool(..) | PlaceError::UserPool(..) => Status::permission_denied(error.to_string()),
            PlaceError::StillThere(_) => Status::failed_precondition(error.to_string()),
            PlaceError::Store(error) => error.into(),
        }
    }
}

impl From<LocateError> for Status {
    fn from(error: LocateError) -> Self {
        match error {
            LocateError::UnknownTenant(_) => Status::not_found(error.to_string()),
            LocateError::TooMany => Status::invalid_argument(error.to_string()),
            LocateError::Unsure(_) | LocateError::Busy => Status::unavailable(error.to_string()),
        }
    }
}

impl From<StoreError> for Status {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Unusable(_) => Status::unavailable(error.to_string()),
            StoreError::Conflict(_) | StoreError::LeaseLost(_) => Status::aborted(error.to_string()),
            StoreError::Damaged { .. } => Status::data_loss(error.to_string()),
        }
    }
}
