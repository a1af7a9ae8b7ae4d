//! What frontends see of instances that fail.

use super::{Pool, Shape, succeeded};
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
    // By then it is old enough to be released, had it really ended.
    pool.until_polled(10).await;
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
async fn an_instance_that_hangs_hides_no_other_that_is_down() {
    let pool = Pool::start(Shape { instances: 2, ..Shape::default() }).await;
    pool.instances[0].fail(Some(Fault::Hang)).await;
    pool.instances[1].fail(Some(Fault::Down)).await;
    until("both are known to be away", async || {
        let status = pool.control_planes[0].status().await.unwrap();
        status.instances.iter().all(|instance| !instance.online)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_meeting_whose_instance_is_gone_begins_again_elsewhere() {
    let pool = Pool::start(Shape { proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    assert!(frontends[0].create("weekly").await.unwrap().succeeded());
    let gone = pool.holders("weekly")[0];
    pool.instances[gone].fail(Some(Fault::Down)).await;
    until("the meeting begins again", async || succeeded(frontends[0].create("weekly").await)).await;
    let [first, second] = pool.holders("weekly").try_into().unwrap();
    let elsewhere = if first == gone { second } else { first };
    for frontend in &frontends {
        until("it is found where it is now", async || succeeded(frontend.info("weekly").await)).await;
    }
    assert_eq!(pool.instances[elsewhere].creates()["weekly"], 1);

    // What comes back is not what is asked, even though it has a meeting of this id.
    pool.instances[gone].fail(None).await;
    pool.until_complete().await;
    pool.until_polled(3).await;
    let asked = pool.instances[gone].received("getMeetingInfo");
    for frontend in &frontends {
        assert!(frontend.info("weekly").await.unwrap().succeeded());
    }
    assert_eq!(pool.instances[gone].received("getMeetingInfo"), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_may_have_arrived_is_sent_to_no_other_instance() {
    let pool = Pool::start(Shape { create_timeout: Duration::from_secs(1), ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    for (number, fault) in [Fault::Truncated, Fault::Hang, Fault::Garbage, Fault::Status(500)].into_iter().enumerate() {
        for instance in &pool.instances {
            instance.fail(Some(fault.clone())).await;
        }
        let id = format!("meeting-{number}");
        let answer = frontend.create(&id).await;
        assert!(!succeeded(answer), "{fault:?}");
        assert_eq!(pool.creates(&id).len(), 1, "{fault:?}");
        for instance in &pool.instances {
            instance.fail(None).await;
        }
        pool.until_complete().await;
        let again = frontend.create(&id).await.unwrap();
        assert!(again.succeeded(), "{fault:?}: {}", again.text());
        assert_eq!((pool.creates(&id).len(), pool.holders(&id).len()), (1, 1), "{fault:?}");
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
