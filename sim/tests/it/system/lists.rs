//! Lists of all meetings, while an instance fails.

use super::{Pool, Shape};
use b3lb_sim::Fault;
use std::collections::BTreeSet;
use std::time::Duration;

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
async fn a_list_is_whole_whatever_one_instance_answers() {
    let pool = Pool::start(Shape { call_timeout: Duration::from_secs(2), ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    for number in 0..30 {
        assert!(frontend.create(&format!("meeting-{number}")).await.unwrap().succeeded());
    }
    let ids = |index: usize| pool.instances[index].meetings().into_iter().map(|meeting| meeting.meeting_id);
    let elsewhere: BTreeSet<_> = ids(1).chain(ids(2)).collect();
    let all: BTreeSet<_> = ids(0).chain(elsewhere.clone()).collect();
    let trap = Fault::Redirect(format!("{}/api/getMeetings", pool.instances[1].url()));
    let page = |status| Fault::Status(status);
    for fault in [Fault::Down, Fault::Hang, page(500), page(502), page(404), Fault::Garbage, Fault::Truncated, trap] {
        pool.instances[0].fail(Some(fault.clone())).await;
        let list = frontend.meetings().await.unwrap();
        assert!(list.succeeded(), "{fault:?}: {}", list.text());
        let text = list.text();
        assert!(text.ends_with("</meetings>\n</response>"), "{fault:?}: {text}");
        let count = |tag: &str| text.matches(tag).count();
        assert_eq!(count("<meeting>"), count("</meeting>"), "{fault:?}: {text}");
        let listed: BTreeSet<_> = list.elements("meetingID").into_iter().map(str::to_owned).collect();
        assert!(listed.is_superset(&elsewhere) && listed.is_subset(&all), "{fault:?}: {text}");
        assert_eq!(count("<meeting>"), listed.len(), "{fault:?}: one is listed twice");
    }
    pool.instances[0].fail(None).await;
    let listed = frontend.meetings().await.unwrap();
    assert_eq!(listed.elements("meetingID").into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), all);
}
