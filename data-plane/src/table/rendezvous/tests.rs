//! Which instances are preferred, and what that depends on.

use super::*;
use crate::table::{Changes, Tenant};
use bbb::Secret;
use bbb::checksum::Algorithm;
use proptest::prelude::*;

fn url(index: usize) -> String {
    format!("https://bbb{index:02}.example.org/bigbluebutton")
}

fn instance(index: usize) -> Instance {
    Instance {
        url: url(index).into(),
        secret: Secret::new("s"),
        algorithm: Algorithm::Sha256,
        enabled: true,
        open: true,
        online: true,
        tags: Vec::new(),
        signs_forms: false,
    }
}

fn tenant(host: &str) -> Tenant {
    Tenant { host: host.into(), ..Tenant::default() }
}

fn table(instances: impl IntoIterator<Item = Instance>, weights: &[u32]) -> Table {
    let mut table = Table::default();
    let tenants = vec![tenant("a.example.org"), tenant("b.example.org")];
    table.apply(Changes { instances: instances.into_iter().collect(), tenants, ..Changes::default() });
    table.weigh(weights);
    table
}

fn key(number: usize) -> MeetingKey {
    MeetingKey::of(number.to_string().as_bytes())
}

fn order(table: &Table, number: usize) -> Vec<String> {
    let caller = table.caller("a.example.org").unwrap();
    table.candidates(&caller, key(number)).iter().map(|instance| instance.url.to_string()).collect()
}

/// How many of 4000 meetings each instance would get.
fn shares(table: &Table, instances: usize) -> Vec<usize> {
    let firsts: Vec<String> = (0..4000).map(|number| order(table, number).remove(0)).collect();
    (0..instances).map(|index| firsts.iter().filter(|first| **first == url(index)).count()).collect()
}

#[test]
fn the_order_is_the_same_everywhere_and_another_for_each_meeting() {
    let (one, other) = (table((0..9).map(instance), &[4; 9]), table((0..9).rev().map(instance), &[4; 9]));
    for number in 0..100 {
        assert_eq!(order(&one, number), order(&other, number));
    }
    // Were it to change, proxies of two versions would not agree.
    assert_eq!(order(&one, 1)[..2], [url(6), url(2)]);
    assert!((0..100).any(|number| order(&one, number)[0] != order(&one, 0)[0]));
}

#[test]
fn shares_are_as_the_weights() {
    for (weights, expected) in [
        (vec![], [1000, 1000, 1000, 1000]),
        (vec![8, 8, 8, 8], [1000, 1000, 1000, 1000]),
        (vec![1, 1, 2, 4], [500, 500, 1000, 2000]),
        (vec![0, 1, 1, 2], [0, 1000, 1000, 2000]),
        (vec![0, 0, 0, 0], [1000, 1000, 1000, 1000]),
        // These are for another pool.
        (vec![0, 1], [1000, 1000, 1000, 1000]),
    ] {
        let shares = shares(&table((0..4).map(instance), &weights), 4);
        for (share, expected) in shares.iter().zip(expected) {
            assert!(share.abs_diff(expected) <= 120, "{weights:?}: {shares:?}");
        }
    }
}

#[test]
fn one_that_is_gone_takes_only_its_own_meetings_with_it() {
    let whole = table((0..6).map(instance), &[3, 5, 3, 5, 3, 5]);
    let mut less = whole.clone();
    less.apply(Changes { removed_instances: vec![url(2)], ..Changes::default() });
    for number in 0..500 {
        let mut before = order(&whole, number);
        before.retain(|other| *other != url(2));
        assert_eq!(order(&less, number), before);
    }
}

#[test]
fn only_who_may_takes_a_meeting() {
    let mut table = table(
        [
            Instance { open: false, ..instance(0) },
            Instance { online: false, ..instance(1) },
            instance(2),
            Instance { tags: vec!["big".into()], ..instance(3) },
            instance(4),
        ],
        &[],
    );
    let limited = Tenant { instances: vec![url(2).into()], tags: vec!["big".into()], ..tenant("a.example.org") };
    let placed = vec![("b.example.org".to_owned(), url(2), vec![key(7)])];
    table.apply(Changes { tenants: vec![limited], placed, ..Changes::default() });
    let mut all = order(&table, 1);
    all.sort();
    assert_eq!(all, [url(2), url(3)]);
    // The other tenant has the same meetingID there.
    assert_eq!(order(&table, 7), [url(3)]);
}

proptest! {
    #[test]
    fn every_eligible_instance_is_a_candidate_once(
        weights in prop::collection::vec(0..1000_u32, 1..20),
        number in any::<usize>(),
    ) {
        let table = table((0..weights.len()).map(instance), &weights);
        let mut candidates = order(&table, number);
        candidates.sort();
        let positive = weights.iter().any(|weight| *weight > 0);
        let expected: Vec<String> =
            (0..weights.len()).filter(|index| !positive || weights[*index] > 0).map(url).collect();
        prop_assert_eq!(candidates, expected);
    }
}
