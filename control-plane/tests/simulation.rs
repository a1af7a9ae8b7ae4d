//! Random changes of the state, and a proxy that follows them by differences alone: whatever happens, it must know what the state says.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "it/random_changes.rs"]
mod random_changes;

use b3lb_control_plane::replica::{RECENT_STATES, Replica};
use b3lb_control_plane::state::{Admission, Change, Delta, Instance, Meeting, Recording, Revision, State, Tenant};
use bbb::checksum::Algorithm;
use random_changes::RandomChanges;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// Seeds in one sweep.
const SEEDS: u64 = 256;

/// Changes for each seed.
const STEPS: u32 = 200;

/// What a proxy routes by, built from differences.
#[derive(Debug, Default, PartialEq)]
struct Follower {
    instances: BTreeMap<Arc<str>, Route>,
    tenants: BTreeMap<Arc<str>, Arc<Tenant>>,
    placed: BTreeMap<Meeting, Arc<str>>,
    recorded: BTreeMap<Arc<str>, Arc<Recording>>,
}

/// What a proxy must know of an instance.
#[derive(Debug, PartialEq)]
struct Route {
    secret: String,
    checksum: Algorithm,
    admission: Admission,
    online: bool,
    signs_forms: bool,
}

impl Follower {
    fn apply(&mut self, delta: Delta) {
        for instance in delta.instances {
            self.instances.insert(instance.url.clone(), Route::of(&instance));
        }
        for url in delta.removed_instances {
            assert!(self.instances.remove(&url).is_some(), "an instance is removed that was never added: {url}");
        }
        for tenant in delta.tenants {
            self.tenants.insert(tenant.host.clone(), tenant);
        }
        for host in delta.removed_tenants {
            assert!(self.tenants.remove(&host).is_some(), "a tenant is removed that was never added: {host}");
        }
        for (meeting, url) in delta.placed {
            self.placed.insert(meeting, url);
        }
        for meeting in delta.released {
            assert!(self.placed.remove(&meeting).is_some(), "a meeting is released that was never placed: {meeting:?}");
        }
        self.recorded.extend(delta.recorded);
        for id in delta.removed_recordings {
            assert!(self.recorded.remove(&id).is_some(), "a recording is removed that was never there: {id}");
        }
    }

    /// What it should be, without any differences.
    fn of(state: &State) -> Self {
        Self {
            instances: state.instances.iter().map(|(url, instance)| (url.clone(), Route::of(instance))).collect(),
            tenants: state.tenants.iter().map(|(host, tenant)| (host.clone(), tenant.clone())).collect(),
            placed: state.placements.iter().map(|(m, placement)| (m.clone(), placement.instance.clone())).collect(),
            recorded: state.recordings.iter().map(|(id, recording)| (id.clone(), recording.clone())).collect(),
        }
    }
}

impl Route {
    fn of(instance: &Instance) -> Self {
        let Instance { secret, checksum, admission, online, signs_forms, .. } = instance.clone();
        Self { secret: secret.reveal().to_owned(), checksum, admission, online, signs_forms }
    }
}

/// Runs `sweep` for every seed and names the one that failed.
fn for_every_seed(sweep: impl Fn(u64)) {
    for seed in 0..SEEDS {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| sweep(seed))) {
            eprintln!("it was seed {seed}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn a_follower_knows_what_the_state_says() {
    for_every_seed(|seed| {
        let mut random = RandomChanges::of_seed(seed);
        let mut state = State::default();
        let (mut follower, mut sent) = (Follower::default(), State::default());
        for _ in 0..STEPS {
            let before = state.clone();
            let change = random.change(&state);
            let routed = state.apply(change.clone());
            hold(&state);
            assert_eq!(routed, !state.since(&before).is_empty(), "{change:?}");
            let again: Change = serde_json::from_str(&serde_json::to_string(&change).unwrap()).unwrap();
            assert_eq!(again, change);
            // A proxy that is slow is told several changes at once.
            if random.once_in(3) {
                follower.apply(state.since(&sent));
                assert_eq!(follower, Follower::of(&state));
                sent = state.clone();
            }
        }
        let mut fresh = Follower::default();
        fresh.apply(state.since(&State::default()));
        assert_eq!(fresh, Follower::of(&state));
        assert_eq!(state.since(&state), Delta::default());
    });
}

/// A change may be told again as long as all that came after it is told again too; the stream is read so after a load.
#[test]
fn changes_that_are_told_twice_do_no_harm() {
    for_every_seed(|seed| {
        let mut random = RandomChanges::of_seed(seed);
        let (mut state, mut told) = (State::default(), Vec::new());
        for _ in 0..STEPS {
            let change = random.change(&state);
            state.apply(change.clone());
            told.push(change);
        }
        let mut again = state.clone();
        for change in &told[random.below(STEPS) as usize..] {
            again.apply(change.clone());
        }
        assert_eq!(again, state);
    });
}

#[test]
fn a_proxy_that_reconnects_goes_on_from_any_recent_revision() {
    for_every_seed(|seed| {
        let mut random = RandomChanges::of_seed(seed);
        let replica = Replica::new(State { epoch: "e".into(), ..State::default() });
        let mut history = vec![replica.state()];
        for step in 1..=STEPS {
            let revision = Revision { time: u64::from(step), sequence: 0 };
            replica.advance(revision, [random.change(&replica.state()), random.change(&replica.state())]);
            assert_eq!(replica.state().revision, revision);
            history.push(replica.state());
        }
        assert!(history.len() <= RECENT_STATES);
        let known = &history[random.below(STEPS) as usize];
        assert_eq!(replica.at("e", known.revision).as_ref(), Some(known));
        assert_eq!(replica.at("another", known.revision), None);
        let mut follower = Follower::of(known);
        follower.apply(replica.state().since(known));
        assert_eq!(follower, Follower::of(&replica.state()));
    });
}

/// What is true of every state.
fn hold(state: &State) {
    for (meeting, placement) in &state.placements {
        assert!(state.instances.contains_key(&placement.instance), "{meeting:?} is nowhere: {placement:?}");
        assert!(state.placements_of(meeting.key).any(|(found, _)| found == meeting));
    }
    let on = |url: &Arc<str>| state.placements.values().filter(|placement| placement.instance == *url).count();
    assert_eq!(state.instances.keys().map(on).sum::<usize>(), state.placements.len());
    for (url, instance) in &state.instances {
        assert_eq!(*url, instance.url);
    }
    for (host, tenant) in &state.tenants {
        assert_eq!(*host, tenant.host);
    }
}
