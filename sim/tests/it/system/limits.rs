//! What a tenant may not exceed, and the numbers that its meetings are given.

use super::{Pool, Shape};
use crate::wait::until;
use b3lb_proto::v1::{PutTenantRequest, Tenant, VoiceBridges};
use b3lb_sim::Frontend;
use bbb::Secret;
use futures::future::join_all;
use std::collections::BTreeSet;

/// A frontend of this tenant at each proxy.
async fn frontends(pool: &Pool, tenant: Tenant) -> Vec<Frontend> {
    let tenant = Tenant { host: "red.example.org".to_owned(), secrets: vec!["red-secret".to_owned()], ..tenant };
    let host = Some(tenant.host.clone());
    let mut admin = pool.control_planes[0].admin().await.unwrap();
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
    let mut frontends = Vec::new();
    for frontend in pool.frontends() {
        let frontend = Frontend { host: host.clone(), secret: Secret::new("red-secret"), ..frontend };
        until("the proxy knows the tenant", async || frontend.meetings().await.unwrap().succeeded()).await;
        frontends.push(frontend);
    }
    frontends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_has_no_more_meetings_than_it_may_through_all_proxies() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = frontends(&pool, Tenant { meeting_pool: Some(7), ..Tenant::default() }).await;
    let creates = (0..40).map(|number| {
        let frontend = &frontends[number % 2];
        async move { frontend.create(&format!("room-{number}")).await.unwrap() }
    });
    let answers = join_all(creates).await;
    let refused: Vec<_> = answers.iter().filter(|answer| !answer.succeeded()).collect();
    assert_eq!(refused.len(), 33);
    assert!(refused.iter().all(|answer| answer.element("messageKey") == Some("meetingPoolReached")));
    let running = frontends[0].meetings().await.unwrap();
    let ids = running.elements("meetingID");
    assert_eq!(ids.len(), 7);
    assert!(frontends[1].create(ids[0]).await.unwrap().succeeded(), "it exists already");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_is_refused_by_its_instance_gives_its_place_back() {
    let pool = Pool::start(Shape::default()).await;
    let frontend = &frontends(&pool, Tenant { meeting_pool: Some(1), ..Tenant::default() }).await[0];
    let nameless = frontend.call("create", &[("meetingID", "nameless")]).await.unwrap();
    assert_eq!(nameless.element("messageKey"), Some("nullError"), "{}", nameless.text());
    until("another one can be created", async || frontend.create("room").await.unwrap().succeeded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_users_come_in_than_may() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = frontends(&pool, Tenant { user_pool: Some(5), ..Tenant::default() }).await;
    assert!(frontends[0].create("room").await.unwrap().succeeded());
    let joins = (0..12).map(|number| {
        let frontend = &frontends[number % 2];
        async move { frontend.join("room", &format!("user {number}")).await.unwrap() }
    });
    let answers = join_all(joins).await;
    let refused = answers.iter().filter(|answer| answer.element("messageKey") == Some("userPoolReached")).count();
    assert_eq!(refused, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_meeting_has_a_number_of_its_own() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let voice_bridges = Some(VoiceBridges { first: 50_001, last: 50_040, digits: 0 });
    let frontends = frontends(&pool, Tenant { voice_bridges, ..Tenant::default() }).await;
    let creates = (0..40).map(|number| {
        let frontend = &frontends[number % 2];
        async move { frontend.create(&format!("room-{number}")).await.unwrap() }
    });
    let answers = join_all(creates).await;
    let numbers: BTreeSet<u32> =
        answers.iter().map(|answer| answer.element("voiceBridge").unwrap().parse().unwrap()).collect();
    assert_eq!(numbers, (50_001..=50_040).collect());
    let again = frontends[1].create("room-0").await.unwrap();
    assert_eq!(again.element("voiceBridge"), answers[0].element("voiceBridge"), "it keeps its number");
    assert!(frontends[0].create("one-more").await.unwrap().succeeded(), "a class begins without one of its own");
}
