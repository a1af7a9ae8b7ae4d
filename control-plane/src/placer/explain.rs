//! Why a meeting goes where it goes.

use super::{Placer, everyone, tenant_of};
use crate::policy::{self, Verdict};
use crate::state::{Meeting, State, Tenant};
use b3lb_config::settings::Policy;
use std::sync::Arc;

/// Every instance as a placement for one tenant would see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The policy that judged.
    pub policy: Policy,
    /// Where the meeting is, if it is somewhere.
    pub existing: Option<Arc<str>>,
    /// In the order of preference, those not eligible last.
    pub instances: Vec<Judged>,
}

/// One instance and the verdict on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Its url.
    pub instance: Arc<str>,
    /// Its score, or why it has none.
    pub verdict: Verdict,
    /// A placement would pick among this one and its like at random.
    pub candidate: bool,
}

impl Placer {
    /// Every instance as a placement for the tenant of this host would see it; `None` if there is no such tenant.
    pub fn explain(&self, host: &str, meeting: Option<bbb::MeetingKey>) -> Option<Explanation> {
        let state = self.store.replica().state();
        let tenant = tenant_of(&state, host)?;
        Some(self.explain_for(&state, &tenant, meeting))
    }

    /// Every instance as a placement would see it that may use the whole pool.
    pub fn survey(&self) -> Explanation {
        self.explain_for(&self.store.replica().state(), &everyone(), None)
    }

    fn explain_for(&self, state: &State, tenant: &Tenant, meeting: Option<bbb::MeetingKey>) -> Explanation {
        let meeting = meeting.map(|key| Meeting { key, tenant: tenant.host.clone() });
        let books = self.books_after(state);
        let judged = self.judge(&books, state, tenant, meeting.as_ref(), &[]);
        let best = judged
            .iter()
            .filter_map(|(_, verdict)| verdict.as_ref().ok())
            .map(|score| score.total)
            .fold(f64::INFINITY, f64::min);
        let limit = best + policy::margin(self.balancer.policy);
        let mut instances: Vec<Judged> = judged
            .into_iter()
            .map(|(instance, verdict)| {
                let candidate = verdict.as_ref().is_ok_and(|score| score.total <= limit);
                Judged { instance: instance.url.clone(), verdict, candidate }
            })
            .collect();
        let total = |judged: &Judged| judged.verdict.as_ref().map_or(f64::INFINITY, |score| score.total);
        instances.sort_by(|a, b| total(a).total_cmp(&total(b)));
        let existing = meeting.and_then(|meeting| Some(state.placements.get(&meeting)?.instance.clone()));
        Explanation { policy: self.balancer.policy, existing, instances }
    }
}
