//! How a replica advances, and what it remembers.

use super::*;
use crate::state::Instance;
use bbb::Secret;
use std::time::Duration;
use tokio::time::timeout;

/// How long to look whether something that must not happen does; time is paused, so that it costs none.
const WHILE: Duration = Duration::from_secs(60);

fn revision(sequence: u64) -> Revision {
    Revision { time: 7, sequence }
}

fn at(sequence: u64) -> State {
    State { epoch: "first".into(), revision: revision(sequence), ..State::default() }
}

/// A change of one instance; proxies do not route by its capacity.
fn instance(capacity: f64) -> Change {
    let instance = Instance::new("https://one.example.org/bigbluebutton", Secret::new("secret"));
    Change::Instance(Instance { capacity, ..instance })
}

#[test]
fn a_change_that_is_told_twice_counts_once() {
    let replica = Replica::new(at(5));
    replica.advance(revision(5), [instance(1.0)]);
    assert_eq!(replica.state(), at(5));
    replica.advance(revision(6), [instance(1.0)]);
    let after = replica.state();
    assert_eq!((after.revision, after.instances.len()), (revision(6), 1));
    replica.advance(revision(6), [Change::InstanceRemoved("https://one.example.org/bigbluebutton".into())]);
    assert_eq!(replica.state(), after);
}

#[test]
fn recent_states_are_remembered_up_to_a_limit() {
    let replica = Replica::new(at(0));
    let last = RECENT_STATES as u64 + 10;
    for sequence in 1..=last {
        replica.advance(revision(sequence), [instance(sequence as f64)]);
    }
    let oldest = last - RECENT_STATES as u64 + 1;
    assert_eq!(replica.at("first", revision(oldest - 1)), None);
    for sequence in [oldest, last] {
        let state = replica.at("first", revision(sequence)).unwrap();
        assert_eq!(state.instances.values().next().unwrap().capacity, sequence as f64);
    }
    assert_eq!(replica.at("second", revision(last)), None);
    assert_eq!(replica.at("first", revision(last + 1)), None);
}

#[test]
fn another_history_forgets_the_one_before() {
    let replica = Replica::new(at(5));
    let second = State { epoch: "second".into(), ..at(3) };
    replica.reset(second.clone());
    assert_eq!(replica.state(), second);
    assert_eq!(replica.at("first", revision(5)), None);
    assert_eq!(replica.at("second", revision(3)), Some(second));
}

#[tokio::test(start_paused = true)]
async fn followers_wake_only_for_what_proxies_route_by() {
    let replica = Replica::new(at(0));
    let mut watch = replica.watch();
    replica.advance(revision(1), [instance(1.0)]);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    replica.advance(revision(2), [instance(2.0)]);
    assert!(!watch.has_changed().unwrap());
    assert_eq!(watch.borrow().revision, revision(2));
    replica.reset(at(2));
    assert!(watch.has_changed().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_revision_is_waited_for_even_if_no_proxy_routes_by_it() {
    let replica = Replica::new(at(0));
    assert!(replica.reached("first", revision(0)).await);
    assert!(!replica.reached("second", revision(0)).await);
    replica.advance(revision(1), [instance(1.0)]);
    let waiting = replica.clone();
    let mut waiting = tokio::spawn(async move { waiting.reached("first", revision(3)).await });
    replica.advance(revision(2), [instance(2.0)]);
    assert!(timeout(WHILE, &mut waiting).await.is_err());
    replica.advance(revision(3), [instance(3.0)]);
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_revision_of_a_history_that_ended_is_not_waited_for() {
    let replica = Replica::new(at(0));
    let waiting = replica.clone();
    let mut waiting = tokio::spawn(async move { waiting.reached("first", revision(3)).await });
    assert!(timeout(WHILE, &mut waiting).await.is_err());
    replica.reset(State { epoch: "second".into(), ..at(9) });
    assert!(!waiting.await.unwrap());
}
