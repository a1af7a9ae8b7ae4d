//! What is remembered of meetings, and what operators are told of placements.

use super::{INSTANCE_SECRET, Pool, Shape};
use crate::wait::until;
use b3lb_proto::v1::{ExplainRequest, ExplainResponse, ListPlacementsRequest, PlacementReason};
use b3lb_sim::Frontend;
use bbb::Secret;
use std::time::Duration;

async fn explain(pool: &Pool, control_plane: usize, meeting_id: &str) -> ExplainResponse {
    let request = ExplainRequest { tenant: "*".to_owned(), meeting_id: meeting_id.to_owned() };
    let mut admin = pool.control_planes[control_plane].admin().await.unwrap();
    admin.explain(request).await.unwrap().into_inner()
}

async fn placements(pool: &Pool, control_plane: usize) -> Vec<PlacementReason> {
    let mut admin = pool.control_planes[control_plane].admin().await.unwrap();
    admin.list_placements(ListPlacementsRequest::default()).await.unwrap().into_inner().placements
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_weekly_course_is_expected_as_large_as_it_was() {
    let pool = Pool::start(Shape { control_planes: 2, listed: Duration::ZERO, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let asked = explain(&pool, 0, "weekly").await;
    assert_eq!((asked.expected_users, &*asked.expected_from, asked.placement), (15.0, "tenant", None));
    assert!(frontend.create("weekly").await.unwrap().succeeded());
    let holder = &pool.instances[pool.holders("weekly")[0]];
    let instance = Frontend::new(&holder.url(), Secret::new(INSTANCE_SECRET)).unwrap();
    for number in 0..6 {
        instance.join("weekly", &format!("student {number}")).await.unwrap();
    }
    // Both control planes learn what either of them sees.
    for control_plane in &pool.control_planes {
        until("the users are seen", async || control_plane.status().await.unwrap().users >= 6).await;
    }
    assert!(frontend.end("weekly").await.unwrap().succeeded());
    until("the meeting is over", async || pool.control_planes[0].meetings().await.unwrap().is_empty()).await;
    for control_plane in 0..2 {
        let is_known = async || explain(&pool, control_plane, "weekly").await.expected_from == "past";
        until("it knows the past", is_known).await;
        let again = explain(&pool, control_plane, "weekly").await;
        assert!(again.expected_users >= 6.0 && again.expected_from == "past", "{again:?}");
        let other = explain(&pool, control_plane, "another").await;
        assert!(other.expected_users < 15.0 && other.expected_from == "tenant", "{other:?}");
    }
    assert!(frontend.create("weekly").await.unwrap().succeeded());
    until("the other one knows it", async || explain(&pool, 1, "weekly").await.placement.is_some()).await;
    let placed = explain(&pool, 1, "weekly").await.placement.unwrap();
    assert_eq!((&*placed.reason, &*placed.expected_from, placed.eligible), ("chosen", "past", 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_control_plane_tells_why_meetings_were_placed_also_those_that_are_over() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, listed: Duration::ZERO, ..Shape::default() }).await;
    let frontends = pool.frontends();
    for number in 0..6 {
        assert!(frontends[number % 2].create(&format!("room-{number}")).await.unwrap().succeeded());
    }
    assert!(frontends[0].end("room-0").await.unwrap().succeeded());
    until("one is over", async || pool.control_planes[0].meetings().await.unwrap().len() == 5).await;
    for control_plane in 0..2 {
        until("it knows all", async || placements(&pool, control_plane).await.len() == 6).await;
        let told = placements(&pool, control_plane).await;
        let rooms: Vec<&str> = told.iter().map(|told| &*told.meeting_id).collect();
        assert_eq!(rooms, ["room-5", "room-4", "room-3", "room-2", "room-1", "room-0"]);
        for told in told {
            let sum: f64 = told.terms.iter().map(|term| term.value).sum();
            assert!(told.reason == "chosen" && told.score.is_some_and(|score| (score - sum).abs() < 1e-9), "{told:?}");
        }
    }
}
