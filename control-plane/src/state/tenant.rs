//! Customers of the pool, and what they may do.

use super::Instance;
use bbb::Secret;
use bbb::checksum::Algorithm;
use bbb::parameters::Parameters;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A customer: a host name that frontends call, and what it may use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tenant {
    /// The host name in lower case, with a port where it is not the default one; `*` matches every host.
    pub host: Arc<str>,
    /// Any of these signs its calls; empty: the global secret does.
    pub secrets: Vec<TenantSecret>,
    /// How its calls may be signed; empty: in every way that BBB knows.
    pub algorithms: Vec<Algorithm>,
    /// The urls of its instances; with no tags either, the whole pool.
    pub instances: Vec<Arc<str>>,
    /// Instances with one of these tags are its too.
    pub tags: Vec<Arc<str>>,
    /// The most meetings it may have at a time.
    pub meeting_pool: Option<u32>,
    /// The most users it may have at a time, in all its meetings together.
    pub user_pool: Option<u32>,
    /// What is done to its calls, after what is done to those of all.
    pub parameters: Parameters,
    /// The numbers to dial that its meetings are given; `None`: those that BBB or the frontend chooses.
    pub voice_bridges: Option<VoiceBridges>,
    /// Recordings that name no tenant, and whose meeting is not known, are its.
    pub owns_unlabelled: bool,
    /// What operators note of it; nothing here depends on it.
    pub metadata: Arc<BTreeMap<String, String>>,
}

/// One of a tenant's secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSecret {
    /// Tells it from the others where people should not see it.
    pub id: Box<str>,
    /// The secret.
    pub secret: Secret,
}

/// A range of numbers that meetings are dialled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoiceBridges {
    first: u32,
    last: u32,
}

/// Numbers that are no range of voice bridges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}-{1} is no range of voice bridges; it would be like 10000-99999, from 1 to 999999999, the lower one first")]
pub struct InvalidBridges(u32, u32);

/// BBB takes any whole number, and telephones more digits than anybody wants to dial.
const BRIDGE_MAX: u32 = 999_999_999;

impl Tenant {
    /// A tenant that may use the whole pool as it likes.
    pub fn new(host: &str, secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets = secrets.into_iter().enumerate();
        let secrets = secrets.map(|(number, secret)| TenantSecret { id: (number + 1).to_string().into(), secret });
        Self { host: host.into(), secrets: secrets.collect(), ..Self::default() }
    }

    /// Its meetings may be on this instance.
    pub fn may_use(&self, instance: &Instance) -> bool {
        self.instances.is_empty() && self.tags.is_empty()
            || self.instances.contains(&instance.url)
            || self.tags.iter().any(|tag| instance.tags.contains(tag))
    }
}

impl VoiceBridges {
    /// From the first to the last, both included.
    ///
    /// # Errors
    /// [`InvalidBridges`] if that is none.
    pub fn new(first: u32, last: u32) -> Result<Self, InvalidBridges> {
        let valid = 1 <= first && first <= last && last <= BRIDGE_MAX;
        if valid { Ok(Self { first, last }) } else { Err(InvalidBridges(first, last)) }
    }

    /// The first and the last.
    pub fn range(self) -> std::ops::RangeInclusive<u32> {
        self.first..=self.last
    }
}
