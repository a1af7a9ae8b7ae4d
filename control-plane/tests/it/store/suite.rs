//! What every store does, whichever it is.

use super::{ONE, Running, TWO, claim, instance, instances, meeting, on_redis, place_of, placement};
use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use b3lb_control_plane::state::{Admission, Change, Instance, Placement, State, Tenant};
use b3lb_control_plane::store::{Claim, Claimed, Join, Lease, Refusal, Store, StoreError};
use bbb::Secret;
use std::collections::HashSet;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Longer than any test holds a lease.
const LONG: Duration = Duration::from_secs(600);

/// A store of some kind, which can be opened again and again.
struct Fixture {
    settings: Settings,
    _redis: Option<RedisServer>,
    _dir: Option<TempDir>,
}

impl Fixture {
    async fn memory() -> Self {
        Self { settings: Settings::default(), _redis: None, _dir: None }
    }

    async fn file() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { state_dir: Some(dir.path().to_owned()), ..Settings::default() };
        Self { settings, _redis: None, _dir: Some(dir) }
    }

    async fn redis() -> Self {
        let redis = RedisServer::start().await;
        Self { settings: on_redis(&redis), _redis: Some(redis), _dir: None }
    }

    /// One whose servers somebody else keeps.
    fn of(settings: &Settings) -> Self {
        Self { settings: settings.clone(), _redis: None, _dir: None }
    }

    async fn open(&self) -> Running {
        Running::open(&self.settings).await
    }

    /// The stores of two control planes. An embedded store has but one.
    async fn open_two(&self) -> [(Store, Running); 2] {
        let (first, second) = match self.settings.redis.address {
            Some(_) => (self.open().await, self.open().await),
            None => {
                let one = self.open().await;
                let same = Running {
                    store: one.store.clone(),
                    shutdown: one.shutdown.child_token(),
                    work: tokio::spawn(async {}),
                };
                (one, same)
            }
        };
        [(first.store.clone(), first), (second.store.clone(), second)]
    }
}

macro_rules! over_every_store {
    ($($test:ident),* $(,)?) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Fixture::memory().await).await })* }
        mod file { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Fixture::file().await).await })* }
        mod redis { $(#[tokio::test(flavor = "multi_thread")] async fn $test() { super::$test(super::Fixture::redis().await).await })* }

        /// The same on servers that are emptied in between.
        pub(super) async fn on(settings: &Settings, server: &RedisServer) {
            $(
                server.run::<()>(&["FLUSHALL"]).await;
                $test(Fixture::of(settings)).await;
            )*
        }
    };
}

over_every_store![
    a_claim_is_idempotent,
    of_many_claims_for_one_meeting_one_wins,
    a_meeting_id_of_two_tenants_is_never_on_one_instance,
    an_instance_that_is_not_open_is_refused,
    a_meeting_moves_only_from_the_instance_that_is_left,
    a_tenant_gets_no_more_meetings_than_it_may,
    a_number_to_dial_belongs_to_one_meeting,
    users_are_let_in_until_there_are_as_many_as_may,
    a_commit_on_an_old_view_conflicts,
    of_two_lists_of_the_pool_one_follows_the_other,
    a_commit_is_written_whole_or_not_at_all,
    a_removed_instance_takes_all_of_its_placements_with_it,
    only_the_holder_of_a_lease_commits_and_publishes,
    every_change_is_in_the_replica_when_the_commit_returns,
    what_a_store_finds_is_what_was_claimed,
];

async fn a_claim_is_idempotent(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE, TWO])).await;
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Placed);
    assert_eq!(place_of(&store.state(), "m").as_deref(), Some(ONE));
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Existing(placement(ONE)));
    assert_eq!(store.claim(&claim("m", TWO)).await.unwrap(), Claimed::Existing(placement(ONE)));
    assert_eq!(place_of(&store.state(), "m").as_deref(), Some(ONE));
}

async fn of_many_claims_for_one_meeting_one_wins(fixture: Fixture) {
    let stores = fixture.open_two().await;
    let urls: Vec<String> = (0..20).map(|i| format!("https://{i}.example.org/bigbluebutton")).collect();
    stores[0].1.put(instances(&urls.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let mut claims = JoinSet::new();
    for (i, url) in urls.into_iter().enumerate() {
        let (store, wanted) = (stores[i % 2].0.clone(), claim("m", &url));
        claims.spawn(async move {
            match store.claim(&wanted).await.unwrap() {
                Claimed::Placed => (true, wanted.placement.instance),
                Claimed::Existing(existing) => (false, existing.instance),
                Claimed::Refused(refusal) => panic!("{refusal:?}"),
            }
        });
    }
    let answers = claims.join_all().await;
    assert_eq!(answers.iter().filter(|(placed, _)| *placed).count(), 1);
    let places: HashSet<_> = answers.iter().map(|(_, url)| url.to_string()).collect();
    assert_eq!(places.len(), 1);
    for (_, store) in &stores {
        assert_eq!(place_of(&store.state(), "m"), places.iter().next().cloned());
    }
}

async fn a_meeting_id_of_two_tenants_is_never_on_one_instance(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE, TWO])).await;
    store.put(["t", "other"].map(tenant).into()).await;
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Placed);
    let others = |url| Claim { meeting: meeting("other", "m"), ..claim("m", url) };
    let refused = store.claim(&others(ONE)).await.unwrap();
    assert_eq!(refused, Claimed::Refused(Refusal::HeldForAnotherTenant));
    assert_eq!(store.state().placements.len(), 1);
    assert_eq!(store.claim(&others(TWO)).await.unwrap(), Claimed::Placed);
}

async fn an_instance_that_is_not_open_is_refused(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE])).await;
    assert_eq!(store.claim(&claim("before", ONE)).await.unwrap(), Claimed::Placed);
    for admission in [Admission::Cordoned, Admission::Disabled] {
        store.put(vec![Change::Instance(Instance { admission, ..instance(ONE) })]).await;
        let breakout = Claim { bound: true, ..claim(&format!("breakout {admission:?}"), ONE) };
        assert_eq!(store.claim(&breakout).await.unwrap(), Claimed::Placed, "it belongs to one that is there");
        assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Refused(Refusal::NotOpen));
        assert_eq!(store.claim(&claim("before", ONE)).await.unwrap(), Claimed::Existing(placement(ONE)));
    }
    assert_eq!(store.claim(&claim("m", TWO)).await.unwrap(), Claimed::Refused(Refusal::NotOpen));
    store.put(vec![Change::InstanceRemoved(ONE.into())]).await;
    assert_eq!(store.claim(&claim("before", ONE)).await.unwrap(), Claimed::Refused(Refusal::NotOpen));
    assert!(store.state().placements.is_empty());
}

async fn a_meeting_moves_only_from_the_instance_that_is_left(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE, TWO])).await;
    store.claim(&claim("m", ONE)).await.unwrap();
    let leaving = |from: &str, to| Claim { leaving: Some(from.into()), ..claim("m", to) };
    assert_eq!(store.claim(&leaving(TWO, TWO)).await.unwrap(), Claimed::Existing(placement(ONE)));
    assert_eq!(store.claim(&leaving(ONE, TWO)).await.unwrap(), Claimed::Placed);
    assert_eq!(place_of(&store.state(), "m").as_deref(), Some(TWO));
    // Whoever comes too late with the same wish finds it fulfilled.
    assert_eq!(store.claim(&leaving(ONE, TWO)).await.unwrap(), Claimed::Existing(placement(TWO)));
    assert_eq!(store.claim(&leaving(TWO, TWO)).await.unwrap(), Claimed::Existing(placement(TWO)));
}

async fn a_commit_on_an_old_view_conflicts(fixture: Fixture) {
    let [(_, first), (_, second)] = fixture.open_two().await;
    first.put(instances(&[ONE])).await;
    let seen = first.state();
    let cordoned = Instance { admission: Admission::Cordoned, ..instance(ONE) };
    second.until(|state| *state == seen).await;
    second.put(vec![Change::Instance(cordoned.clone())]).await;
    let offline = Instance { online: false, ..instance(ONE) };
    let lost = first.commit(&seen, vec![Change::Instance(offline)], None).await.unwrap_err();
    assert_eq!(lost.to_string(), format!("instance {ONE} was changed by someone else at the same moment; try again"));
    let kept = |state: &State| state.instances.get(ONE).map(|i| (**i).clone());
    first.until(|state| kept(state) == Some(cordoned.clone())).await;
    let twice = first.commit(&seen, vec![Change::InstanceRemoved(ONE.into())], None).await;
    assert!(matches!(twice, Err(StoreError::Conflict(_))), "{twice:?}");
}

async fn of_two_lists_of_the_pool_one_follows_the_other(fixture: Fixture) {
    let [(first, _running), (second, other)] = fixture.open_two().await;
    let three = "https://three.example.org/bigbluebutton";
    let empty = first.replica().state();
    first.commit_pool(&empty, instances(&[ONE])).await.unwrap();
    let conflict = second.commit_pool(&empty, instances(&[TWO])).await.unwrap_err();
    assert!(matches!(conflict, StoreError::Conflict(_)), "{conflict}");
    // Those who change single instances do not mind each other.
    second.commit(&empty, instances(&[TWO]), None).await.unwrap();
    other.until(|state| state.instances.len() == 2).await;

    // As many as before, but others.
    let seen = second.replica().state();
    let swap = vec![Change::InstanceRemoved(ONE.into()), Change::Instance(instance(three))];
    second.commit_pool(&seen, swap).await.unwrap();
    let conflict = first.commit_pool(&seen, vec![Change::InstanceRemoved(TWO.into())]).await.unwrap_err();
    assert!(matches!(conflict, StoreError::Conflict(_)), "{conflict}");
    let left: Vec<String> = second.replica().state().instances.keys().map(|url| url.to_string()).collect();
    assert_eq!(left, [three, TWO]);
}

async fn a_commit_is_written_whole_or_not_at_all(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE])).await;
    let seen = store.state();
    store.claim(&claim("taken", ONE)).await.unwrap();
    let before = store.state();
    let changes = vec![
        Change::Instance(instance(TWO)),
        Change::Tenant(tenant_named("t")),
        Change::Placed(meeting("t", "free"), placement(TWO)),
        Change::Placed(meeting("t", "taken"), placement(TWO)),
    ];
    let conflict = store.commit(&seen, changes.clone(), None).await.unwrap_err();
    assert!(matches!(&conflict, StoreError::Conflict(what) if what == "meeting a meeting of t"), "{conflict}");
    assert_eq!(store.state(), before);
    let nowhere = vec![Change::Tenant(tenant_named("t")), Change::Placed(meeting("t", "free"), placement(TWO))];
    let unplaceable = store.commit(&before, nowhere, None).await;
    assert!(matches!(unplaceable, Err(StoreError::Conflict(_))), "{unplaceable:?}");
    assert_eq!(store.state(), before);
    let revision = store.commit(&before, changes, None).await.unwrap();
    let after = store.state();
    assert_eq!(
        (after.revision, after.instances.len(), after.tenants.len(), after.placements.len()),
        (revision, 2, 1, 2)
    );
}

async fn a_removed_instance_takes_all_of_its_placements_with_it(fixture: Fixture) {
    let [(_, first), (_, second)] = fixture.open_two().await;
    first.put(instances(&[ONE, TWO])).await;
    first.claim(&claim("early", ONE)).await.unwrap();
    first.claim(&claim("elsewhere", TWO)).await.unwrap();
    let seen = first.state();
    second.until(|state| *state == seen).await;
    second.claim(&claim("late", ONE)).await.unwrap();
    first.commit(&seen, vec![Change::InstanceRemoved(ONE.into())], None).await.unwrap();
    first.put(instances(&[ONE])).await;
    for id in ["early", "late"] {
        assert_eq!(first.find(&meeting("t", id)).await.unwrap(), None, "{id}");
        assert_eq!(place_of(&first.state(), id), None, "{id}");
    }
    assert_eq!(first.find(&meeting("t", "elsewhere")).await.unwrap(), Some(placement(TWO)));
}

async fn only_the_holder_of_a_lease_commits_and_publishes(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE])).await;
    let old = store.lease("checks", None, LONG).await.unwrap().unwrap();
    assert_eq!(store.lease("checks", Some(&old), LONG).await.unwrap(), Some(old.clone()));
    let other = store.lease("recordings", None, LONG).await.unwrap().unwrap();
    let forged = Lease { name: "checks", token: old.token + 1_000_000_000 };
    for lost in [forged, Lease { name: "checks", token: other.token }] {
        let committed = store.commit(&store.state(), instances(&[TWO]), Some(&lost)).await;
        assert!(matches!(committed, Err(StoreError::LeaseLost("checks"))), "{committed:?}");
        let published = store.publish(&lost, "seen", "stale".to_owned(), LONG).await;
        assert!(matches!(published, Err(StoreError::LeaseLost("checks"))), "{published:?}");
        assert_eq!(store.lease("checks", Some(&lost), LONG).await.unwrap(), None);
    }
    assert_eq!(store.state().instances.len(), 1);
    assert_eq!(store.published("seen").await.unwrap(), None);
    store.commit(&store.state(), instances(&[TWO]), Some(&old)).await.unwrap();
    store.publish(&old, "seen", "fresh".to_owned(), LONG).await.unwrap();
    assert_eq!(store.published("seen").await.unwrap().as_deref(), Some("fresh"));
}

async fn every_change_is_in_the_replica_when_the_commit_returns(fixture: Fixture) {
    let store = fixture.open().await;
    assert!(store.is_available());
    let mut known = store.state();
    let grown = Instance { capacity: 2.5, ..instance(ONE) };
    let steps = [
        vec![Change::Instance(instance(ONE)), Change::Instance(instance(TWO)), Change::Tenant(tenant_named("t"))],
        // No proxy routes by this one.
        vec![Change::Instance(grown)],
        vec![Change::Placed(meeting("t", "m"), placement(TWO)), Change::Placed(meeting("t", "n"), placement(ONE))],
        vec![Change::Released(meeting("t", "m")), Change::TenantRemoved("t".into())],
        vec![Change::InstanceRemoved(ONE.into())],
    ];
    for changes in steps {
        let revision = store.commit(&known, changes.clone(), None).await.unwrap();
        assert!(revision > known.revision);
        known.revision = revision;
        for change in changes {
            known.apply(change);
        }
        assert_eq!(store.state(), known);
    }
    assert_eq!(store.commit(&known, Vec::new(), None).await.unwrap(), known.revision);
}

async fn what_a_store_finds_is_what_was_claimed(fixture: Fixture) {
    let [(_, first), (_, second)] = fixture.open_two().await;
    first.put(instances(&[ONE])).await;
    assert_eq!(second.find(&meeting("t", "m")).await.unwrap(), None);
    first.claim(&claim("m", ONE)).await.unwrap();
    assert_eq!(second.find(&meeting("t", "m")).await.unwrap(), Some(placement(ONE)));
    assert_eq!(place_of(&second.state(), "m").as_deref(), Some(ONE));
}

async fn a_tenant_gets_no_more_meetings_than_it_may(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE])).await;
    let limited = |id: &str| Claim { limit: Some(2), ..claim(id, ONE) };
    let others = Claim { meeting: meeting("other", "x"), ..limited("x") };
    for id in ["a", "b"] {
        assert_eq!(store.claim(&limited(id)).await.unwrap(), Claimed::Placed);
    }
    assert_eq!(store.claim(&limited("c")).await.unwrap(), Claimed::Refused(Refusal::MeetingPool));
    assert_eq!(store.claim(&limited("a")).await.unwrap(), Claimed::Existing(placement(ONE)));
    assert_eq!(store.claim(&others).await.unwrap(), Claimed::Placed);
    store.put(vec![Change::Released(meeting("t", "a"))]).await;
    assert_eq!(store.claim(&limited("c")).await.unwrap(), Claimed::Placed);
    assert_eq!(store.claim(&limited("a")).await.unwrap(), Claimed::Refused(Refusal::MeetingPool));
}

async fn a_number_to_dial_belongs_to_one_meeting(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE, TWO])).await;
    let numbered = |id: &str, number, url| {
        let placement = Placement { voice_bridge: Some(number), ..placement(url) };
        Claim { placement, ..claim(id, url) }
    };
    assert_eq!(store.claim(&numbered("a", 70001, ONE)).await.unwrap(), Claimed::Placed);
    let others = Claim { meeting: meeting("other", "x"), ..numbered("x", 70001, TWO) };
    assert_eq!(store.claim(&others).await.unwrap(), Claimed::Refused(Refusal::BridgeTaken));
    assert_eq!(store.claim(&numbered("b", 70002, TWO)).await.unwrap(), Claimed::Placed);
    let moved = Claim { leaving: Some(ONE.into()), ..numbered("a", 70001, TWO) };
    assert_eq!(store.claim(&moved).await.unwrap(), Claimed::Placed, "it keeps its number");
    store.put(vec![Change::Released(meeting("t", "a"))]).await;
    assert_eq!(store.claim(&others).await.unwrap(), Claimed::Placed);
}

async fn users_are_let_in_until_there_are_as_many_as_may(fixture: Fixture) {
    let stores = fixture.open_two().await;
    let join = |users, seen_until, now| Join { tenant: "t".into(), limit: 5, users, seen_until, now };
    for (number, (store, _)) in stores.iter().cycle().take(3).enumerate() {
        assert!(store.admit(&join(2, 0, 1_000 + number as u64)).await.unwrap(), "user {number}");
    }
    assert!(!stores[0].0.admit(&join(2, 0, 1_010)).await.unwrap());
    let other = Join { tenant: "other".into(), ..join(2, 0, 1_010) };
    assert!(stores[0].0.admit(&other).await.unwrap());
    // A check has seen the first two of them.
    assert!(!stores[1].0.admit(&join(4, 1_001, 2_000)).await.unwrap());
    assert!(stores[1].0.admit(&join(3, 1_001, 2_000)).await.unwrap());
    assert!(!stores[0].0.admit(&join(3, 1_001, 2_001)).await.unwrap());
}

/// What was written is there again after a restart, in the same history.
async fn survives_a_restart(fixture: Fixture) {
    let store = fixture.open().await;
    store.put(instances(&[ONE, TWO])).await;
    store.put(vec![tenant("t")]).await;
    store.claim(&claim("m", ONE)).await.unwrap();
    store.claim(&claim("removed", TWO)).await.unwrap();
    store.put(vec![Change::InstanceRemoved(TWO.into())]).await;
    let before = store.state();
    store.close().await;
    let store = fixture.open().await;
    assert_eq!(store.state(), before);
    store.claim(&claim("n", ONE)).await.unwrap();
    assert_eq!((store.state().epoch, store.state().placements.len()), (before.epoch, 2));
}

#[tokio::test]
async fn a_file_survives_a_restart() {
    survives_a_restart(Fixture::file().await).await;
}

#[tokio::test]
async fn redis_survives_a_restart_of_the_control_plane() {
    survives_a_restart(Fixture::redis().await).await;
}

fn tenant(host: &str) -> Change {
    Change::Tenant(tenant_named(host))
}

fn tenant_named(host: &str) -> Tenant {
    Tenant::new(host, [Secret::new("of-the-tenant")])
}
