//! Recordings of one simulated instance, as BigBlueButton answers for them.

use b3lb_sim::options::{Paging, Rules};
use b3lb_sim::{Frontend, Instance, Options};
use bytes::Bytes;
use http::Method;
use std::time::Duration;

async fn started(options: Options) -> (Instance, Frontend) {
    let rules = Rules { processing: Duration::ZERO, ..Rules::default() };
    let instance = Instance::local(Options { rules, ..options }).await.unwrap();
    let frontend = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
    (instance, frontend)
}

/// Leaves a recording; returns its recordID.
async fn record(frontend: &Frontend, id: &str, more: &[(&str, &str)]) -> String {
    let params = [&[("meetingID", id), ("name", id), ("record", "true")], more].concat();
    let created = frontend.call("create", &params).await.unwrap();
    let record_id = created.element("internalMeetingID").unwrap().to_owned();
    // Breakout rooms are only found by their internal ids.
    assert!(frontend.end(&record_id).await.unwrap().succeeded());
    record_id
}

#[tokio::test]
async fn pages_are_told_in_the_way_of_the_release() {
    for (paging, told) in [
        (Paging::None, ""),
        (Paging::Total, "<totalElements>3</totalElements>"),
        (
            Paging::Pagination,
            "<pagination><pageable><offset>1</offset><limit>1</limit><paged>true</paged><unpaged>false</unpaged></pageable>\
             <totalElements>3</totalElements><empty>false</empty></pagination>",
        ),
    ] {
        let (_instance, frontend) = started(Options { paging, ..Options::default() }).await;
        for id in ["one", "two", "three"] {
            record(&frontend, id, &[]).await;
        }
        let page = frontend.call("getRecordings", &[("offset", "1"), ("limit", "1")]).await.unwrap();
        let count = if paging == Paging::None { 3 } else { 1 };
        assert_eq!(page.elements("recordID").len(), count, "{}", page.text());
        assert!(page.text().contains(told) && !page.text().contains("messageKey"), "{}", page.text());
        let mut splitter = bbb::listing::Splitter::recordings();
        splitter.push(&page.body, |_| ()).unwrap();
        assert_eq!(splitter.paging().map(|paging| paging.total), (paging != Paging::None).then_some(3));
        splitter.finish().unwrap();
        let all = frontend.call("getRecordings", &[("limit", "101")]).await.unwrap();
        assert_eq!(all.elements("recordID").len(), 3);
    }
}

#[tokio::test]
async fn an_instance_may_list_pages_only() {
    let (_instance, frontend) = started(Options { lists_all: false, ..Options::default() }).await;
    let id = record(&frontend, "talk", &[]).await;
    let all = frontend.call("getRecordings", &[("state", "any")]).await.unwrap();
    assert!(all.succeeded() && !all.text().contains("<recordings"), "{}", all.text());
    for params in [("limit", "10"), ("recordID", &id), ("meetingID", "talk")] {
        assert_eq!(frontend.call("getRecordings", &[params]).await.unwrap().elements("recordID"), [&id], "{params:?}");
    }
}

#[tokio::test]
async fn recordings_are_found_by_metadata_and_breakout_rooms_name_their_parent() {
    let (_instance, frontend) = started(Options::default()).await;
    assert!(frontend.create("parent").await.unwrap().succeeded());
    let parent = frontend.info("parent").await.unwrap().element("internalMeetingID").unwrap().to_owned();
    let more = [("isBreakout", "true"), ("parentMeetingID", "parent"), ("sequence", "2"), ("meta_course", "algebra")];
    let id = record(&frontend, "room", &more).await;
    record(&frontend, "other", &[("meta_course", "biology")]).await;
    for pattern in ["algebra", "alg%", "%bra", "%geb%"] {
        let found = frontend.call("getRecordings", &[("meta_course", pattern)]).await.unwrap();
        assert_eq!(found.elements("recordID"), [&id], "{pattern}");
        let breakout = format!("<parentId>{parent}</parentId><sequence>2</sequence><freeJoin>false</freeJoin>");
        assert_eq!(found.element("breakout"), Some(&*breakout));
    }
}

#[tokio::test]
async fn text_tracks_are_put_and_listed_in_json() {
    let (_instance, frontend) = started(Options::default()).await;
    let id = record(&frontend, "talk", &[]).await;
    let put = async |query: String, content: &str| {
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.vtt\"\r\n\r\n{content}\r\n--b--\r\n"
        );
        let body = Some(("multipart/form-data; boundary=b", Bytes::from(body)));
        let answer =
            frontend.send(Method::POST, &frontend.target("putRecordingTextTrack", &query), body).await.unwrap();
        assert_eq!(answer.headers["content-type"], "application/json;charset=utf-8");
        answer.text().to_owned()
    };
    let track = format!("recordID={id}&kind=subtitles&lang=en-US&label=English");
    let refused = |key: &str, message: &str| bbb::document::failed_json(key, message);
    assert_eq!(put("kind=subtitles".to_owned(), "x").await, refused("paramError", "Missing param recordID."));
    let missing = refused("noRecordings", "No recording was found for x");
    assert_eq!(put("recordID=x&kind=subtitles&lang=en".to_owned(), "x").await, missing);
    assert!(put(track.clone(), "").await.contains("empty_uploaded_text_track"));
    let done = put(track, "WEBVTT").await;
    assert!(done.contains(r#""returncode":"SUCCESS""#) && done.contains(&id), "{done}");
    let tracks = frontend.call("getRecordingTextTracks", &[("recordID", &id)]).await.unwrap();
    let expected = r#""kind":"subtitles","label":"English","lang":"en-US","source":"upload"}]}}"#;
    assert!(
        tracks.text().starts_with(r#"{"response":{"returncode":"SUCCESS","tracks":[{"href":"#),
        "{}",
        tracks.text()
    );
    assert!(tracks.text().ends_with(expected), "{}", tracks.text());
    let unknown = frontend.call("getRecordingTextTracks", &[("recordID", "x")]).await.unwrap();
    assert_eq!(unknown.text(), refused("noRecordings", "No recording found for x"));
}
