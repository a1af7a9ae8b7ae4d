//! Many creates at the same moment.

use super::{Pool, Shape};
use b3lb_sim::Fault;
use b3lb_sim::load::Load;
use futures::future::join_all;
use std::time::Duration;

/// As fast as a BigBlueButton under load.
const SLOW: Fault = Fault::Slow(Duration::from_millis(100));

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_creates_spreads_over_the_pool() {
    let pool = Pool::start(Shape { instances: 22, ..Shape::default() }).await;
    for instance in &pool.instances {
        instance.fail(Some(SLOW)).await;
    }
    let load = Load { creates: 200, concurrency: 64, prefix: "burst-".to_owned() };
    let report = load.run(&pool.frontends()).await;
    assert_eq!((report.created, report.failed), (200, 0), "{report}");

    let meetings: Vec<_> = pool.instances.iter().map(|instance| instance.meetings().len()).collect();
    assert_eq!(meetings.iter().sum::<usize>(), 200, "{meetings:?}");
    assert!(meetings.iter().all(|count| *count <= 12), "{meetings:?}");
    assert_eq!(pool.received("create"), 200, "none is sent twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_of_one_meeting_reach_one_instance() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    for instance in &pool.instances {
        instance.fail(Some(SLOW)).await;
    }
    let frontends = pool.frontends();
    let creates = (0..20).map(|number| frontends[number % 2].create("weekly"));
    for answer in join_all(creates).await {
        let answer = answer.unwrap();
        assert!(answer.succeeded(), "{}", answer.text());
    }
    let reached = pool.instances.iter().filter(|instance| instance.received("create") > 0).count();
    assert_eq!((reached, pool.holders("weekly").len(), pool.received("create")), (1, 1, 20));
}
