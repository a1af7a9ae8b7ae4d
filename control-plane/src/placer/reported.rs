//! Meetings that proxies put somewhere by themselves while no control plane answered.

use super::Placer;
use crate::clock;
use crate::state::{Meeting, Placement, Reason};
use crate::store::{Claim, Claimed, StoreError};
use std::sync::Arc;

/// What became of a placement that a proxy reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reported {
    /// It stands.
    Known,
    /// The meeting is elsewhere as well. Which of the two remains is found out by where its users are.
    Double(Arc<str>),
    /// The instance is not part of the pool any more, or has such a meeting of another tenant.
    Gone,
}

impl Placer {
    /// A proxy put the meeting on the instance `age` milliseconds ago.
    ///
    /// # Errors
    /// If that cannot be written; the proxy has to tell it again.
    pub async fn placed_alone(
        &self,
        meeting: &Meeting,
        meeting_id: &str,
        instance: Arc<str>,
        age: u64,
    ) -> Result<Reported, StoreError> {
        let placement = Placement::new(instance.clone(), meeting_id, clock::now().saturating_sub(age));
        let placement = Placement { reason: Reason::Alone, ..placement };
        // It is there, whatever an operator wants of the instance and however many its tenant may have.
        let claim = Claim { meeting: meeting.clone(), placement, leaving: None, bound: true, limit: None };
        let mut claimed = self.store.claim(&claim).await?;
        if let Claimed::Existing(existing) = &claimed
            && existing.instance != instance
            && !self.is_confirmed(meeting)
        {
            // It was placed there while the store did not answer, and nobody heard of it.
            claimed = self.store.claim(&Claim { leaving: Some(existing.instance.clone()), ..claim }).await?;
        }
        Ok(match claimed {
            Claimed::Placed => Reported::Known,
            Claimed::Existing(existing) if existing.instance == instance => Reported::Known,
            Claimed::Existing(existing) => Reported::Double(existing.instance),
            Claimed::Refused(_) => Reported::Gone,
        })
    }
}
