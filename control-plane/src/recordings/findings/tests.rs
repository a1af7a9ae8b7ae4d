//! Lists of recordings and what follows from them.

use super::*;
use crate::state::{Instance, Meeting, Placement, Tenant};
use bbb::{MeetingKey, Secret};

/// The recordID of a meeting.
fn id(meeting: &str) -> String {
    format!("{}-1531155809613", MeetingKey::of(meeting.as_bytes()))
}

fn state(instances: &[&str], tenants: &[&str]) -> State {
    let mut state = State::default();
    for url in instances {
        state.apply(Change::Instance(Instance::new(url, Secret::new("s"))));
    }
    for host in tenants {
        state.apply(Change::Tenant(Tenant::new(host, [])));
    }
    state
}

fn found(meeting: &str) -> listing::Recording {
    listing::Recording { id: id(meeting), meeting_id: meeting.to_owned(), ..listing::Recording::default() }
}

fn labelled(meeting: &str, tenant: &str) -> listing::Recording {
    listing::Recording { tenant: Some(tenant.to_owned()), ..found(meeting) }
}

fn answers(of: &[(&str, Option<&[listing::Recording]>)]) -> Answers {
    of.iter().map(|(url, recordings)| ((*url).into(), recordings.map(<[_]>::to_vec))).collect()
}

fn placed(state: &mut State, meeting: &str, tenant: &str, url: &str) {
    let key = Meeting { key: MeetingKey::of(meeting.as_bytes()), tenant: tenant.into() };
    state.apply(Change::Placed(key, Placement::new(url.into(), meeting, 0)));
}

/// Applies what follows from the answers, and returns how many changes that were.
fn look(findings: &mut Findings, state: &mut State, answers: &Answers) -> usize {
    let changes = findings.changes(&state.clone(), state, answers);
    let count = changes.len();
    for change in changes {
        state.apply(change);
    }
    count
}

/// The instance and the tenant of a meeting's recording.
fn kept(state: &State, meeting: &str) -> Option<(String, String)> {
    let recording = state.recordings.get(id(meeting).as_str())?;
    Some((recording.instance.to_string(), recording.tenant.as_deref().unwrap_or("nobody").to_owned()))
}

fn at(url: &str, tenant: &str) -> Option<(String, String)> {
    Some((url.to_owned(), tenant.to_owned()))
}

#[test]
fn only_what_differs_changes() {
    let mut state = state(&["a", "b"], &[]);
    let mut findings = Findings::default();
    let listed = answers(&[("a", Some(&[found("x"), found("y")])), ("b", Some(&[found("z")]))]);
    assert_eq!(look(&mut findings, &mut state, &listed), 3);
    assert_eq!(look(&mut findings, &mut state, &listed), 0);
    assert_eq!((kept(&state, "x"), kept(&state, "z")), (at("a", "*"), at("b", "*")));
}

#[test]
fn a_recording_is_forgotten_after_two_complete_lists_without_it() {
    let mut state = state(&["a", "b"], &[]);
    let mut findings = Findings::default();
    look(&mut findings, &mut state, &answers(&[("a", Some(&[found("x")])), ("b", Some(&[found("y")]))]));
    let without = answers(&[("a", Some(&[])), ("b", None)]);
    assert_eq!(look(&mut findings, &mut state, &without), 0);
    assert_eq!(findings.doubtful(&state), HashSet::from([&"a".into()]));
    look(&mut findings, &mut state, &answers(&[("a", Some(&[found("x")]))]));
    assert_eq!(look(&mut findings, &mut state, &without), 0);
    let deleted = listing::Recording { deleted: true, ..found("x") };
    assert_eq!(look(&mut findings, &mut state, &answers(&[("a", Some(&[deleted])), ("b", None)])), 1);
    assert_eq!((kept(&state, "x"), kept(&state, "y")), (None, at("b", "*")), "b is away and keeps what it has");
    state.apply(Change::InstanceRemoved("b".into()));
    assert_eq!(look(&mut findings, &mut state, &without), 1);
    assert_eq!(kept(&state, "y"), None);
}

#[test]
fn what_happened_while_an_instance_answered_is_not_undone() {
    let mut state = state(&["a"], &[]);
    let mut findings = Findings::default();
    look(&mut findings, &mut state, &answers(&[("a", Some(&[found("deleted")]))]));
    let asked = state.clone();
    state.apply(Change::RecordingRemoved(id("deleted").into()));
    let new = Recording { instance: "a".into(), tenant: Some("*".into()) };
    state.apply(Change::Recorded(id("new").into(), new));
    for _ in 0..3 {
        assert_eq!(findings.changes(&asked, &state, &answers(&[("a", Some(&[found("deleted")]))])), []);
    }
}

#[test]
fn a_recording_on_two_instances_stays_where_it_is_until_it_is_gone_there() {
    let mut state = state(&["a", "b"], &[]);
    let mut findings = Findings::default();
    let both: &[_] = &[found("x")];
    look(&mut findings, &mut state, &answers(&[("b", Some(both))]));
    assert_eq!(look(&mut findings, &mut state, &answers(&[("a", Some(both)), ("b", Some(both))])), 0);
    assert_eq!(look(&mut findings, &mut state, &answers(&[("a", Some(both)), ("b", None)])), 0);
    assert_eq!(look(&mut findings, &mut state, &answers(&[("a", Some(both)), ("b", Some(&[]))])), 1);
    assert_eq!(kept(&state, "x"), at("a", "*"));
}

#[test]
fn a_recording_belongs_to_whom_it_names_or_whose_meeting_it_shows_or_who_has_the_rest() {
    let mut state = state(&["a", "b"], &["red", "blue"]);
    let mut findings = Findings::default();
    placed(&mut state, "placed", "red", "a");
    placed(&mut state, "elsewhere", "red", "b");
    placed(&mut state, "claims", "red", "a");
    let breakout = listing::Recording { parent: Some(id("placed")), ..found("breakout") };
    let listed = answers(&[(
        "a",
        Some(&[
            found("placed"),
            labelled("claims", "blue"),
            found("elsewhere"),
            labelled("stranger", "gone.example.org"),
            breakout,
        ]),
    )]);
    look(&mut findings, &mut state, &listed);
    let owners = |state: &State| {
        ["placed", "claims", "elsewhere", "stranger", "breakout"].map(|meeting| kept(state, meeting).unwrap().1)
    };
    assert_eq!(owners(&state), ["red", "blue", "nobody", "nobody", "red"]);

    // What is known outlives the placement, even if somebody else has the same meetingID then.
    let key = |tenant: &str| Meeting { key: MeetingKey::of(b"placed"), tenant: tenant.into() };
    state.apply(Change::Released(key("red")));
    placed(&mut state, "placed", "blue", "a");
    assert_eq!(look(&mut findings, &mut state, &listed), 0);

    state.apply(Change::Tenant(Tenant { owns_unlabelled: true, ..Tenant::new("blue", []) }));
    assert_eq!(look(&mut findings, &mut state, &listed), 2);
    assert_eq!(owners(&state), ["red", "blue", "blue", "blue", "red"]);
}

#[test]
fn everything_belongs_to_the_catch_all_as_long_as_it_is_alone() {
    let mut state = state(&["a"], &[]);
    let mut findings = Findings::default();
    let listed = answers(&[("a", Some(&[found("x"), labelled("y", "red")]))]);
    look(&mut findings, &mut state, &listed);
    assert_eq!((kept(&state, "x"), kept(&state, "y")), (at("a", "*"), at("a", "*")));
    state.apply(Change::Tenant(Tenant::new("*", [])));
    assert_eq!(look(&mut findings, &mut state, &listed), 0);
    state.apply(Change::Tenant(Tenant::new("red", [])));
    assert_eq!(look(&mut findings, &mut state, &listed), 1);
    assert_eq!((kept(&state, "x"), kept(&state, "y")), (at("a", "*"), at("a", "red")));
    state.apply(Change::TenantRemoved("*".into()));
    assert_eq!(look(&mut findings, &mut state, &listed), 1);
    assert_eq!(kept(&state, "x"), at("a", "nobody"));
}
