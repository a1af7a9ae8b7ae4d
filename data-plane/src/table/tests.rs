//! Any sequence of steps, however cut into parts, leads to the state it describes.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn instance(url: &str) -> Instance {
    let (secret, algorithm) = (Secret::new(url), Algorithm::Sha256);
    let (url, tags) = (url.into(), Vec::new());
    Instance { url, secret, algorithm, enabled: true, open: true, online: true, tags, signs_forms: false }
}

fn tenant(host: &str) -> Tenant {
    Tenant { host: host.into(), secrets: vec![Secret::new(host)], ..Tenant::default() }
}

fn key(n: u8) -> MeetingKey {
    MeetingKey::of(&[n])
}

/// A table at revision `0-1` of epoch `e` with the instances and tenants `a`, `b` and `c`.
fn table() -> Table {
    let names = ["a", "b", "c"];
    let changes =
        Changes { instances: names.map(instance).to_vec(), tenants: names.map(tenant).to_vec(), ..Changes::default() };
    let part = Part { epoch: "e".into(), revision: "0-1".into(), last: true, changes, ..Part::default() };
    Assembly::default().take(&Table::default(), part).unwrap().unwrap()
}

fn found(table: &Table, tenant: &str, n: u8) -> Option<String> {
    let caller = table.caller(tenant)?;
    table.find(&caller, key(n)).map(|instance| instance.url.to_string())
}

#[test]
fn a_host_finds_its_tenant_whatever_its_port_and_case() {
    let mut table = table();
    let catch_all = Changes { tenants: vec![tenant("*"), tenant("b:8090")], ..Changes::default() };
    table.apply(catch_all);
    for (host, expected) in [("A:8080", "a"), ("b", "b"), ("b:8090", "b:8090"), ("x", "*"), ("", "*")] {
        assert_eq!(
            table.caller(host).map(|caller| caller.tenant.host.to_string()).as_deref(),
            Some(expected),
            "{host}"
        );
    }
    table.apply(Changes { removed_tenants: vec!["*".to_owned()], ..Changes::default() });
    assert!(table.caller("x").is_none());
}

#[test]
fn a_step_is_taken_only_on_what_it_builds_on() {
    let table = table();
    let step = Part { epoch: "e".into(), base: "0-1".into(), revision: "0-2".into(), ..Part::default() };
    let last = Part { last: true, ..step.clone() };
    for (parts, expected) in [
        (vec![last.clone()], Ok(Some("0-2"))),
        (vec![step.clone(), last.clone()], Ok(Some("0-2"))),
        (vec![step.clone(), Part { revision: "0-3".into(), ..last.clone() }], Err(OutOfStep)),
        (vec![Part { base: "0-0".into(), ..last.clone() }], Err(OutOfStep)),
        (vec![Part { epoch: "f".into(), ..last.clone() }], Err(OutOfStep)),
        (vec![Part { epoch: "f".into(), base: String::new(), ..last }], Ok(Some("0-2"))),
        (vec![step], Ok(None)),
    ] {
        let mut assembly = Assembly::default();
        let taken = parts.into_iter().map(|part| assembly.take(&table, part)).last().unwrap();
        assert_eq!(
            taken.map(|table| table.map(|table| table.revision.to_string())).as_ref(),
            match &expected {
                Ok(revision) => Ok(revision.map(str::to_owned)),
                Err(error) => Err(*error),
            }
            .as_ref()
        );
    }
}

#[test]
fn an_answer_is_believed_until_a_step_says_otherwise() {
    let mut table = table();
    table.learn("a", key(1), "b", None);
    assert_eq!(found(&table, "a", 1).as_deref(), Some("b"));
    table.learn("a", key(1), "c", None);
    assert_eq!(found(&table, "a", 1).as_deref(), Some("b"), "a step may have overtaken the second answer");
    table.learn("a", key(1), "c", Some("b"));
    assert_eq!(found(&table, "a", 1).as_deref(), Some("c"));
    table.learn("nobody", key(1), "a", None);
    table.learn("b", key(1), "nowhere", None);
    assert_eq!(table.sizes()[..3], [3, 3, 1]);
    table.apply(Changes { removed_instances: vec!["c".to_owned()], ..Changes::default() });
    assert_eq!(found(&table, "a", 1), None);
}

#[test]
fn a_meeting_has_the_owner_that_placed_it_on_that_instance() {
    let mut table = table();
    table.learn("a", key(1), "b", None);
    table.learn("b", key(1), "c", None);
    let owner = |instance| table.owner(key(1), instance).map(|tenant| tenant.host.to_string());
    assert_eq!([owner("a"), owner("b"), owner("c")], [None, Some("a".to_owned()), Some("b".to_owned())]);
    assert_eq!(table.owner(key(2), "b"), None);
}

/// Where meetings are put, or with `None` where they are taken from: tenant, meeting, instance.
type Moves = Vec<(u8, u8, Option<u8>)>;

fn name(n: u8) -> String {
    char::from(b'a' + n).to_string()
}

fn changes(moves: &[(u8, u8, Option<u8>)]) -> Changes {
    let mut changes = Changes::default();
    for (tenant, meeting, instance) in moves {
        match instance {
            Some(instance) => changes.placed.push((name(*tenant), name(*instance), vec![key(*meeting)])),
            None => changes.released.push((name(*tenant), vec![key(*meeting)])),
        }
    }
    changes
}

/// At most one move for each meeting, as in a difference of two states.
fn moves() -> impl Strategy<Value = Moves> {
    prop::collection::btree_map((0u8..3, 0u8..6), prop::option::of(0u8..3), 0..8)
        .prop_map(|moves| moves.into_iter().map(|((tenant, meeting), to)| (tenant, meeting, to)).collect())
}

proptest! {
    #[test]
    fn steps_lead_to_the_state_they_describe(steps in prop::collection::vec((moves(), 1usize..4), 0..12)) {
        let mut table = table();
        let mut expected: BTreeMap<(u8, u8), u8> = BTreeMap::new();
        for (number, (moves, size)) in steps.iter().enumerate() {
            let mut parts: Vec<Part> = moves.chunks(*size).map(|moves| Part {
                epoch: "e".into(),
                base: format!("0-{}", number + 1),
                revision: format!("0-{}", number + 2),
                last: false,
                changes: changes(moves),
                weights: Vec::new(),
            }).collect();
            if parts.is_empty() {
                continue;
            }
            parts.last_mut().unwrap().last = true;
            parts.iter_mut().for_each(|part| part.base = table.revision.to_string());
            for (tenant, meeting, to) in moves {
                match to {
                    Some(to) => expected.insert((*tenant, *meeting), *to),
                    None => expected.remove(&(*tenant, *meeting)),
                };
            }
            let mut assembly = Assembly::default();
            for part in parts {
                if let Some(next) = assembly.take(&table, part).unwrap() {
                    table = next;
                }
            }
            let routed: BTreeMap<(u8, u8), u8> = (0u8..3)
                .flat_map(|tenant| (0u8..6).map(move |meeting| (tenant, meeting)))
                .filter_map(|(tenant, meeting)| {
                    let url = found(&table, &name(tenant), meeting)?;
                    Some(((tenant, meeting), url.as_bytes()[0] - b'a'))
                })
                .collect();
            prop_assert_eq!(&routed, &expected);
            prop_assert_eq!(&table.sizes()[..3], [3, 3, expected.len()]);
        }
    }
}
