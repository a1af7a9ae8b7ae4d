//! Why a meeting goes where it goes.

use super::{Placer, everyone, tenant_of};
use crate::clock;
use crate::ledger::Question;
use crate::policy::expectation::Hint;
use crate::policy::{self, Verdict};
use crate::state::{Meeting, Placement, Source, State, Tenant};
use b3lb_config::settings::Policy;
use bbb::MeetingKey;
use std::sync::Arc;

/// Every instance as a placement for one tenant would see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The policy that judged.
    pub policy: Policy,
    /// The meeting that is asked for, or any of the tenant's.
    pub meeting: Meeting,
    /// Where the meeting is, if it is somewhere, and why.
    pub existing: Option<Arc<Placement>>,
    /// Users that are expected of the meeting, and how that is known.
    pub expected: (f64, Source),
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
    pub fn explain(&self, host: &str, meeting: Option<MeetingKey>) -> Option<Explanation> {
        let state = self.store.replica().state();
        let tenant = tenant_of(&state, host)?;
        Some(self.explain_for(&state, &tenant, meeting))
    }

    /// Every instance as a placement would see it that may use the whole pool.
    pub fn survey(&self) -> Explanation {
        self.explain_for(&self.store.replica().state(), &everyone(), None)
    }

    /// The latest placements and why they are as they are, the latest first.
    pub fn recent(&self) -> Vec<(Meeting, Arc<Placement>)> {
        let state = self.store.replica().state();
        self.books_after(&state).recent().cloned().collect()
    }

    fn explain_for(&self, state: &State, tenant: &Tenant, meeting: Option<MeetingKey>) -> Explanation {
        // No meeting has an empty id, so that nothing is known of it.
        let key = meeting.unwrap_or_else(|| MeetingKey::of(b""));
        let meeting = Meeting { key, tenant: tenant.host.clone() };
        let books = self.books_after(state);
        let question = Question { tenant, meeting: &meeting, hint: Hint::default(), against: &[] };
        let expected = books.expect(&meeting, question.hint);
        let settings = self.settings.now();
        let verdicts = books.judge(&settings.balancer, &question, clock::now());
        let limit = policy::best(&verdicts) + policy::margin(settings.balancer.policy, expected.0);
        let urls = books.instances().map(|instance| instance.url.clone());
        let mut instances: Vec<Judged> = urls
            .zip(verdicts)
            .map(|(instance, verdict)| {
                let candidate = verdict.as_ref().is_ok_and(|score| score.total() <= limit);
                Judged { instance, verdict, candidate }
            })
            .collect();
        let total = |judged: &Judged| judged.verdict.as_ref().map_or(f64::INFINITY, |score| score.total());
        instances.sort_by(|a, b| total(a).total_cmp(&total(b)));
        let existing = state.placements.get(&meeting).cloned();
        Explanation { policy: settings.balancer.policy, meeting, existing, expected, instances }
    }
}
