//! The port while Redis comes and goes, and several control planes on one Redis.

use super::{instance, place, simulated, wish};
use crate::program::{PATIENCE, Program, settings};
use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use b3lb_proto::v1::{AddInstanceRequest, FindRequest, FindResponse, PlaceResponse, StatusRequest, WatchRequest};
use tokio::time::timeout;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

fn on(redis: &RedisServer) -> Settings {
    let mut settings = settings();
    settings.redis.address = Some(redis.address());
    settings
}

async fn health(program: &Program) -> ServingStatus {
    let request = HealthCheckRequest { service: "b3lb.v1.Placement".to_owned() };
    HealthClient::new(program.channel()).check(request).await.unwrap().into_inner().status()
}

#[tokio::test]
async fn a_control_plane_says_that_it_is_not_ready_until_redis_is_there() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let program = Program::launch(on(&redis)).await;
    assert_eq!(program.get("/livez").await, (200, "ok\n".to_owned()));
    assert_eq!(program.get("/readyz").await, (503, "the store is not loaded yet\n".to_owned()));
    assert_eq!(health(&program).await, ServingStatus::NotServing);
    let refusal = program.admin().status(StatusRequest {}).await.unwrap_err();
    assert_eq!((refusal.code(), refusal.message()), (Code::Unavailable, "the store is not loaded yet; try again"));

    redis.restart().await;
    program.ready().await;
    assert_eq!(health(&program).await, ServingStatus::Serving);
    assert!(program.admin().status(StatusRequest {}).await.unwrap().into_inner().store_ok);
    program.end().await;
}

#[tokio::test]
async fn a_control_plane_that_waits_for_redis_can_be_ended() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let program = Program::launch(on(&redis)).await;
    assert_eq!(program.get("/livez").await.0, 200);
    program.end().await;
}

#[tokio::test]
async fn while_redis_is_away_what_is_known_is_served() {
    let [a] = &simulated().await;
    let mut redis = RedisServer::start().await;
    let program = Program::start(on(&redis)).await;
    let mut admin = program.admin();
    admin.add_instance(AddInstanceRequest { instance: Some(instance(a)) }).await.unwrap();
    place(&program, wish("m")).await.unwrap();
    redis.kill();
    assert_eq!(
        place(&program, wish("m")).await.unwrap(),
        PlaceResponse { instance: a.url(), existing: true, ..Default::default() }
    );
    assert_eq!(place(&program, wish("n")).await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(program.get("/readyz").await.0, 200);
    let noticed = timeout(PATIENCE, async {
        loop {
            let status = admin.status(StatusRequest {}).await.unwrap().into_inner();
            if !status.store_ok {
                return status;
            }
        }
    });
    let status = noticed.await.unwrap();
    assert_eq!((status.store.as_str(), status.meetings), ("redis", 1));
    assert!(program.get("/metrics").await.1.contains("\nb3lb_store_up 0\n"));
    let mut updates = program.placement().watch(WatchRequest::default()).await.unwrap().into_inner();
    let snapshot = updates.message().await.unwrap().unwrap().changes.unwrap();
    assert_eq!((snapshot.instances.len(), snapshot.placed.len()), (1, 1));

    redis.restart().await;
    let placed = timeout(PATIENCE, async {
        while place(&program, wish("n")).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    placed.await.unwrap();
    program.end().await;
}

#[tokio::test]
async fn what_one_control_plane_placed_every_other_one_finds_at_once() {
    let [a, b] = &simulated().await;
    let redis = RedisServer::start().await;
    let (one, other) = (Program::start(on(&redis)).await, Program::start(on(&redis)).await);
    for simulated in [a, b] {
        one.admin().add_instance(AddInstanceRequest { instance: Some(instance(simulated)) }).await.unwrap();
    }
    let epoch = |status: b3lb_proto::v1::PoolStatus| status.epoch;
    let one_epoch = epoch(one.admin().status(StatusRequest {}).await.unwrap().into_inner());
    assert_eq!(one_epoch, epoch(other.admin().status(StatusRequest {}).await.unwrap().into_inner()));
    for number in 0..100 {
        let wish = wish(&format!("m{number}"));
        let placed = place(&one, wish.clone()).await.unwrap();
        let find = FindRequest { tenant: wish.tenant, key: wish.key };
        let found = other.placement().find(find).await.unwrap().into_inner();
        assert_eq!(found, FindResponse { instance: placed.instance });
    }
}
