//! What proxies place by while no control plane answers.

use super::{Placer, everyone};
use crate::clock;
use crate::ledger::Question;
use crate::policy::expectation::{Hint, USUAL_USERS};
use crate::policy::{Score, Verdict};
use crate::state::{Meeting, State};
use bbb::MeetingKey;
use std::collections::HashMap;
use std::sync::Arc;

/// The weight of an instance of capacity 1 that is empty.
const EMPTY: f64 = 64.0;

/// What makes no great difference, in users: four usual meetings. In an empty pool, one meeting would be twice as much as none.
const ROOM: f64 = 4.0 * USUAL_USERS;

/// The least share of what it would get if it were empty that an instance still gets when it is much fuller than the others.
const LEAST: f64 = 0.1;

impl Placer {
    /// How much each instance of the state should get of new meetings, in the order of their urls; 0: none. The same for any two control
    /// planes nearly always: steps of √2 hide what they know differently.
    pub(crate) fn weights(&self, state: &State) -> Vec<u32> {
        let books = self.books_after(state);
        let tenant = everyone();
        let meeting = &Meeting { key: MeetingKey::of(b""), tenant: tenant.host.clone() };
        let question = Question { tenant: &tenant, meeting, hint: Hint::default(), against: &[] };
        let settings = self.settings.now();
        let verdicts = books.judge(&settings.balancer, &question, clock::now());
        let weights = weigh(books.instances().map(|instance| instance.capacity), &verdicts);
        // The books may be ahead of this state.
        let urls = books.instances().map(|instance| instance.url.clone());
        let by_url: HashMap<Arc<str>, u32> = urls.zip(weights).collect();
        state.instances.keys().map(|url| by_url.get(url).copied().unwrap_or_default()).collect()
    }
}

/// The emptier, the more: an instance that is twice as full as the mean, and by [`ROOM`] users fuller, gets the least.
fn weigh(capacities: impl Iterator<Item = f64>, verdicts: &[Verdict]) -> Vec<u32> {
    let totals = || verdicts.iter().flatten().map(Score::total);
    let mean = totals().sum::<f64>() / totals().count() as f64;
    let weight = |(capacity, verdict): (f64, &Verdict)| {
        let Ok(score) = verdict else { return 0 };
        let free = (1.0 - score.total() / (2.0 * mean + ROOM)).max(LEAST);
        let steps = (2.0 * (EMPTY * capacity * free).log2()).round().max(0.0);
        (steps / 2.0).exp2().round() as u32
    };
    capacities.zip(verdicts).map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Ineligible;
    use crate::policy::ledger::Terms;

    fn scored(totals: &[Option<f64>]) -> Vec<Verdict> {
        let score = |users| Score::Ledger(Terms { users, ..Terms::default() });
        totals.iter().map(|total| total.map(score).ok_or(Ineligible::Offline)).collect()
    }

    #[test]
    fn the_emptier_get_more_and_who_takes_none_nothing() {
        let verdicts = scored(&[Some(60.0), Some(60.0), Some(120.0), None, Some(0.0)]);
        assert_eq!(weigh([1.0, 2.0, 1.0, 1.0, 1.0].into_iter(), &verdicts), [45, 91, 23, 0, 64]);
        assert_eq!(weigh([1.0, 1.0].into_iter(), &scored(&[Some(0.0), Some(0.0)])), [64, 64]);
        assert_eq!(weigh([1.0, 1.0].into_iter(), &scored(&[Some(15.0), Some(30.0)])), [64, 45]);
        assert_eq!(weigh([1.0].into_iter(), &scored(&[None])), [0]);
    }

    #[test]
    fn what_differs_a_little_weighs_the_same() {
        let same = weigh([1.0; 3].into_iter(), &scored(&[Some(60.0), Some(63.0), Some(57.0)]));
        assert_eq!(same, [45, 45, 45]);
    }
}
