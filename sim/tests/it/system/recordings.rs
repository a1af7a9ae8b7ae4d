//! Recordings of several customers on instances that they share.

use super::tenants::tenant;
use super::{Pool, Shape, succeeded};
use crate::wait::until;
use b3lb_sim::{Fault, Frontend};
use bytes::Bytes;
use futures::future::join_all;
use http::Method;
use std::collections::BTreeSet;
use std::time::Duration;

/// Holds and records a meeting; returns its recordID.
async fn record(frontend: &Frontend, id: &str) -> String {
    let created = frontend.call("create", &[("meetingID", id), ("name", id), ("record", "true")]).await.unwrap();
    assert!(created.succeeded(), "{}", created.text());
    assert!(frontend.end(id).await.unwrap().succeeded());
    created.element("internalMeetingID").unwrap().to_owned()
}

/// Holds and records so many meetings, one after the other, which spreads them over the pool.
async fn record_all(frontend: &Frontend, count: usize) -> BTreeSet<String> {
    let ids: Vec<_> = (0..count).map(|number| format!("room-{number}")).collect();
    join_all(ids.iter().map(|id| record(frontend, id))).await.into_iter().collect()
}

async fn listed(frontend: &Frontend, params: &[(&str, &str)]) -> Vec<String> {
    let answer = frontend.call("getRecordings", params).await.unwrap();
    assert!(answer.succeeded(), "{}", answer.text());
    answer.elements("recordID").into_iter().map(str::to_owned).collect()
}

async fn all(frontend: &Frontend) -> BTreeSet<String> {
    listed(frontend, &[]).await.into_iter().collect()
}

/// The number of the instance that has a recording.
async fn holder(pool: &Pool, id: &str) -> usize {
    for (number, instance) in pool.instances.iter().enumerate() {
        let beside = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
        if !listed(&beside, &[("recordID", id)]).await.is_empty() {
            return number;
        }
    }
    panic!("no instance has {id}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenants_see_and_change_only_their_own_recordings() {
    let pool = Pool::start(Shape::default()).await;
    let red = tenant(&pool, "red.example.org", &["red-secret"], vec![]).await;
    let blue = tenant(&pool, "blue.example.org", &["blue-secret"], vec![]).await;
    let (reds, blues) = (record_all(&red, 12).await, record_all(&blue, 12).await);
    assert!(reds.len() == 12 && blues.len() == 12);
    assert_eq!((all(&red).await, all(&blue).await), (reds.clone(), blues.clone()));
    let ids = reds.iter().cloned().collect::<Vec<_>>().join(",");
    assert_eq!(listed(&blue, &[("recordID", &ids)]).await, [""; 0]);
    for call in ["publishRecordings", "deleteRecordings", "updateRecordings"] {
        let stolen = blue.call(call, &[("recordID", &ids), ("publish", "false"), ("meta_x", "y")]).await.unwrap();
        assert_eq!(stolen.element("messageKey"), Some("notFound"), "{call}: {}", stolen.text());
    }
    assert!(succeeded(red.call("publishRecordings", &[("recordID", &ids), ("publish", "false")]).await));
    assert_eq!(listed(&red, &[("state", "unpublished")]).await.len(), 12);
    assert_eq!(listed(&blue, &[("state", "unpublished")]).await, [""; 0]);
    let update = [("recordID", ids.as_str()), ("meta_course", "algebra"), ("meta_b3lb-tenant", "blue.example.org")];
    assert!(succeeded(red.call("updateRecordings", &update).await));
    assert_eq!(listed(&red, &[("meta_course", "%gebr%")]).await.len(), 12);
    assert!(succeeded(red.call("deleteRecordings", &[("recordID", &ids)]).await));
    assert_eq!((all(&red).await, all(&blue).await), (BTreeSet::new(), blues));
    let again = red.call("deleteRecordings", &[("recordID", &ids)]).await.unwrap();
    assert_eq!(again.element("messageKey"), Some("notFound"), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recordings_of_all_instances_are_paged_as_one_list() {
    let pool = Pool::start(Shape::default()).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let mut expected = Vec::new();
    for number in 0..10 {
        expected.push(record(&frontend, &format!("room-{number}")).await);
    }
    let started = |id: &String| id.split_once('-').unwrap().1.to_owned();
    expected.sort_by(|one, other| started(other).cmp(&started(one)).then(one.cmp(other)));
    let mut pages = Vec::new();
    for offset in ["0", "4", "8", "12"] {
        let page = frontend.call("getRecordings", &[("offset", offset), ("limit", "4")]).await.unwrap();
        assert_eq!(page.element("totalElements"), Some("10"), "{}", page.text());
        pages.extend(page.elements("recordID").into_iter().map(str::to_owned));
    }
    assert_eq!(pages, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_instance_has_is_known_while_it_is_away() {
    let call_timeout = Duration::from_secs(3);
    let recordings_interval = Duration::from_millis(200);
    let pool = Pool::start(Shape { call_timeout, recordings_interval, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let ids: Vec<String> = record_all(&frontend, 12).await.into_iter().collect();
    let holders = join_all(ids.iter().map(|id| holder(&pool, id))).await;
    let on = |number| ids.iter().zip(&holders).filter(move |(_, at)| **at == number).map(|(id, _)| id.clone());
    // Each has been asked, and what it said is known, when it is asked anew.
    let asked = pool
        .instances
        .iter()
        .map(|i| async { i.until_received("getRecordings", i.received("getRecordings") + 2).await });
    crate::wait::within("the recordings are polled", join_all(asked)).await;
    let away = &pool.instances[holders[0]];
    away.fail(Some(Fault::Down)).await;
    let rest: BTreeSet<String> = (0..3).filter(|number| *number != holders[0]).flat_map(on).collect();
    assert_eq!(all(&frontend).await, rest);
    for call in ["publishRecordings", "deleteRecordings", "updateRecordings"] {
        let answer = frontend.call(call, &[("recordID", &ids[0]), ("publish", "false")]).await.unwrap();
        assert_eq!(answer.element("messageKey"), Some("internalError"), "{call}: {}", answer.text());
    }
    let lost = frontend.call("getRecordings", &[("recordID", &ids[0])]).await.unwrap();
    assert_eq!(lost.element("messageKey"), Some("internalError"), "{}", lost.text());
    away.fail(None).await;
    until("it answers again", async || all(&frontend).await.len() == 12).await;
    assert!(succeeded(frontend.call("deleteRecordings", &[("recordID", &ids[0])]).await));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recording_is_found_before_the_index_knows_it_and_its_tracks_reach_it() {
    // With a second control plane and a second proxy, which are not asked by whom the recording was made.
    let pool = Pool::start(Shape { control_planes: 2, proxies: 2, ..Shape::default() }).await;
    let [one, other] = pool.frontends().try_into().unwrap();
    let id = record(&one, "talk").await;
    let unknown = other.call("publishRecordings", &[("recordID", "never"), ("publish", "true")]).await.unwrap();
    assert_eq!(unknown.element("messageKey"), Some("notFound"), "{}", unknown.text());
    let body = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.vtt\"\r\n\r\nWEBVTT\r\n--b--\r\n";
    let put = other.target("putRecordingTextTrack", &format!("recordID={id}&kind=captions&lang=de&label=Deutsch"));
    let body = Some(("multipart/form-data; boundary=b", Bytes::from(body)));
    let put = other.send(Method::POST, &put, body).await.unwrap();
    assert!(put.text().contains("upload_text_track_success"), "{}", put.text());
    let tracks = one.call("getRecordingTextTracks", &[("recordID", &id)]).await.unwrap();
    assert!(tracks.text().contains(r#""label":"Deutsch""#), "{}", tracks.text());
    assert!(succeeded(one.call("deleteRecordings", &[("recordID", &id)]).await));
    let gone = async || {
        let tracks = other.call("getRecordingTextTracks", &[("recordID", &id)]).await.unwrap();
        tracks.text().contains("noRecordings")
    };
    until("the other proxy knows that it is gone", gone).await;
}
