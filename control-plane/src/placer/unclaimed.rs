//! Meetings that were taken over from a load balancer that knew no tenants.

use super::{Placer, tenant_of};
use crate::state::{Change, Meeting, NOBODY, Placement};
use crate::store::StoreError;
use std::sync::Arc;

impl Placer {
    /// Where a meeting is that is nobody's yet and that this tenant may have; from now on it is the tenant's.
    ///
    /// # Errors
    /// [`StoreError`] if that cannot be written; somebody else may have been faster.
    pub async fn take_unclaimed(&self, meeting: &Meeting) -> Result<Option<Arc<Placement>>, StoreError> {
        let state = self.store.replica().state();
        let nobodys = Meeting { key: meeting.key, tenant: NOBODY.into() };
        let Some(placement) = state.placements.get(&nobodys) else { return Ok(None) };
        let tenant = tenant_of(&state, &meeting.tenant).filter(|tenant| tenant.host == meeting.tenant);
        let instance = state.instances.get(&placement.instance);
        if !tenant.zip(instance).is_some_and(|(tenant, instance)| tenant.may_use(instance)) {
            return Ok(None);
        }
        let placed = Change::Placed(meeting.clone(), Placement::clone(placement));
        self.store.commit(&state, vec![Change::Released(nobodys), placed], None).await?;
        tracing::info!(tenant = %meeting.tenant, key = %meeting.key, instance = %placement.instance, "claimed by its frontend");
        Ok(Some(placement.clone()))
    }
}
