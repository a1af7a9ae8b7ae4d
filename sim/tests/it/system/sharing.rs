//! Two control planes and two proxies act as one.

use super::planes::Proxy;
use super::{Pool, Shape, succeeded};
use crate::wait::until;
use b3lb_sim::Frontend;
use b3lb_sim::load::Load;
use futures::future::{join, join_all};
use futures::{StreamExt, stream};
use std::collections::BTreeSet;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_meetings_live_on_one_instance_each_and_are_found_through_the_other_proxy() {
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let frontends = pool.frontends();
    let ids: Vec<_> = (0..1000).map(|number| format!("meeting-{number}")).collect();
    let calls = ids.iter().enumerate().map(|(number, id)| {
        let (one, other) = (&frontends[number % 2], &frontends[(number + 1) % 2]);
        // A tenth of them is created through both proxies at the same time.
        create_and_find(one, other, id, number.is_multiple_of(10))
    });
    let lost: Vec<_> = stream::iter(calls).buffer_unordered(32).concat().await;
    assert_eq!(lost, Vec::<String>::new());

    let scattered: Vec<_> = ids.iter().filter(|id| pool.holders(id).len() != 1).collect();
    assert_eq!(scattered, Vec::<&String>::new());
    assert_eq!(pool.received("create"), 1100);
    let lists = join_all(frontends.iter().map(|frontend| frontend.meetings())).await;
    let expected: BTreeSet<_> = ids.iter().map(String::as_str).collect();
    for list in lists {
        let list = list.unwrap();
        assert_eq!(list.elements("meetingID").into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_has_just_started_knows_every_meeting() {
    let mut pool = Pool::start(Shape { control_planes: 2, ..Shape::default() }).await;
    let load = Load { creates: 300, concurrency: 32, prefix: "meeting-".to_owned() };
    assert_eq!(load.run(&pool.frontends()).await.created, 300);
    pool.proxies.clear();
    let proxy = Proxy::start(&pool.settings);
    let frontend = &proxy.frontend;
    until("it has found a control plane", async || succeeded(frontend.meetings().await)).await;
    for number in 0..load.creates {
        let id = load.meeting_id(number);
        assert_eq!(frontend.info(&id).await.unwrap().element("meetingID"), Some(id.as_str()));
    }
}

/// Creates a meeting through one proxy, or both, and asks the other about it at once. What went wrong is returned.
async fn create_and_find(one: &Frontend, other: &Frontend, id: &str, both: bool) -> Vec<String> {
    let created = match both {
        true => <[_; 2]>::from(join(one.create(id), other.create(id)).await).into_iter().collect(),
        false => vec![one.create(id).await],
    };
    let found = other.info(id).await;
    let answers = created.into_iter().chain([found]);
    let failures = answers.filter_map(|answer| match answer {
        Ok(answer) if answer.element("meetingID") == Some(id) => None,
        Ok(answer) => Some(answer.text().to_owned()),
        Err(error) => Some(error.to_string()),
    });
    failures.collect()
}
