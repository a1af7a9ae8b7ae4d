//! What frontends see when Redis restarts or is emptied.

use super::{Pool, Shape, succeeded};
use crate::wait::until;

const IDS: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

async fn pool_with_meetings() -> Pool {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    for (number, id) in IDS.iter().enumerate() {
        let answer = frontends[number % 2].create(id).await.unwrap();
        assert!(answer.succeeded(), "{}", answer.text());
    }
    pool
}

/// Every meeting is where it was, for every proxy, and nobody was told to end one.
async fn assert_nothing_is_lost(pool: &Pool) {
    for frontend in pool.frontends() {
        for id in IDS {
            let found = frontend.info(id).await.unwrap();
            assert_eq!(found.element("meetingID"), Some(id), "{}", found.text());
            let again = frontend.create(id).await.unwrap();
            assert_eq!(again.element("messageKey"), Some("duplicateWarning"), "{}", again.text());
        }
    }
    let scattered: Vec<_> = IDS.iter().filter(|id| pool.holders(id).len() != 1).collect();
    assert_eq!(scattered, Vec::<&&str>::new());
    assert_eq!(pool.received("end"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_redis_loses_nothing() {
    let mut pool = pool_with_meetings().await;
    pool.redis.kill();
    for frontend in pool.frontends() {
        for id in IDS {
            assert_eq!(frontend.info(id).await.unwrap().element("meetingID"), Some(id));
        }
        // Proxies place by themselves, and agree where.
        assert!(frontend.create("alone").await.unwrap().succeeded());
    }
    assert_eq!(pool.holders("alone").len(), 1);
    pool.redis.start_again().await;
    for frontend in pool.frontends() {
        until("meetings are created again", async || succeeded(frontend.create("seven").await)).await;
    }
    assert_eq!(pool.holders("seven").len(), 1);
    assert_nothing_is_lost(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_hangs_is_as_one_that_is_away() {
    let pool = pool_with_meetings().await;
    pool.redis.pause(true);
    for frontend in pool.frontends() {
        for id in IDS {
            assert_eq!(frontend.info(id).await.unwrap().element("meetingID"), Some(id));
        }
        assert!(frontend.create("alone").await.unwrap().succeeded());
    }
    let holders = pool.holders("alone");
    assert_eq!(holders.len(), 1);
    pool.redis.pause(false);
    // What Redis was asked while it hung may have been written after all, for another instance.
    until("it is known where it is", async || {
        let meetings = pool.control_planes[0].meetings().await.unwrap();
        meetings.get("alone") == Some(&pool.instances[holders[0]].url())
    })
    .await;
    for frontend in pool.frontends() {
        until("meetings are created again", async || succeeded(frontend.create("seven").await)).await;
    }
    assert_nothing_is_lost(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_lost_its_last_changes_gets_them_back_from_the_pool() {
    let mut pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    let length = pool.redis.log_length();
    for id in IDS {
        assert!(frontends[0].create(id).await.unwrap().succeeded());
    }
    let before = pool.control_planes[0].meetings().await.unwrap();
    pool.redis.kill_and_roll_back(length);
    pool.redis.start_again().await;
    until("Redis holds the meetings again", async || {
        let length = pool.redis.command("HLEN {b3lb}:meetings").await;
        length.is_ok_and(|length| length == format!(":{}", IDS.len()))
    })
    .await;
    for control_plane in &pool.control_planes {
        until("they are where they were", async || control_plane.meetings().await.is_ok_and(|after| after == before))
            .await;
    }
    assert_nothing_is_lost(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_emptied_redis_is_filled_from_the_pool() {
    let pool = pool_with_meetings().await;
    let before = pool.control_planes[0].meetings().await.unwrap();
    assert_eq!(pool.redis.command("FLUSHALL").await.unwrap(), "+OK");
    for control_plane in &pool.control_planes {
        until("the map is rebuilt", async || {
            control_plane
                .meetings()
                .await
                .is_ok_and(|after| before.iter().all(|(id, instance)| after.get(id) == Some(instance)))
        })
        .await;
    }
    until("Redis holds the pool again", async || {
        let length = pool.redis.command("HLEN {b3lb}:meetings").await;
        length.is_ok_and(|length| length == format!(":{}", IDS.len()))
    })
    .await;
    pool.until_complete().await;
    assert_nothing_is_lost(&pool).await;
}
