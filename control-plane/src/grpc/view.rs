//! The state as proxies are shown it: every tenant with the secrets that sign its calls.

use crate::state::{State, Tenant};
use bbb::Secret;
use std::sync::Arc;

/// What the configuration adds to the state.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// `bigbluebutton.secret`: signs the calls of tenants without secrets, and of every host while no tenant is defined.
    pub(crate) global: Option<Secret>,
}

/// The host of the tenant that every host belongs to.
pub(super) const CATCH_ALL: &str = "*";

impl View {
    /// Adds the catch-all tenant while none is defined.
    pub(super) fn of(&self, mut state: State) -> State {
        if state.tenants.is_empty()
            && let Some(secret) = &self.global
        {
            insert_catch_all(&mut state, vec![secret.clone()]);
        }
        state
    }

    /// What a proxy knows that has followed the state elsewhere, or before this program was started anew: the global secret may have
    /// been another one then, so that tenants who depend on it count as unknown, and the catch-all as different.
    pub(super) fn known_before(mut state: State) -> State {
        if state.tenants.is_empty() {
            insert_catch_all(&mut state, Vec::new());
        } else {
            let known = state.tenants.iter().filter(|(_, tenant)| !tenant.secrets.is_empty());
            state.tenants = known.map(|(host, tenant)| (host.clone(), tenant.clone())).collect();
        }
        state
    }

    /// What signs the calls of this tenant.
    pub(super) fn secrets<'a>(&'a self, tenant: &'a Tenant) -> impl Iterator<Item = &'a Secret> {
        let fallback = self.global.iter().filter(|_| tenant.secrets.is_empty());
        tenant.secrets.iter().map(|named| &named.secret).chain(fallback)
    }
}

fn insert_catch_all(state: &mut State, secrets: Vec<Secret>) {
    let tenant = Tenant::new(CATCH_ALL, secrets);
    state.tenants.insert(tenant.host.clone(), Arc::new(tenant));
}
