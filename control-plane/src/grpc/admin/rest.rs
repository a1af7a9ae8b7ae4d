//! The verbs as `/admin/api` needs them: it can say less than gRPC, and what it cannot say is kept.

use super::commit::{Operator, commit, commit_pool};
use super::{field, instances, tenants};
use crate::grpc::Calls;
use crate::state::{State, Tenant};
use b3lb_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tonic::Status;

/// Makes the pool exactly these instances, secrets by url. One that is missing and still has meetings is disabled: the originals let
/// such meetings go on, and so do we. One that is disabled is no part of the list, and open again once it is.
///
/// # Errors
/// As `PutInstances`: what is wrong with one of them.
pub(crate) async fn replace_instances(
    calls: &Calls,
    operator: Operator,
    urls: &BTreeMap<String, String>,
) -> Result<(), Status> {
    let plan = |state: &State| {
        let message = |(url, secret): (&String, &String)| {
            let known = field::url("instances", url).ok().and_then(|url| state.instances.get(&*url));
            let known = known.map(|known| instances::message(known, 0, false)).unwrap_or_default();
            let admission = match known.admission() {
                v1::Admission::Disabled => v1::Admission::Open,
                admission => admission,
            };
            v1::Instance { url: url.clone(), secret: secret.clone(), admission: admission.into(), ..known }
        };
        let mut wanted: Vec<v1::Instance> = urls.iter().map(message).collect();
        let listed: BTreeSet<String> = urls.keys().filter_map(|url| field::url("instances", url).ok()).collect();
        let busy: BTreeSet<&Arc<str>> = state.placements.values().map(|placement| &placement.instance).collect();
        for url in busy.into_iter().filter(|url| !listed.contains(&***url)) {
            let known = state.instances.get(url).map(|known| instances::message(known, 0, true));
            let admission = v1::Admission::Disabled.into();
            wanted.extend(known.map(|known| v1::Instance { admission, ..known }));
        }
        instances::put(state, &wanted, true)
    };
    commit_pool(&calls.store, operator, plan).await.map(drop)
}

/// The tenant with this host.
pub(crate) fn known_tenant(calls: &Calls, host: &str) -> Option<Arc<Tenant>> {
    let host = field::host("host", host).ok()?;
    calls.store.replica().state().tenants.get(&*host).cloned()
}

/// Makes a tenant what `change` makes of what is known of it.
///
/// # Errors
/// As `PutTenant`.
pub(crate) async fn upsert_tenant(
    calls: &Calls,
    operator: Operator,
    change: impl Fn(Option<v1::Tenant>) -> v1::Tenant + Send,
) -> Result<(), Status> {
    let view = calls.view();
    let plan = |state: &State| {
        let host = field::host("spec.host", &change(None).host)?;
        let known = state.tenants.get(&*host).map(|known| tenants::message(known, 0, true));
        tenants::put(state, &change(known), &view)
    };
    commit(&calls.store, operator, plan).await.map(drop)
}

/// Forgets a tenant.
///
/// # Errors
/// As `DeleteTenant`.
pub(crate) async fn forget_tenant(calls: &Calls, operator: Operator, host: &str) -> Result<(), Status> {
    let host = field::host("host", host)?;
    commit(&calls.store, operator, |state| tenants::delete(state, &host)).await
}
