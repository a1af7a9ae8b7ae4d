//! Proxies that place by themselves while no control plane answers, and what becomes of that.

use super::{INSTANCE_SECRET, Pool, Shape, succeeded};
use crate::wait::until;
use b3lb_proto::v1::ListPlacementsRequest;
use b3lb_sim::Frontend;
use bbb::Secret;
use futures::StreamExt;
use std::collections::BTreeMap;

/// Creates at the same time.
const CONCURRENCY: usize = 64;

/// Creates each of these through its proxy; all have to succeed.
async fn create_all(frontends: &[Frontend], creates: impl IntoIterator<Item = (usize, String)>) {
    let creates = creates.into_iter().map(|(proxy, id)| {
        let frontend = &frontends[proxy];
        async move {
            let answer = frontend.create(&id).await.unwrap();
            assert!(answer.succeeded(), "{id} through {proxy}: {}", answer.text());
        }
    });
    futures::stream::iter(creates).buffer_unordered(CONCURRENCY).collect::<Vec<()>>().await;
}

fn id(number: usize) -> String {
    format!("meeting-{number}")
}

/// Where each meeting is; none is anywhere twice.
fn whereabouts(pool: &Pool) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for (index, instance) in pool.instances.iter().enumerate() {
        for meeting in instance.meetings() {
            let other = all.insert(meeting.meeting_id.clone(), index);
            assert_eq!(other, None, "{} is on two instances", meeting.meeting_id);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_creates_without_a_control_plane_make_no_double() {
    let mut pool = Pool::start(Shape { proxies: 2, instances: 8, ..Shape::default() }).await;
    let frontends = pool.frontends();
    pool.control_planes[0].kill();

    // The first 50 on both proxies at the same moment, the next 50 on the other proxy afterwards.
    let first = (0..950).map(|number| (number % 2, id(number)));
    let at_once = (0..50).flat_map(|number| [(1 - number % 2, id(number))]);
    let mut creates: Vec<_> = first.collect();
    for (position, again) in at_once.enumerate() {
        creates.insert(2 * position + 1, again);
    }
    create_all(&frontends, creates).await;
    create_all(&frontends, (50..100).map(|number| (1 - number % 2, id(number)))).await;
    create_all(&frontends, (950..1000).map(|number| (number % 2, id(number)))).await;

    let placed = whereabouts(&pool);
    assert_eq!(placed.len(), 1000);
    for index in 0..pool.instances.len() {
        let share = placed.values().filter(|instance| **instance == index).count();
        assert!((30..=312).contains(&share), "instance {index} has {share}");
    }
    for number in (0..1000).step_by(50) {
        let join = frontends[1 - number % 2].join(&id(number), "somebody").await.unwrap();
        let location = join.headers["location"].to_str().unwrap();
        assert!(location.starts_with(&pool.instances[placed[&id(number)]].url()), "{number}: {location}");
    }

    pool.control_planes[0].start_again();
    until("the control plane knows them all", async || {
        pool.control_planes[0].meetings().await.is_ok_and(|meetings| meetings.len() == 1000)
    })
    .await;
    let known = pool.control_planes[0].meetings().await.unwrap();
    let expected: BTreeMap<String, String> =
        placed.iter().map(|(id, index)| (id.clone(), pool.instances[*index].url())).collect();
    assert_eq!(known, expected);
    // Of those that began at both proxies at the same moment, both may tell.
    until("it was told of them", async || {
        pool.control_planes[0].status().await.is_ok_and(|status| (1000..=1050).contains(&status.placed_alone))
    })
    .await;
    let mut admin = pool.control_planes[0].admin().await.unwrap();
    let told = admin.list_placements(ListPlacementsRequest::default()).await.unwrap().into_inner().placements;
    assert!(told.iter().any(|told| told.reason == "alone"), "{:?}", told.first());
    for frontend in &frontends {
        until("both proxies route all of them", async || succeeded(frontend.info(&id(999)).await)).await;
        assert_eq!(frontend.meetings().await.unwrap().elements("meetingID").len(), 1000);
    }
    assert_eq!((pool.received("end"), whereabouts(&pool).len()), (0, 1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_meetings_begin_and_are_known_when_it_is_back() {
    let mut pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    create_all(&frontends, [(0, id(0))]).await;
    pool.redis.kill();
    create_all(&frontends, (1..40).map(|number| (number % 2, id(number)))).await;
    create_all(&frontends, (1..40).map(|number| (1 - number % 2, id(number)))).await;
    assert_eq!(whereabouts(&pool).len(), 40);
    pool.redis.start_again().await;
    for control_plane in &pool.control_planes {
        until("all of them are known", async || control_plane.meetings().await.is_ok_and(|all| all.len() == 40)).await;
    }
    assert_eq!((pool.received("end"), whereabouts(&pool).len()), (0, 40));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_is_settled_where_the_users_are_and_nothing_is_ended() {
    let pool = Pool::start(Shape { proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    create_all(&frontends, [(0, id(0))]).await;
    let [first] = pool.holders(&id(0)).try_into().unwrap();
    // As a proxy would that knew too little of the pool.
    let other = &pool.instances[(first + 1) % 3];
    let direct = Frontend::new(&other.url(), Secret::new(INSTANCE_SECRET)).unwrap();
    assert!(direct.create(&id(0)).await.unwrap().succeeded());
    for number in 0..3 {
        direct.join(&id(0), &format!("user {number}")).await.unwrap();
    }
    until("it is where its users are", async || {
        pool.control_planes[0].meetings().await.unwrap().get(&id(0)) == Some(&other.url())
    })
    .await;
    for frontend in &frontends {
        until("proxies send users there", async || {
            let join = frontend.join(&id(0), "one more").await.unwrap();
            join.headers["location"].to_str().unwrap().starts_with(&other.url())
        })
        .await;
    }
    assert_eq!((pool.received("end"), pool.holders(&id(0)).len()), (0, 2));
}
