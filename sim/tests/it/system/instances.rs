//! What frontends see of instances that fail.

use super::{Pool, Shape};
use crate::wait::until;
use b3lb_sim::Fault;
use http::StatusCode;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_poll_forgets_no_meeting() {
    let pool = Pool::start(Shape { proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    assert!(frontends[0].create("weekly").await.unwrap().succeeded());
    let holder = pool.holders("weekly");
    for fault in [Fault::Status(502), Fault::Garbage, Fault::Truncated, Fault::Status(500)] {
        for instance in &pool.instances {
            instance.fail(Some(fault.clone())).await;
        }
        pool.until_polled(1).await;
        for instance in &pool.instances {
            instance.fail(None).await;
        }
        for frontend in &frontends {
            assert_eq!(frontend.info("weekly").await.unwrap().element("meetingID"), Some("weekly"), "{fault:?}");
        }
        pool.until_polled(2).await;
        let placed = pool.control_planes[0].meetings().await.unwrap();
        assert_eq!(placed.get("weekly"), Some(&pool.instances[holder[0]].url()), "{fault:?}");
    }
    let again = frontends[1].create("weekly").await.unwrap();
    assert_eq!(again.element("messageKey"), Some("duplicateWarning"), "{}", again.text());
    assert_eq!(pool.holders("weekly"), holder);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_passed_on_and_not_followed() {
    let pool = Pool::start(Shape { instances: 2, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    frontend.create("weekly").await.unwrap();
    let holder = pool.holders("weekly")[0];
    let other = &pool.instances[1 - holder];
    let trap = format!("{}/api/getMeetingInfo?trap", other.url());
    pool.instances[holder].fail(Some(Fault::Redirect(trap.clone()))).await;
    let answer = frontend.info("weekly").await.unwrap();
    assert_eq!((answer.status, answer.headers["location"].as_bytes()), (StatusCode::FOUND, trap.as_bytes()));
    assert_eq!(other.received("getMeetingInfo"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_is_down_takes_no_new_meetings() {
    let pool = Pool::start(Shape::default()).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let dead = &pool.instances[0];
    dead.fail(Some(Fault::Down)).await;
    // At once, since what cannot be connected is placed elsewhere, and later, since it is not eligible any more.
    assert!(frontend.create("at-once").await.unwrap().succeeded());
    until("the instance is not eligible", async || {
        let status = pool.control_planes[0].status().await.unwrap();
        status.instances.iter().any(|instance| instance.url == dead.url() && !instance.online)
    })
    .await;
    for number in 0..30 {
        let answer = frontend.create(&format!("later-{number}")).await.unwrap();
        assert!(answer.succeeded(), "{}", answer.text());
    }
    assert_eq!(frontend.meetings().await.unwrap().elements("meetingID").len(), 31);
    dead.fail(None).await;
    assert_eq!((dead.received("create"), dead.meetings()), (0, vec![]));
    pool.until_complete().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_hangs_delays_a_list_no_longer_than_the_deadline() {
    let pool = Pool::start(Shape { call_timeout: Duration::from_secs(2), ..Shape::default() }).await;
    let [mut frontend] = pool.frontends().try_into().unwrap();
    for number in 0..30 {
        assert!(frontend.create(&format!("meeting-{number}")).await.unwrap().succeeded());
    }
    let hanging = &pool.instances[0];
    let elsewhere = 30 - hanging.meetings().len();
    hanging.fail(Some(Fault::Hang)).await;
    // The frontend is more patient than the proxy, as Greenlight is.
    frontend.deadline = Duration::from_secs(10);
    let list = frontend.meetings().await.unwrap();
    assert!(list.succeeded(), "{}", list.text());
    assert_eq!(list.elements("meetingID").len(), elsewhere);
    for other in &pool.instances[1..] {
        let id = &other.meetings()[0].meeting_id;
        assert_eq!(frontend.info(id).await.unwrap().element("meetingID"), Some(id.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_that_speak_https_are_reached_by_both_planes() {
    let pool = Pool::start(Shape { https: true, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let created = frontend.create("weekly").await.unwrap();
    assert!(created.succeeded(), "{}", created.text());
    assert_eq!(frontend.meetings().await.unwrap().elements("meetingID"), ["weekly"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_telegraf_writes_is_shown() {
    let pool = Pool::start(Shape::default()).await;
    until("the load of every instance is known", async || {
        let status = pool.control_planes[0].status().await.unwrap();
        status.metrics_ok && status.instances.iter().all(|instance| instance.cpu.is_some() && instance.mem.is_some())
    })
    .await;
}
