//! The books over a pool: what they contain, what they learn, and where they send meetings.

use super::*;
use crate::policy::expectation::USUAL_USERS;
use crate::policy::{Ineligible, Score, Verdict, ledger::Terms};
use crate::state::{Admission, Change, Instance, Reason, Tenant};
use b3lb_config::Settings;
use b3lb_config::settings::{Balancer, Policy};
use bbb::{MeetingKey, Secret};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

const NOW: u64 = 1_800_000_000_000;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;

/// A pool, its state, and its books.
struct Pool {
    balancer: Balancer,
    state: State,
    ledger: Ledger,
    now: u64,
    rng: SmallRng,
}

fn url(index: usize) -> Arc<str> {
    format!("https://bbb{index:03}.example.org/bigbluebutton").into()
}

fn meeting(id: &str) -> Meeting {
    Meeting { key: MeetingKey::of(id.as_bytes()), tenant: "*".into() }
}

fn seen(users: u64) -> Seen {
    Seen { users, ..Seen::default() }
}

impl Pool {
    /// Whose instances were all asked, and have nothing.
    fn of(instances: usize) -> Self {
        let balancer = Settings::default().balancer;
        let state = State { epoch: "epoch".into(), ..State::default() };
        let mut pool = Self { balancer, state, ledger: Ledger::default(), now: NOW, rng: SmallRng::seed_from_u64(7) };
        for index in 0..instances {
            pool.apply(Change::Instance(Instance::new(&url(index), Secret::new("s"))), false);
        }
        pool.ledger.follow(&pool.state, pool.now);
        for index in 0..instances {
            pool.ledger.seen(&url(index), &[], NOW);
        }
        pool
    }

    fn apply(&mut self, change: Change, follow: bool) {
        self.state.apply(change);
        if follow {
            self.ledger.follow(&self.state, self.now);
        }
    }

    fn choose(&mut self, id: &str) -> Option<Choice> {
        let (tenant, meeting) = (Tenant::new("*", []), meeting(id));
        let question = Question { tenant: &tenant, meeting: &meeting, hint: Hint::default(), against: &[] };
        self.ledger.choose(&self.balancer, &question, self.now, &mut self.rng)
    }

    /// Chooses and writes.
    fn place(&mut self, id: &str) -> Arc<str> {
        let Choice { instance, chosen } = self.choose(id).unwrap();
        let placement = Placement::new(instance.clone(), id, self.now);
        let reason = Reason::Chosen(Box::new(chosen));
        self.apply(Change::Placed(meeting(id), Placement { reason, ..placement }), true);
        self.ledger.settle(&meeting(id));
        instance
    }

    fn put(&mut self, id: &str, index: usize) {
        self.apply(Change::Placed(meeting(id), Placement::new(url(index), id, self.now)), true);
    }

    fn judge(&self) -> Vec<Verdict> {
        let (tenant, meeting) = (Tenant::new("*", []), meeting("another"));
        let question = Question { tenant: &tenant, meeting: &meeting, hint: Hint::default(), against: &[] };
        self.ledger.judge(&self.balancer, &question, self.now)
    }

    fn terms(&self, index: usize) -> Terms {
        match self.judge()[index].as_ref().unwrap() {
            Score::Ledger(terms) => *terms,
            Score::Classic(terms) => panic!("{terms:?}"),
        }
    }

    fn measure(&mut self, busy: &[f64]) {
        let sample = |busy: &f64| Sample {
            cpu_mean: Some(*busy),
            cpu_recent: Some(*busy),
            mem_mean: Some(30.0),
            measured_at: Some(self.now),
        };
        let samples = busy.iter().enumerate().map(|(index, busy)| (url(index), sample(busy))).collect();
        self.ledger.measured(&Readings { read_at: self.now, samples, ..Readings::default() }, self.now);
    }
}

#[test]
fn a_burst_spreads_before_anything_is_seen_of_it() {
    let mut pool = Pool::of(22);
    let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
    for number in 0..200 {
        *counts.entry(pool.place(&number.to_string())).or_default() += 1;
    }
    assert!(counts.len() == 22 && counts.values().all(|count| (8..=10).contains(count)), "{counts:?}");
}

#[test]
fn a_booking_counts_at_once_and_only_once() {
    let mut pool = Pool::of(2);
    let first = pool.choose("m").unwrap();
    let again = pool.choose("m").unwrap();
    assert_eq!(first.instance, again.instance);
    let account = |pool: &Pool| pool.ledger.account(&first.instance);
    assert_eq!((account(&pool).meetings, account(&pool).expected), (1, USUAL_USERS));
    pool.ledger.settle(&meeting("m"));
    assert_eq!(account(&pool).meetings, 1);
    pool.ledger.settle(&meeting("m"));
    assert_eq!((account(&pool).meetings, account(&pool).expected), (0, 0.0));
}

#[test]
fn what_is_seen_corrects_the_books_meeting_by_meeting() {
    let mut pool = Pool::of(1);
    pool.put("a", 0);
    pool.put("b", 0);
    let account = |pool: &Pool| pool.ledger.account(&url(0));
    assert_eq!(account(&pool).expected, 2.0 * USUAL_USERS);
    let with_webcams = Seen { users: 20, webcams: 5, is_room: false };
    pool.ledger.seen(&url(0), &[(meeting("a"), with_webcams)], NOW + 15 * MINUTE);
    assert_eq!((account(&pool).expected, account(&pool).load, account(&pool).users), (30.0 + USUAL_USERS, 30.0, 20));
    let room = Seen { users: 20, webcams: 0, is_room: true };
    pool.ledger.seen(&url(0), &[(meeting("b"), room)], NOW);
    assert_eq!(account(&pool).expected, 30.0 + 10.0);
    pool.ledger.ended(&meeting("a"), NOW);
    assert_eq!((account(&pool).expected, account(&pool).users), (10.0, 20));
    pool.ledger.confirm(&meeting("a"), NOW);
    assert_eq!(account(&pool).expected, USUAL_USERS + 10.0);
    pool.apply(Change::Released(meeting("a")), true);
    pool.apply(Change::Released(meeting("b")), true);
    assert_eq!(Account { checked_at: 0, ..account(&pool) }, Account::default());
}

#[test]
fn a_room_is_expected_as_it_was_the_last_times() {
    let mut pool = Pool::of(2);
    pool.put("course", 0);
    assert_eq!(pool.ledger.past(&meeting("course"), NOW), None);
    for users in [3, 40, 10] {
        pool.ledger.seen(&url(0), &[(meeting("course"), seen(users))], NOW);
    }
    let first = pool.ledger.past(&meeting("course"), NOW).unwrap();
    assert_eq!(first, Past { peak: 40.0, at: NOW });
    pool.apply(Change::Released(meeting("course")), false);
    pool.apply(Change::Remembered(meeting("course"), first), true);
    let chosen = pool.choose("course").unwrap().chosen;
    assert_eq!((chosen.expected, chosen.source), (40.0, Source::Past));
    pool.put("course", 1);
    pool.ledger.seen(&url(1), &[(meeting("course"), seen(20))], NOW);
    assert_eq!(pool.ledger.past(&meeting("course"), NOW).map(|past| past.peak), Some(30.0));
    // Another meeting of the tenant is expected to be like those before.
    let chosen = pool.choose("new").unwrap().chosen;
    assert_eq!((chosen.expected, chosen.source), ((5.0 * USUAL_USERS + 40.0) / 6.0, Source::Tenant));
}

#[test]
fn a_control_plane_that_has_seen_nothing_yet_trusts_what_was_expected() {
    let mut pool = Pool::of(2);
    let placed: Vec<_> = (0..10).map(|number| pool.place(&number.to_string())).collect();
    let mut fresh = Ledger::default();
    fresh.follow(&pool.state, pool.now + 40 * MINUTE);
    for url in [url(0), url(1)] {
        let meetings = placed.iter().filter(|placed| **placed == url).count();
        assert_eq!(fresh.account(&url).expected, meetings as f64 * USUAL_USERS);
    }
}

#[test]
fn little_knowledge_is_not_trusted_blindly() {
    let mut pool = Pool::of(3);
    pool.put("there", 0);
    let mut fresh = Ledger::default();
    fresh.follow(&pool.state, pool.now);
    pool.ledger = fresh;
    let mut picked: Vec<_> = (0..200).map(|number| pool.choose(&number.to_string()).unwrap().instance).collect();
    picked.truncate(40);
    // Nobody was asked yet, so that also the one that looks worse may be better.
    assert!(picked.contains(&url(0)), "{picked:?}");
}

#[test]
fn load_of_others_makes_an_instance_less_attractive_for_as_long_as_it_lasts() {
    let mut pool = Pool::of(2);
    for tick in 0..30 {
        pool.now = NOW + tick * 10 * SECOND;
        pool.ledger.seen(&url(0), &[], pool.now);
        pool.ledger.seen(&url(1), &[], pool.now);
        pool.measure(&[40.0, 2.0]);
    }
    assert!((60.0..100.0).contains(&pool.terms(0).background), "{:?}", pool.terms(0));
    assert!(pool.terms(1).background < 6.0, "{:?}", pool.terms(1));
    for number in 0..4 {
        assert_eq!(pool.place(&number.to_string()), url(1));
    }
    for tick in 30..60 {
        pool.now = NOW + tick * 10 * SECOND;
        pool.measure(&[2.0, 2.0]);
    }
    assert!(pool.terms(0).background < 6.0, "{:?}", pool.terms(0));
}

#[test]
fn a_returned_instance_is_not_flooded() {
    let mut pool = Pool::of(3);
    for number in 0..30 {
        pool.place(&format!("before {number}"));
    }
    let back = Instance::new(&url(0), Secret::new("s"));
    for meeting in pool.state.placements.clone().iter().filter(|(_, p)| p.instance == url(0)).map(|(m, _)| m) {
        pool.apply(Change::Released(meeting.clone()), true);
    }
    pool.apply(Change::Instance(Instance { online: false, ..back.clone() }), true);
    pool.now += 5 * MINUTE;
    pool.apply(Change::Instance(back), true);
    let share = |pool: &mut Pool, name: &str| {
        (0..12).filter(|number| pool.place(&format!("{name} {number}")) == url(0)).count()
    };
    assert!((2..=6).contains(&share(&mut pool, "at once")));
    pool.now += 15 * MINUTE;
    assert!(share(&mut pool, "later") >= 9);
}

#[test]
fn tenants_are_sent_where_they_may_be_and_never_beside_the_same_id_of_another() {
    let mut pool = Pool::of(4);
    let mut tagged = Instance::new(&url(3), Secret::new("s"));
    tagged.tags = vec!["gpu".into()];
    pool.apply(Change::Instance(tagged), true);
    pool.put("m", 1);
    let tenant = Tenant { instances: vec![url(1), url(2)], tags: vec!["gpu".into()], ..Tenant::new("x", []) };
    let meeting = Meeting { key: MeetingKey::of(b"m"), tenant: "x".into() };
    let against = [(url(3), Ineligible::Excluded)];
    let question = Question { tenant: &tenant, meeting: &meeting, hint: Hint::default(), against: &against };
    let reasons: Vec<_> =
        pool.ledger.judge(&pool.balancer, &question, NOW).into_iter().map(|verdict| verdict.err()).collect();
    let expected = [Ineligible::NotTheTenants, Ineligible::HeldForAnotherTenant, Ineligible::Excluded];
    assert_eq!(reasons, [Some(expected[0].clone()), Some(expected[1].clone()), None, Some(expected[2].clone())]);
}

#[test]
fn the_latest_placements_are_kept_with_their_reasons() {
    let mut pool = Pool::of(2);
    for number in 0..RECENT_MAX + 5 {
        pool.now += 1;
        pool.place(&number.to_string());
    }
    pool.apply(Change::Released(meeting("7")), true);
    let recent: Vec<_> = pool.ledger.recent().collect();
    assert_eq!(recent.len(), RECENT_MAX);
    assert_eq!(*recent[0].1.meeting_id, *(RECENT_MAX + 4).to_string());
    assert_eq!(*recent[RECENT_MAX - 1].1.meeting_id, *"5");
    let Reason::Chosen(chosen) = &recent[0].1.reason else { panic!("{recent:?}") };
    assert_eq!((chosen.eligible, chosen.expected), (2, USUAL_USERS));
}

/// How an instance can be.
fn instance() -> impl Strategy<Value = (Admission, bool, Option<f64>, f64)> {
    let admission =
        prop_oneof![4 => Just(Admission::Open), 1 => Just(Admission::Cordoned), 1 => Just(Admission::Disabled)];
    (admission, prop::bool::weighted(0.8), prop::option::of(-10.0..110.0f64), 0.1..10.0f64)
}

proptest! {
    /// Only eligible instances are chosen, and each of them is, once the others are full.
    #[test]
    fn never_an_ineligible_instance_and_every_eligible_one(
        instances in prop::collection::vec(instance(), 1..8),
        classic in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let mut pool = Pool::of(instances.len());
        pool.rng = SmallRng::seed_from_u64(seed);
        pool.balancer.policy = if classic { Policy::Classic } else { Policy::Ledger };
        pool.balancer.cpu_limit = 80.0;
        for (index, (admission, online, _, capacity)) in instances.iter().enumerate() {
            let instance = Instance::new(&url(index), Secret::new("s"));
            let instance = Instance { admission: *admission, online: *online, capacity: *capacity, ..instance };
            pool.apply(Change::Instance(instance), true);
        }
        let busy: Vec<_> = instances.iter().map(|(_, _, busy, _)| busy.unwrap_or(f64::NAN)).collect();
        pool.measure(&busy);
        let eligible: HashSet<_> = pool
            .judge()
            .iter()
            .enumerate()
            .filter(|(_, verdict)| verdict.is_ok())
            .map(|(index, _)| url(index))
            .collect();
        for (index, (admission, online, busy, _)) in instances.iter().enumerate() {
            let may = *admission == Admission::Open && *online && busy.is_none_or(|busy| busy <= 80.0);
            prop_assert!(may || !eligible.contains(&url(index)));
            prop_assert!(!may || classic || eligible.contains(&url(index)));
        }
        let mut chosen = HashSet::new();
        for number in 0..400 {
            let Some(choice) = pool.choose(&number.to_string()) else { break };
            prop_assert!(eligible.contains(&choice.instance));
            chosen.insert(choice.instance);
        }
        prop_assert!(classic || chosen == eligible, "{:?} of {:?}", chosen, eligible);
        prop_assert_eq!(chosen.is_empty(), eligible.is_empty());
    }
}
