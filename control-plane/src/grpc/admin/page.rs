//! What of a long list a request wants to see.

use super::{field, instances, tenants};
use crate::grpc::view::CATCH_ALL;
use crate::state::State;
use tonic::Status;

/// Items in a page unless the request says otherwise.
const SIZE: u32 = 1000;
/// Some hundred bytes each: far below the size of messages that clients accept.
const SIZE_MAX: u32 = 10_000;

/// Whose items, of which instance, and how many at a time.
pub(super) struct Wanted {
    tenant: Option<String>,
    instance: Option<String>,
    pub(super) size: usize,
}

impl Wanted {
    /// Reads what the request says. A tenant that is not defined must have `has_some` items nevertheless.
    pub(super) fn read(
        state: &State,
        tenant: &str,
        instance: &str,
        size: u32,
        has_some: impl Fn(&str) -> bool,
    ) -> Result<Self, Status> {
        let tenant = filter(tenant, |text| {
            let host = field::host("tenant", text)?;
            let known = host == CATCH_ALL || has_some(&host);
            if known { Ok(host) } else { tenants::find(state, &host).map(|_| host) }
        })?;
        let instance = filter(instance, |text| {
            let url = field::url("instance", text)?;
            instances::find(state, &url).map(|_| url)
        })?;
        let size = if size == 0 { SIZE } else { size.min(SIZE_MAX) } as usize;
        Ok(Self { tenant, instance, size })
    }

    /// An item of this tenant, or of nobody, on this instance is wanted.
    pub(super) fn includes(&self, tenant: Option<&str>, instance: &str) -> bool {
        self.tenant.as_deref().is_none_or(|host| tenant == Some(host))
            && self.instance.as_deref().is_none_or(|url| instance == url)
    }
}

/// What is not given filters nothing.
pub(super) fn filter<T>(text: &str, parse: impl Fn(&str) -> Result<T, Status>) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}
