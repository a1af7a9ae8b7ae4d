//! Customers who share the pool and see nothing of each other.

use super::{Pool, Shape, succeeded};
use crate::wait::until;
use b3lb_proto::v1::{PutTenantRequest, Tenant};
use b3lb_sim::Frontend;
use bbb::Secret;

/// A frontend of a new tenant.
pub(crate) async fn tenant(pool: &Pool, host: &str, secrets: &[&str], instances: Vec<String>) -> Frontend {
    let tenant = Tenant {
        host: host.to_owned(),
        secrets: secrets.iter().map(|secret| (*secret).to_owned()).collect(),
        instances,
        ..Tenant::default()
    };
    let mut admin = pool.control_planes[0].admin().await.unwrap();
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
    let host = Some(host.to_owned());
    let frontend = Frontend { host, secret: Secret::new(secrets[0]), ..pool.proxies[0].frontend.clone() };
    until("the proxy knows the tenant", async || frontend.meetings().await.unwrap().succeeded()).await;
    frontend
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_only_their_own_meetings() {
    let pool = Pool::start(Shape::default()).await;
    let red = tenant(&pool, "red.example.org", &["red-secret"], vec![]).await;
    let blue = tenant(&pool, "blue.example.org", &["blue-secret"], vec![]).await;
    for number in 0..10 {
        for frontend in [&red, &blue] {
            let created = frontend.create(&format!("room-{number}")).await.unwrap();
            assert!(created.succeeded() && created.element("messageKey") == Some(""), "{}", created.text());
        }
    }
    assert!(red.create("red-only").await.unwrap().succeeded());
    for number in 0..10 {
        assert_eq!(pool.holders(&format!("room-{number}")).len(), 2, "one instance would take them for one meeting");
    }
    assert_eq!(red.meetings().await.unwrap().elements("meetingID").len(), 11);
    assert_eq!(blue.meetings().await.unwrap().elements("meetingID").len(), 10);
    assert_eq!(blue.info("red-only").await.unwrap().element("messageKey"), Some("notFound"));
    assert_eq!(blue.end("red-only").await.unwrap().element("messageKey"), Some("notFound"));
    assert!(red.info("red-only").await.unwrap().succeeded());

    let thief = Frontend { secret: Secret::new("red-secret"), ..blue.clone() };
    assert_eq!(thief.meetings().await.unwrap().element("messageKey"), Some("checksumError"));
    assert!(blue.end("room-1").await.unwrap().succeeded());
    let red_room = red.info("room-1").await.unwrap();
    assert_eq!(red_room.element("hasBeenForciblyEnded"), Some("false"), "{}", red_room.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_encoded_parameter_reaches_nobody_elses_meeting() {
    let pool = Pool::start(Shape::default()).await;
    let shared = vec![pool.instances[0].url()];
    let red = tenant(&pool, "red.example.org", &["red-secret"], shared.clone()).await;
    let blue = tenant(&pool, "blue.example.org", &["blue-secret"], shared).await;
    assert!(red.create("red-only").await.unwrap().succeeded());
    assert!(blue.create("blue-only").await.unwrap().succeeded());
    // The instance would take the first of the two, and we the one whose name is not encoded.
    let stolen = blue.get(&blue.target("getMeetingInfo", "meetingI%44=red-only&meetingID=blue-only")).await.unwrap();
    assert_eq!(stolen.element("messageKey"), Some("validationError"), "{}", stolen.text());
    let stolen = blue.get(&blue.target("getMeetingInfo", "meetingI%44=red-only")).await.unwrap();
    assert_eq!(stolen.element("messageKey"), Some("notFound"), "{}", stolen.text());
    let own = blue.get(&blue.target("getMeetingInfo", "meetingI%44=blue-only")).await.unwrap();
    assert!(own.succeeded(), "{}", own.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_stays_on_its_instances_and_may_change_its_secret() {
    let pool = Pool::start(Shape::default()).await;
    let own = vec![pool.instances[1].url()];
    let old = tenant(&pool, "red.example.org", &["old-secret"], own.clone()).await;
    for number in 0..10 {
        assert!(old.create(&format!("room-{number}")).await.unwrap().succeeded());
    }
    assert_eq!([0, 1, 2].map(|index| pool.instances[index].received("create")), [0, 10, 0]);
    // While a secret is changed, both are valid.
    let new = tenant(&pool, "red.example.org", &["new-secret", "old-secret"], own).await;
    for frontend in [&old, &new] {
        assert_eq!(frontend.meetings().await.unwrap().elements("meetingID").len(), 10);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn breakout_rooms_are_where_their_parent_is() {
    let pool = Pool::start(Shape { proxies: 2, ..Shape::default() }).await;
    let [one, other] = [&pool.proxies[0].frontend, &pool.proxies[1].frontend];
    assert!(one.create("parent").await.unwrap().succeeded());
    for number in 0..8 {
        let id = format!("breakout-{number}");
        let params = [("meetingID", &*id), ("name", "Room"), ("isBreakout", "true"), ("parentMeetingID", "parent")];
        let created = one.call("create", &params).await.unwrap();
        assert!(created.succeeded(), "{}", created.text());
        assert_eq!(pool.holders(&id), pool.holders("parent"));
        let internal = created.element("internalMeetingID").unwrap().to_owned();
        // BigBlueButton knows them by nothing else, and has made it up.
        until("its internal id is known", async || succeeded(other.info(&internal).await)).await;
    }
    let orphan = [("meetingID", "orphan"), ("name", "Room"), ("isBreakout", "true"), ("parentMeetingID", "nobody")];
    let refused = one.call("create", &orphan).await.unwrap();
    assert_eq!(refused.element("messageKey"), Some("parentMeetingDoesNotExist"), "{}", refused.text());
    assert_eq!(other.meetings().await.unwrap().elements("meetingID").len(), 9);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_beginning_of_an_internal_id_reaches_nobody_elses_meeting() {
    let pool = Pool::start(Shape::default()).await;
    let shared = vec![pool.instances[0].url()];
    let red = tenant(&pool, "red.example.org", &["red-secret"], shared.clone()).await;
    let blue = tenant(&pool, "blue.example.org", &["blue-secret"], shared).await;
    let created = red.create("red-only").await.unwrap();
    let internal = created.element("internalMeetingID").unwrap();
    // An instance takes these for the beginning of that id, before it takes them for the meetingID that they are.
    for length in [4, 12, 39, 40, 42] {
        let id = &internal[..length];
        assert!(blue.call("create", &[("meetingID", id), ("name", "Trap")]).await.unwrap().succeeded());
        let info = blue.info(id).await.unwrap();
        assert_eq!(info.element("meetingID"), Some(id), "{}", info.text());
        let joined = blue.join(id, "Mallory").await.unwrap();
        let location = joined.headers["location"].to_str().unwrap().split_once("/bigbluebutton/").unwrap().1.to_owned();
        let beside = Frontend::new(&pool.instances[0].url(), pool.instances[0].secret().clone()).unwrap();
        let ticket = beside.get(&format!("/bigbluebutton/{location}")).await.unwrap();
        assert_ne!(ticket.element("meeting_id"), Some(internal), "{}", ticket.text());
        assert!(blue.end(id).await.unwrap().succeeded());
    }
    let info = red.info("red-only").await.unwrap();
    assert_eq!(info.element("hasBeenForciblyEnded"), Some("false"), "{}", info.text());
    assert_eq!(info.element("participantCount"), Some("0"), "{}", info.text());
}
