//! Redis loses its history, in all the ways it can.

use super::{ONE, Running, TWO, claim, eventually, instances, on_redis, place_of};
use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use b3lb_control_plane::state::{Change, Delta};
use b3lb_control_plane::store::{Claim, Claimed, Store, StoreError};
use bbb::Secret;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinSet;

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_redis_is_restored_under_a_new_epoch() {
    let server = RedisServer::start().await;
    let stores = [Running::open(&on_redis(&server)).await, Running::open(&on_redis(&server)).await];
    stores[0].put(instances(&[ONE, TWO])).await;
    for i in 0..2500 {
        stores[i % 2].claim(&claim(&i.to_string(), ONE)).await.unwrap();
    }
    let before = stores[1].state();
    stores[0].until(|state| *state == before).await;
    server.run::<()>(&["FLUSHALL"]).await;
    for store in &stores {
        store.until(|state| state.epoch != before.epoch).await;
        // Compared by their difference, since the whole would fill the screen.
        assert_eq!(store.state().since(&before), Delta::default());
    }
    assert_eq!(stores[0].state().epoch, stores[1].state().epoch);
    // Whoever comes new finds it in Redis.
    let third = Running::open(&on_redis(&server)).await;
    assert_eq!(third.state().since(&before), Delta::default());
    assert_eq!(third.claim(&claim("new", TWO)).await.unwrap(), Claimed::Placed);
    stores[1].until(|state| place_of(state, "new").as_deref() == Some(TWO)).await;
}

/// Two control planes claim the same meetings for different instances all the time, while Redis is emptied three times. Whatever
/// instance a claim was told, every later claim must be told the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_meeting_is_placed_once_even_while_redis_is_emptied() {
    let server = RedisServer::start().await;
    let stores = [Running::open(&on_redis(&server)).await, Running::open(&on_redis(&server)).await];
    stores[0].put(instances(&[ONE, TWO])).await;
    stores[1].until(|state| state.instances.len() == 2).await;
    let done = Arc::new(AtomicBool::new(false));
    let mut claims = JoinSet::new();
    for worker in 0..8 {
        let (store, done) = (stores[worker % 2].store.clone(), done.clone());
        claims.spawn(async move { hammer(&store, worker, &done).await });
    }
    for _ in 0..3 {
        let before = stores[0].state();
        stores[0].until(|state| state.placements.len() > before.placements.len() + 200).await;
        let epoch = stores[0].state().epoch;
        server.run::<()>(&["FLUSHALL"]).await;
        for store in &stores {
            store.until(|state| state.epoch != epoch).await;
        }
        eventually(|| stores.iter().all(|store| store.is_available())).await;
    }
    done.store(true, Ordering::Relaxed);
    let mut places: HashMap<String, String> = HashMap::new();
    for (id, url) in claims.join_all().await.into_iter().flatten() {
        let known = places.entry(id.clone()).or_insert_with(|| url.clone());
        assert_eq!(*known, url, "meeting {id} was placed twice");
    }
    stores[0].until(|state| places.iter().all(|(id, url)| place_of(state, id).as_ref() == Some(url))).await;
}

/// Claims one meeting after the other until told to stop; every answer.
async fn hammer(store: &Store, worker: usize, done: &AtomicBool) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    let mut next = 0;
    while !done.load(Ordering::Relaxed) {
        // Pairs of workers, one on each store, are after the same meetings.
        let id = format!("{}-{next}", worker / 2);
        let url = if worker.is_multiple_of(2) { ONE } else { TWO };
        match store.claim(&claim(&id, url)).await {
            Ok(Claimed::Placed) => answers.push((id, url.to_owned())),
            Ok(Claimed::Existing(existing)) => answers.push((id, existing.instance.to_string())),
            Ok(Claimed::Refused(refusal)) => panic!("{refusal:?}"),
            Err(StoreError::Unavailable(_)) => {
                tokio::task::yield_now().await;
                continue;
            }
            Err(error) => panic!("{error}"),
        }
        next += 1;
    }
    answers
}

#[tokio::test]
async fn what_a_restart_lost_is_restored_under_a_new_epoch() {
    let mut server = RedisServer::start_forgetful().await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    store.claim(&claim("kept", ONE)).await.unwrap();
    server.run::<()>(&["SAVE"]).await;
    store.put(instances(&[TWO])).await;
    store.claim(&claim("lost", TWO)).await.unwrap();
    let before = store.state();
    server.kill();
    server.restart().await;
    store.until(|state| state.epoch != before.epoch).await;
    let after = store.state();
    assert_eq!((&after.instances, &after.placements), (&before.instances, &before.placements));
    let other = Running::open(&on_redis(&server)).await;
    assert_eq!(other.state(), after);
}

#[tokio::test]
async fn another_history_is_taken_whole() {
    let server = RedisServer::start().await;
    let cut_off = Running::open(&as_user(&server).await).await;
    cut_off.put(instances(&[ONE])).await;
    cut_off.claim(&claim("m", ONE)).await.unwrap();
    lock_out(&server).await;
    eventually(|| !cut_off.is_available()).await;
    server.run::<()>(&["FLUSHALL"]).await;
    let other = Running::open(&on_redis(&server)).await;
    other.put(instances(&[TWO])).await;
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "on"]).await;
    cut_off.until(|state| *state == other.state()).await;
    assert_eq!(cut_off.claim(&claim("m", TWO)).await.unwrap(), Claimed::Placed);
}

#[tokio::test]
async fn a_new_history_without_any_record_is_filled_from_memory() {
    let server = RedisServer::start().await;
    let cut_off = Running::open(&as_user(&server).await).await;
    cut_off.put(instances(&[ONE])).await;
    cut_off.claim(&claim("m", ONE)).await.unwrap();
    let before = cut_off.state();
    lock_out(&server).await;
    eventually(|| !cut_off.is_available()).await;
    server.run::<()>(&["FLUSHALL"]).await;
    let fresh = Running::open(&on_redis(&server)).await;
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "on"]).await;
    fresh.until(|state| state.placements == before.placements).await;
    eventually(|| fresh.is_available()).await;
    assert_eq!(fresh.claim(&claim("m", ONE)).await.unwrap(), Claimed::Existing(super::placement(ONE)));
}

#[tokio::test]
async fn a_control_plane_that_was_cut_off_too_long_loads_everything_anew() {
    let server = RedisServer::start().await;
    let cut_off = Running::open(&as_user(&server).await).await;
    let other = Running::open(&on_redis(&server)).await;
    cut_off.put(instances(&[ONE, TWO])).await;
    cut_off.claim(&claim("moved", ONE)).await.unwrap();
    cut_off.claim(&claim("released", ONE)).await.unwrap();
    let before = cut_off.state();
    other.until(|state| *state == before).await;
    lock_out(&server).await;
    eventually(|| !cut_off.is_available()).await;
    let moved = Claim { leaving: Some(ONE.into()), ..claim("moved", TWO) };
    assert_eq!(other.claim(&moved).await.unwrap(), Claimed::Placed);
    other.put(vec![Change::Released(super::meeting("t", "released"))]).await;
    server.run::<()>(&["XTRIM", "{b3lb}:changes", "MAXLEN", "1"]).await;
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "on"]).await;
    cut_off.until(|state| *state == other.state()).await;
    assert_eq!(cut_off.state().epoch, before.epoch);
    assert_eq!(place_of(&cut_off.state(), "moved").as_deref(), Some(TWO));
}

#[tokio::test]
async fn a_change_that_is_not_understood_is_read_from_the_tables() {
    let server = RedisServer::start().await;
    let store = Running::open(&on_redis(&server)).await;
    store.put(instances(&[ONE])).await;
    let before = store.state();
    let (epoch, after) = (before.epoch.to_string(), before.revision.to_string());
    let tenant = r#"{"host":"t","colour":"red"}"#;
    server.run::<()>(&["HSET", "{b3lb}:tenants", "t", tenant]).await;
    let changes = r#"[{"painted":{"host":"t","colour":"red"}}]"#;
    let entry = ["XADD", "{b3lb}:changes", "*", "epoch", &epoch, "after", &after, "changes", changes];
    server.run::<String>(&entry).await;
    store.until(|state| state.tenants.len() == 1).await;
    assert_eq!(store.state().epoch, before.epoch);
    eventually(|| store.is_available()).await;
    store.put(instances(&[TWO])).await;
}

/// The settings of a control plane that can be locked out.
async fn as_user(server: &RedisServer) -> Settings {
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "on", ">secret", "~*", "&*", "+@all"]).await;
    let mut settings = on_redis(server);
    settings.redis.username = Some("b3lb".to_owned());
    settings.redis.password = Some(Secret::new("secret"));
    settings
}

async fn lock_out(server: &RedisServer) {
    server.run::<()>(&["ACL", "SETUSER", "b3lb", "off"]).await;
    server.run::<i64>(&["CLIENT", "KILL", "USER", "b3lb"]).await;
}
