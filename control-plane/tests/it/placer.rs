//! Placements over a real store: bursts, races, and when a meeting may move.

use b3lb_config::Settings;
use b3lb_control_plane::metrics::Readings;
use b3lb_control_plane::placer::{Decision, PlaceError, Placer, Wish};
use b3lb_control_plane::policy::expectation::Hint;
use b3lb_control_plane::state::{Admission, Change, Instance, Meeting, Tenant};
use b3lb_control_plane::store::Store;
use bbb::{MeetingKey, Secret};
use futures::future::join_all;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// A placer over a store of its own; the store works until this is dropped.
struct Pool {
    store: Store,
    placer: Placer,
    _work: AbortOnDropHandle<()>,
}

impl Pool {
    async fn of(instances: usize) -> Self {
        let settings = Settings::default();
        let (store, work) = Store::open(&settings).await.unwrap();
        let work = AbortOnDropHandle::new(tokio::spawn(work.run(CancellationToken::new())));
        let readings = watch::Sender::new(Arc::new(Readings::default())).subscribe();
        let placer = Placer::new(store.clone(), settings, readings);
        let pool = Self { store, placer, _work: work };
        for index in 0..instances {
            pool.put(instance(index)).await;
        }
        pool
    }

    /// Every instance was asked and has nothing.
    fn check(&self, instances: usize) {
        for index in 0..instances {
            self.placer.seen(&url(index), &[], b3lb_control_plane::clock::now());
        }
    }

    async fn put(&self, instance: Instance) {
        self.commit(Change::Instance(instance)).await;
    }

    async fn commit(&self, change: Change) {
        self.store.commit(&self.store.replica().state(), vec![change], None).await.unwrap();
    }

    async fn place(&self, id: &str, exclude: &[&str]) -> Result<Decision, PlaceError> {
        self.placer.place(&wish(id, "*", exclude)).await
    }
}

fn instance(index: usize) -> Instance {
    Instance::new(&url(index), Secret::new("secret"))
}

fn url(index: usize) -> Arc<str> {
    format!("http://127.0.0.1:{}/bigbluebutton", 20000 + index).into()
}

fn wish(id: &str, tenant: &str, exclude: &[&str]) -> Wish {
    let meeting = Meeting { key: MeetingKey::of(id.as_bytes()), tenant: tenant.into() };
    Wish {
        meeting,
        meeting_id: id.into(),
        exclude: exclude.iter().map(|url| (*url).to_owned()).collect(),
        parent: None,
        hint: Hint::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_spreads_over_the_pool() {
    for _ in 0..8 {
        let pool = Pool::of(22).await;
        pool.check(22);
        let places = (0..200).map(|i| {
            let placer = pool.placer.clone();
            tokio::spawn(async move { placer.place(&wish(&format!("m{i}"), "*", &[])).await.unwrap() })
        });
        let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
        for decision in join_all(places).await {
            let decision = decision.unwrap();
            assert!(!decision.existing);
            *counts.entry(decision.instance).or_default() += 1;
        }
        let most = counts.values().max().copied();
        assert!(most <= Some(12) && counts.len() == 22, "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_race_for_one_meeting_get_one_instance() {
    let pool = Pool::of(22).await;
    let places = (0..20).map(|_| {
        let placer = pool.placer.clone();
        tokio::spawn(async move { placer.place(&wish("one", "*", &[])).await.unwrap().instance })
    });
    let mut instances: Vec<_> = join_all(places).await.into_iter().map(Result::unwrap).collect();
    instances.dedup();
    assert_eq!(instances.len(), 1);
    let again = pool.place("one", &[]).await.unwrap();
    assert_eq!(again, Decision { instance: instances[0].clone(), existing: true, voice_bridge: None });
}

#[tokio::test]
async fn a_first_create_that_cannot_be_connected_moves_and_a_known_meeting_does_not() {
    let pool = Pool::of(2).await;
    let first = pool.place("m", &[]).await.unwrap().instance;
    let second = pool.place("m", &[&first]).await.unwrap();
    assert!(second.instance != first && !second.existing, "{second:?}");
    pool.placer.created(&wish("m", "*", &[]).meeting);
    let refused = pool.place("m", &[&second.instance]).await;
    assert!(matches!(&refused, Err(PlaceError::StillThere(url)) if *url == second.instance), "{refused:?}");
}

#[tokio::test]
async fn a_meeting_leaves_an_instance_that_is_offline_or_gone() {
    let pool = Pool::of(2).await;
    let first = pool.place("m", &[]).await.unwrap().instance;
    pool.placer.created(&wish("m", "*", &[]).meeting);
    let index = (0..2).find(|index| url(*index) == first).unwrap();
    pool.put(Instance { online: false, ..instance(index) }).await;
    let second = pool.place("m", &[]).await.unwrap().instance;
    assert_ne!(second, first);
    pool.put(instance(index)).await;
    pool.commit(Change::InstanceRemoved(second.clone())).await;
    assert_eq!(pool.place("m", &[]).await.unwrap(), Decision { instance: first, existing: false, voice_bridge: None });
}

#[tokio::test]
async fn what_is_not_eligible_is_never_chosen_and_the_reason_is_told() {
    let pool = Pool::of(4).await;
    pool.put(Instance { admission: Admission::Cordoned, ..instance(0) }).await;
    pool.put(Instance { admission: Admission::Disabled, ..instance(1) }).await;
    pool.put(Instance { online: false, ..instance(2) }).await;
    for i in 0..50 {
        assert_eq!(pool.place(&format!("m{i}"), &[]).await.unwrap().instance, url(3));
    }
    pool.placer.unreachable(&url(3));
    let error = pool.place("last", &[]).await.unwrap_err().to_string();
    for reason in ["cordoned", "disabled", "offline", "could not connect"] {
        assert!(error.contains(reason), "{error}");
    }
    pool.placer.seen(&url(3), &[], b3lb_control_plane::clock::now());
    assert_eq!(pool.place("last", &[]).await.unwrap().instance, url(3));
}

#[tokio::test]
async fn the_same_id_of_two_tenants_never_shares_an_instance() {
    let pool = Pool::of(2).await;
    for (host, instances) in [("x", vec![url(0)]), ("y", vec![]), ("z", vec![url(0)])] {
        pool.commit(Change::Tenant(Tenant { instances, ..Tenant::new(host, []) })).await;
    }
    let place = async |tenant: &str| pool.placer.place(&wish("m", tenant, &[])).await.map(|decision| decision.instance);
    assert_eq!(place("x").await.unwrap(), url(0));
    assert_eq!(place("y").await.unwrap(), url(1));
    assert!(matches!(place("z").await, Err(PlaceError::NoInstance(_))));
    assert!(matches!(place("nobody").await, Err(PlaceError::UnknownTenant(_))));
}

#[tokio::test]
async fn an_explanation_names_every_instance_and_where_the_meeting_is() {
    let pool = Pool::of(3).await;
    pool.check(3);
    pool.put(Instance { admission: Admission::Cordoned, ..instance(0) }).await;
    let placed = pool.place("m", &[]).await.unwrap().instance;
    let explanation = pool.placer.explain("any.example.org", Some(MeetingKey::of(b"m"))).unwrap();
    assert_eq!(explanation.existing.unwrap().instance, placed);
    let empty = if placed == url(1) { url(2) } else { url(1) };
    let order: Vec<_> =
        explanation.instances.iter().map(|judged| (judged.instance.clone(), judged.candidate)).collect();
    assert_eq!(order, [(empty, true), (placed, false), (url(0), false)]);
}
