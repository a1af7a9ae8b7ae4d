//! Rounds of answers and what follows from them.

use super::*;
use crate::state::{Instance, Tenant};
use bbb::Secret;

const NOW: u64 = 1_800_000_000_000;
const GRACE: u64 = 120_000;

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

fn meeting(id: &str, tenant: &str) -> Meeting {
    Meeting { key: MeetingKey::of(id.as_bytes()), tenant: tenant.into() }
}

fn placed(id: &str, tenant: &str, url: &str, placed_at: u64) -> Change {
    Change::Placed(meeting(id, tenant), Placement::new(url.into(), id, placed_at))
}

fn found(id: &str) -> listing::Meeting {
    listing::Meeting { id: id.to_owned(), ..listing::Meeting::default() }
}

fn answers(of: &[(&str, Option<&[listing::Meeting]>)]) -> Answers {
    of.iter().map(|(url, meetings)| ((*url).into(), meetings.map(<[_]>::to_vec))).collect()
}

#[test]
fn two_of_three_checks_decide_whether_an_instance_is_online() {
    let mut state = state(&["a"], &[]);
    let mut findings = Findings::default();
    let mut history = Vec::new();
    for good in [true, false, true, false, false, true, false, true, true] {
        let answers = answers(&[("a", good.then_some(&[]))]);
        for change in findings.changes(&state, &answers, &HashSet::new(), NOW, GRACE) {
            state.apply(change);
        }
        history.push(state.instances.values().all(|instance| instance.online));
    }
    assert_eq!(history, [true, true, true, false, false, false, false, true, true]);
}

#[test]
fn a_meeting_is_released_after_two_complete_lists_without_it() {
    let mut state = state(&["a", "b"], &[]);
    state.apply(placed("gone", "*", "a", NOW - GRACE));
    state.apply(placed("young", "*", "a", NOW - GRACE + 1));
    state.apply(placed("listed", "*", "a", NOW - GRACE));
    state.apply(placed("elsewhere", "*", "b", NOW - GRACE));
    let mut findings = Findings::default();
    let without = answers(&[("a", Some(&[found("listed")])), ("b", None)]);
    let unanswered = answers(&[("a", None), ("b", None)]);
    assert_eq!(findings.changes(&state, &without, &HashSet::new(), NOW, GRACE), []);
    for change in findings.changes(&state, &unanswered, &HashSet::new(), NOW, GRACE) {
        assert!(matches!(change, Change::Instance(_)), "{change:?}");
    }
    let mut second = findings.changes(&state, &without, &HashSet::new(), NOW, GRACE);
    second.retain(|change| !matches!(change, Change::Instance(_)));
    assert_eq!(second, [Change::Released(meeting("gone", "*"))]);
}

#[test]
fn a_meeting_that_is_listed_again_starts_anew() {
    let mut state = state(&["a"], &[]);
    state.apply(placed("m", "*", "a", 0));
    let mut findings = Findings::default();
    for listed in [false, true, false, true, false] {
        let list = [found("m")];
        let answers = answers(&[("a", Some(if listed { &list } else { &[] }))]);
        assert_eq!(findings.changes(&state, &answers, &HashSet::new(), NOW, GRACE), [], "listed: {listed}");
    }
}

#[test]
fn running_meetings_are_adopted_by_whom_they_belong_to() {
    let mut state = state(&["a"], &["x.org", "y.org"]);
    state.apply(placed("known", "y.org", "a", 0));
    let labelled = listing::Meeting { tenant: Some("x.org".to_owned()), ..found("labelled") };
    let breakout = listing::Meeting {
        parent: Some(format!("{}-1531155809613", MeetingKey::of(b"known"))),
        ..found("room 1 of known")
    };
    let stranger = listing::Meeting { tenant: Some("nobody.org".to_owned()), ..found("stranger") };
    let ended = listing::Meeting { ended: true, tenant: Some("x.org".to_owned()), ..found("ended") };
    let list = [found("known"), labelled, breakout, stranger, ended, found("unlabelled")];
    let changes = Findings::default().changes(&state, &answers(&[("a", Some(&list))]), &HashSet::new(), NOW, GRACE);
    assert_eq!(changes, [placed("labelled", "x.org", "a", NOW), placed("room 1 of known", "y.org", "a", NOW)]);
}

#[test]
fn while_no_tenant_is_defined_everything_is_the_catch_alls() {
    let state = state(&["a", "b"], &[]);
    let both = answers(&[("a", Some(&[found("m")])), ("b", Some(&[found("m"), found("n")]))]);
    let changes = Findings::default().changes(&state, &both, &HashSet::new(), NOW, GRACE);
    assert_eq!(changes, [placed("m", "*", "a", NOW), placed("n", "*", "b", NOW)]);
}

#[test]
fn what_says_nothing_is_the_only_ones_who_may_use_the_instance_or_the_catch_alls() {
    let list = [found("m")];
    let everywhere = answers(&[("a", Some(&list)), ("b", Some(&list))]);
    let adopted = |state: &State| Findings::default().changes(state, &everywhere, &HashSet::new(), NOW, GRACE);
    let own = |host: &str, instances: &[&str]| {
        let instances = instances.iter().map(|url| (*url).into()).collect();
        Change::Tenant(Tenant { instances, ..Tenant::new(host, []) })
    };
    let mut state = state(&["a", "b"], &[]);
    state.apply(own("x.org", &["a", "b"]));
    state.apply(own("y.org", &["b"]));
    assert_eq!(adopted(&state), [placed("m", "x.org", "a", NOW)]);
    state.apply(own("*", &["b"]));
    assert_eq!(adopted(&state), [placed("m", "x.org", "a", NOW), placed("m", "*", "b", NOW)]);
}

#[test]
fn a_breakout_room_belongs_to_its_parents_tenant_wherever_in_the_list_that_stands() {
    let state = state(&["a"], &["*", "x.org"]);
    let parent = listing::Meeting { tenant: Some("x.org".to_owned()), ..found("course") };
    let room = listing::Meeting { parent: Some(format!("{}-1531155809613", parent.key())), ..found("room") };
    let changes =
        Findings::default().changes(&state, &answers(&[("a", Some(&[room, parent]))]), &HashSet::new(), NOW, GRACE);
    assert_eq!(changes, [placed("course", "x.org", "a", NOW), placed("room", "x.org", "a", NOW)]);
}

#[test]
fn the_first_tenant_takes_over_what_ran_before_there_was_any() {
    let mut state = state(&["a"], &["x.org"]);
    state.apply(placed("m", "*", "a", NOW));
    let list = answers(&[("a", Some(&[found("m")]))]);
    let changes = Findings::default().changes(&state, &list, &HashSet::new(), NOW, GRACE);
    assert_eq!(changes, [placed("m", "x.org", "a", NOW)]);
    for change in changes {
        state.apply(change);
    }
    assert_eq!(Findings::default().changes(&state, &list, &HashSet::new(), NOW, GRACE), []);
}

#[test]
fn a_meeting_that_runs_twice_is_where_its_users_are() {
    let mut state = state(&["a", "b", "c"], &[]);
    state.apply(placed("m", "*", "b", NOW));
    let with = |users: u64| Some(vec![listing::Meeting { users, ..found("m") }]);
    let moved = |state: &State, a: Option<Vec<listing::Meeting>>, b: Option<Vec<listing::Meeting>>| {
        let lists = answers(&[("a", a.as_deref()), ("b", b.as_deref())]);
        let changes = Findings::default().changes(state, &lists, &HashSet::new(), NOW, GRACE);
        changes.into_iter().find(|change| matches!(change, Change::Placed(..)))
    };
    // Where it is mapped, it stays if as many are there, and if nothing is known of that.
    for (a, b) in [(with(0), with(0)), (with(3), with(3)), (with(3), with(4)), (with(9), None)] {
        assert_eq!(moved(&state, a, b), None);
    }
    assert_eq!(moved(&state, with(0), Some(Vec::new())), None, "the list may have been made before the meeting");
    assert_eq!(moved(&state, with(1), Some(Vec::new())), Some(placed("m", "*", "a", NOW)));
    assert_eq!(moved(&state, with(4), with(3)), Some(placed("m", "*", "a", NOW)));
    assert_eq!(moved(&state, with(1), with(0)), Some(placed("m", "*", "a", NOW)));
    // One that nobody has mapped yet is mapped where most are, at once.
    state.apply(Change::Released(meeting("m", "*")));
    assert_eq!(moved(&state, with(1), with(2)), Some(placed("m", "*", "b", NOW)));
    assert_eq!(moved(&state, with(0), with(0)), Some(placed("m", "*", "a", NOW)));
}
