//! What is particular to Redis: several control planes, and a server that goes away.

use super::{ONE, Running, TWO, claim, eventually, instance, instances, meeting, on_redis, place_of, placement};
use crate::redis_server::RedisServer;
use b3lb_control_plane::state::{Admission, Change, Instance};
use b3lb_control_plane::store::{Claim, Claimed, Store, StoreError};
use bbb::Secret;
use futures::future::join_all;
use std::time::Duration;
use tokio::time::timeout;

#[tokio::test]
async fn control_planes_see_each_others_changes() {
    let server = RedisServer::start().await;
    let (first, second) = (Running::open(&on_redis(&server)).await, Running::open(&on_redis(&server)).await);
    first.put(instances(&[ONE, TWO])).await;
    second.until(|state| state.instances.len() == 2).await;
    for i in 0..50 {
        let (one, other) = if i % 2 == 0 { (&first, &second) } else { (&second, &first) };
        assert_eq!(one.claim(&claim(&i.to_string(), ONE)).await.unwrap(), Claimed::Placed);
        other.until(|state| place_of(state, &i.to_string()).as_deref() == Some(ONE)).await;
    }
    assert_eq!(first.state(), second.state());
}

#[tokio::test]
async fn while_redis_is_away_the_state_is_served_and_nothing_is_written() {
    let mut server = RedisServer::start().await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    store.claim(&claim("m", ONE)).await.unwrap();
    let before = store.state();
    server.kill();
    eventually(|| !store.is_available()).await;
    let refused = store.claim(&claim("n", ONE)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    let refused = store.commit(&before, instances(&[TWO]), None).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(store.state(), before);
    server.restart().await;
    eventually(|| store.is_available()).await;
    assert_eq!(store.state(), before);
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Existing(placement(ONE)));
    assert_eq!(store.claim(&claim("n", ONE)).await.unwrap(), Claimed::Placed);
}

#[tokio::test]
async fn a_store_that_is_opened_too_early_waits() {
    let mut server = RedisServer::start().await;
    server.kill();
    let settings = on_redis(&server);
    let mut opening = tokio::spawn(async move { Running::open(&settings).await });
    assert!(timeout(Duration::from_millis(300), &mut opening).await.is_err());
    server.restart().await;
    let store = opening.await.unwrap();
    store.put(instances(&[ONE])).await;
}

#[tokio::test]
async fn a_redis_that_hangs_is_given_up_and_found_again() {
    let server = RedisServer::start().await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    server.hang();
    let refused = timeout(super::PATIENCE, store.claim(&claim("m", ONE))).await.unwrap();
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    eventually(|| !store.is_available()).await;
    server.resume();
    eventually(|| store.is_available()).await;
    let claimed = store.claim(&claim("m", ONE)).await.unwrap();
    // The script that was given up may have run after all.
    assert!(matches!(claimed, Claimed::Placed | Claimed::Existing(_)), "{claimed:?}");
    assert_eq!(place_of(&store.state(), "m").as_deref(), Some(ONE));
}

#[tokio::test]
async fn scripts_are_loaded_again() {
    let server = RedisServer::start().await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    server.run::<()>(&["SCRIPT", "FLUSH"]).await;
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Placed);
}

#[tokio::test]
async fn a_lease_and_a_note_pass_with_their_time() {
    let server = RedisServer::start().await;
    let (first, second) = (Running::open(&on_redis(&server)).await, Running::open(&on_redis(&server)).await);
    let short = Duration::from_millis(300);
    let before = first.lease("checks", None, short).await.unwrap().unwrap();
    first.publish(&before, "seen", "much".to_owned(), short).await.unwrap();
    assert_eq!(second.published("seen").await.unwrap().as_deref(), Some("much"));
    let taken = async {
        loop {
            if let Some(lease) = second.lease("checks", None, super::PATIENCE).await.unwrap() {
                return lease;
            }
        }
    };
    let after = timeout(super::PATIENCE, taken).await.unwrap();
    assert!(after.token > before.token);
    assert_eq!(first.lease("checks", None, short).await.unwrap(), None);
    assert_eq!(first.lease("checks", Some(&before), short).await.unwrap(), None);
    let stale = first.commit(&first.state(), instances(&[ONE]), Some(&before)).await;
    assert!(matches!(stale, Err(StoreError::LeaseLost("checks"))), "{stale:?}");
    let forgotten = async { while second.published("seen").await.unwrap().is_some() {} };
    timeout(super::PATIENCE, forgotten).await.unwrap();
}

#[tokio::test]
async fn a_lease_of_an_emptied_redis_fences_those_before() {
    let server = RedisServer::start().await;
    let store = Running::open(&on_redis(&server)).await;
    let before = store.lease("checks", None, super::PATIENCE).await.unwrap().unwrap();
    server.run::<()>(&["DEL", "{b3lb}:lease:checks", "{b3lb}:lease:token"]).await;
    let after = store.lease("checks", None, super::PATIENCE).await.unwrap().unwrap();
    assert!(after.token > before.token);
}

#[tokio::test]
async fn a_record_that_was_written_differently_can_be_changed() {
    let server = RedisServer::start().await;
    let raw = format!(r#"{{ "secret": "s", "url": "{ONE}" }}"#);
    server.run::<()>(&["HSET", "{b3lb}:instances", ONE, &raw]).await;
    let store = Running::open(&on_redis(&server)).await;
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Placed);
    let seen = (**store.state().instances.get(ONE).unwrap()).clone();
    assert_eq!(seen, Instance { secret: Secret::new("s"), ..instance(ONE) });
    store.put(vec![Change::Instance(Instance { admission: Admission::Cordoned, ..seen.clone() })]).await;
    assert_eq!(store.state().instances.get(ONE).unwrap().admission, Admission::Cordoned);
}

#[tokio::test]
async fn a_placement_on_an_unknown_instance_is_none() {
    let server = RedisServer::start().await;
    let field = format!("t/{}", meeting("t", "m").key);
    let raw = serde_json::to_string(&placement(TWO)).unwrap();
    server.run::<()>(&["HSET", "{b3lb}:meetings", &field, &raw]).await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    assert_eq!(place_of(&store.state(), "m"), None);
    assert_eq!(store.find(&meeting("t", "m")).await.unwrap(), None);
    assert_eq!(store.claim(&claim("m", ONE)).await.unwrap(), Claimed::Placed);
}

#[tokio::test]
async fn a_damaged_record_is_named_without_its_secret() {
    let server = RedisServer::start().await;
    server.run::<()>(&["HSET", "{b3lb}:instances", ONE, r#"{"url":5,"secret":"hidden"}"#]).await;
    let damaged = Store::open(&on_redis(&server)).await.map(drop).unwrap_err();
    assert_eq!(damaged.to_string(), format!("instances[{ONE}] in the store is damaged: Data error in column 8"));
}

#[tokio::test]
async fn a_user_with_a_password_is_let_in() {
    let server = RedisServer::start().await;
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "on", ">open sesame", "~*", "&*", "+@all"]).await;
    server.run::<()>(&["ACL", "SETUSER", "default", "resetpass", ">nobody knows"]).await;
    for address in [server.address(), format!("redis://{}", server.address())] {
        let mut settings = on_redis(&server);
        settings.redis.address = Some(address);
        settings.redis.username = Some("b3lb".to_owned());
        settings.redis.password = Some(Secret::new("open sesame"));
        settings.redis.database = 3;
        let store = Running::open(&settings).await;
        store.put(vec![Change::Instance(Instance { capacity: 2.0, ..instance(ONE) })]).await;
        store.put(vec![Change::InstanceRemoved(ONE.into())]).await;
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_refused() {
    let mut settings = b3lb_config::Settings::default();
    settings.redis.address = Some("nowhere".to_owned());
    let refused = Store::open(&settings).await.map(drop).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the store cannot be used: redis.address is neither host:port nor the url of a Redis"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_holds_over_control_planes_and_after_redis_was_emptied() {
    let server = RedisServer::start().await;
    let stores = [Running::open(&on_redis(&server)).await, Running::open(&on_redis(&server)).await];
    stores[0].put(instances(&[ONE, TWO])).await;
    let limited = |id: &str, url| Claim { limit: Some(10), ..claim(id, url) };
    let race = async |name: &str| {
        let claims = (0..64).map(|i| {
            let (store, claim) = (stores[i % 2].store.clone(), limited(&format!("{name} {i}"), ONE));
            tokio::spawn(async move { store.claim(&claim).await.unwrap() })
        });
        let claimed: Vec<_> = join_all(claims).await.into_iter().map(Result::unwrap).collect();
        claimed.iter().filter(|claimed| **claimed == Claimed::Placed).count()
    };
    assert_eq!(race("first").await, 10);
    // What is moved is not counted twice, and what is released gives its place to another.
    let state = stores[0].state();
    let (moved, _) = state.placements.iter().next().unwrap();
    let elsewhere = Claim { meeting: moved.clone(), leaving: Some(ONE.into()), ..limited("", TWO) };
    assert_eq!(stores[0].claim(&elsewhere).await.unwrap(), Claimed::Placed);
    let released = state.placements.keys().nth(1).unwrap().clone();
    stores[0].put(vec![Change::Released(released)]).await;
    assert_eq!(race("second").await, 1);
    let epoch = stores[0].state().epoch;
    server.run::<()>(&["FLUSHALL"]).await;
    for store in &stores {
        store.until(|state| state.epoch != epoch).await;
    }
    assert_eq!(race("third").await, 0);
    // Nine are on the one, and go with it.
    stores[1].put(vec![Change::InstanceRemoved(ONE.into()), Change::Instance(instance(ONE))]).await;
    assert_eq!(race("fourth").await, 9);
}
