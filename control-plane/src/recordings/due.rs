//! Which instances are to be asked for their recordings, and when. Pure.

use crate::state::{Admission, Instance, State};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long after a meeting's end its recording is looked for. Processing takes minutes, and longer ones are met by the interval.
const AFTER_END: Duration = Duration::from_secs(2 * 60);

/// When an instance is asked again that has not answered, or no longer lists what it did.
const AGAIN: Duration = Duration::from_secs(60);

/// When all are asked again because there are other tenants, or one more that has what is nobody's. Operators change several in a row.
const SETTLING: Duration = Duration::from_secs(10);

/// When each instance is to be asked.
#[derive(Debug)]
pub(super) struct Due {
    interval: Duration,
    /// The state that was followed last.
    seen: State,
    /// By url. One that is not named is due at once.
    at: HashMap<Arc<str>, Instant>,
}

impl Due {
    /// All are due.
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, seen: State::default(), at: HashMap::new() }
    }

    /// Takes over what has changed in the state.
    pub(super) fn follow(&mut self, state: &State, now: Instant) {
        let owners = |state: &State| -> Vec<(Arc<str>, bool)> {
            state.tenants.iter().map(|(host, tenant)| (host.clone(), tenant.owns_unlabelled)).collect()
        };
        if self.seen.epoch != state.epoch {
            self.at.clear();
        } else {
            if owners(&self.seen) != owners(state) {
                let soon = now + SETTLING.min(self.interval);
                self.at.values_mut().for_each(|at| *at = soon.min(*at));
            }
            let delta = state.since(&self.seen);
            let left = delta.released.iter().chain(delta.placed.iter().map(|(meeting, _)| meeting));
            let urls: Vec<Arc<str>> =
                left.filter_map(|meeting| Some(self.seen.placements.get(meeting)?.instance.clone())).collect();
            for url in urls {
                self.bring_forward(&url, now + AFTER_END.min(self.interval));
            }
        }
        self.at.retain(|url, _| state.instances.contains_key(url));
        self.seen = state.clone();
    }

    /// Some instance was not asked yet.
    pub(super) fn is_news(&self, state: &State) -> bool {
        state.instances.values().any(|instance| is_asked(instance) && !self.at.contains_key(&instance.url))
    }

    /// Those whose time has come.
    pub(super) fn instances(&self, state: &State, now: Instant) -> Vec<Arc<Instance>> {
        let due = |instance: &&Arc<Instance>| self.at.get(&instance.url).is_none_or(|at| *at <= now);
        state.instances.values().filter(|instance| is_asked(instance)).filter(due).cloned().collect()
    }

    /// The instance was asked at `now`.
    pub(super) fn asked(&mut self, url: &Arc<str>, now: Instant, answered: bool) {
        let pause = if answered { self.interval } else { AGAIN.min(self.interval) };
        self.at.insert(url.clone(), now + pause);
    }

    /// The instance is to be asked again.
    pub(super) fn soon(&mut self, url: &Arc<str>, now: Instant) {
        self.bring_forward(url, now + AGAIN.min(self.interval));
    }

    fn bring_forward(&mut self, url: &Arc<str>, to: Instant) {
        if let Some(at) = self.at.get_mut(url) {
            *at = to.min(*at);
        }
    }
}

/// One that is out of the pool keeps what is known of it.
fn is_asked(instance: &Instance) -> bool {
    instance.admission != Admission::Disabled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Change, Meeting, Placement, Tenant};
    use bbb::{MeetingKey, Secret};

    const INTERVAL: Duration = Duration::from_secs(15 * 60);

    fn state(changes: impl IntoIterator<Item = Change>) -> State {
        let mut state = State::default();
        for change in changes {
            state.apply(change);
        }
        state
    }

    fn instance(url: &str) -> Change {
        Change::Instance(Instance::new(url, Secret::new("s")))
    }

    fn urls(due: &Due, state: &State, now: Instant) -> Vec<String> {
        due.instances(state, now).iter().map(|instance| instance.url.to_string()).collect()
    }

    #[test]
    fn an_instance_is_asked_at_once_at_intervals_and_after_a_meeting() {
        let meeting = Meeting { key: MeetingKey::of(b"m"), tenant: "*".into() };
        let placed = Change::Placed(meeting.clone(), Placement::new("a".into(), "m", 0));
        let mut state = state([instance("a"), instance("b"), placed]);
        let (mut due, begin) = (Due::new(INTERVAL), Instant::now());
        due.follow(&state, begin);
        assert_eq!(urls(&due, &state, begin), ["a", "b"]);
        due.asked(&"a".into(), begin, true);
        due.asked(&"b".into(), begin, false);
        assert!(!due.is_news(&state));
        assert_eq!(urls(&due, &state, begin + AGAIN), ["b"]);
        due.asked(&"b".into(), begin + AGAIN, true);
        state.apply(Change::Released(meeting));
        due.follow(&state, begin + AGAIN);
        assert_eq!(urls(&due, &state, begin + AFTER_END), [""; 0]);
        assert_eq!(urls(&due, &state, begin + AGAIN + AFTER_END), ["a"]);
        due.asked(&"a".into(), begin + AGAIN + AFTER_END, true);
        assert_eq!(urls(&due, &state, begin + AGAIN + INTERVAL), ["b"]);
    }

    #[test]
    fn a_new_instance_and_another_history_are_news() {
        let mut state = state([instance("a")]);
        let (mut due, now) = (Due::new(INTERVAL), Instant::now());
        let mut follow = |state: &State| {
            due.follow(state, now);
            let (news, urls) = (due.is_news(state), urls(&due, state, now));
            urls.iter().for_each(|url| due.asked(&url.as_str().into(), now, true));
            (news, urls)
        };
        assert_eq!(follow(&state), (true, vec!["a".to_owned()]));
        assert_eq!(follow(&state), (false, vec![]));
        state.apply(instance("b"));
        assert_eq!(follow(&state), (true, vec!["b".to_owned()]));
        state.epoch = "other".into();
        assert_eq!(follow(&state).1.len(), 2);
        state.apply(Change::Instance(Instance {
            admission: Admission::Disabled,
            ..Instance::new("c", Secret::new("s"))
        }));
        assert_eq!(follow(&state), (false, vec![]));
    }

    #[test]
    fn other_owners_are_looked_for_once_they_have_settled() {
        let mut state = state([instance("a")]);
        let (mut due, mut now) = (Due::new(INTERVAL), Instant::now());
        due.follow(&state, now);
        let mut follow = |state: &State| {
            due.asked(&"a".into(), now, true);
            due.follow(state, now);
            now += SETTLING;
            urls(&due, state, now).len()
        };
        assert_eq!(follow(&state), 0);
        let tenants = [
            (Tenant::new("t", []), 1),
            (Tenant { user_pool: Some(3), ..Tenant::new("t", []) }, 0),
            (Tenant { owns_unlabelled: true, ..Tenant::new("t", []) }, 1),
        ];
        for (tenant, expected) in tenants {
            state.apply(Change::Tenant(tenant.clone()));
            assert_eq!(follow(&state), expected, "{tenant:?}");
        }
    }
}
