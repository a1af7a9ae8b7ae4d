//! Calls about recordings, which are on several instances and of several tenants.

use crate::control::{self, Control, Script};
use crate::frontend::{self, Response};
use crate::instance::{Instance, Reply, nowhere};
use crate::proxy::Proxy;
use b3lb_proto::v1::{Changes, Recorded, TenantRoute, event};
use bbb::checksum::Algorithm;
use bbb::{MeetingKey, document};
use tonic::Status;

const SECRET: &str = "tenant-secret";

/// The recordID of a meeting.
fn id(meeting: &str) -> String {
    format!("{}-1531155809613", MeetingKey::of(meeting.as_bytes()))
}

fn recording(meeting: &str, start: u64, more: &str) -> String {
    format!(
        "<recording><recordID>{}</recordID><meetingID>{meeting}</meetingID><name>&amp; {meeting}</name>\
         <startTime>{start}</startTime>{more}</recording>",
        id(meeting)
    )
}

fn labelled(meeting: &str, tenant: &str) -> String {
    recording(meeting, 1, &format!("<metadata><b3lb-tenant>{tenant}</b3lb-tenant></metadata>"))
}

fn list(recordings: &[String], paging: &str) -> String {
    let recordings = recordings.concat();
    format!("<response><returncode>SUCCESS</returncode><recordings>{recordings}</recordings>{paging}</response>")
}

/// The recordings of an answer, in their order.
fn listed(body: &str) -> Vec<String> {
    let mut splitter = bbb::listing::Splitter::recordings();
    let mut recordings = Vec::new();
    splitter.push(body.as_bytes(), |item| recordings.push(String::from_utf8(item.to_vec()).unwrap())).unwrap();
    splitter.finish().unwrap();
    recordings
}

fn sorted(body: &str) -> Vec<String> {
    let mut recordings = listed(body);
    recordings.sort();
    recordings
}

fn recorded(tenant: &str, instance: &str, meetings: &[&str]) -> Recorded {
    let ids = meetings.iter().map(|meeting| id(meeting)).collect();
    Recorded { tenant: tenant.to_owned(), instance: instance.to_owned(), ids }
}

/// Two tenants on these instances.
fn shared(urls: &[String], recorded: Vec<Recorded>) -> Script {
    Script::new(Changes {
        instances: urls.iter().map(|url| control::route(url, "instance-secret")).collect(),
        tenants: ["red", "blue"].iter().map(|host| control::tenant(host, &[SECRET])).collect(),
        recorded,
        ..Changes::default()
    })
}

async fn call(proxy: &Proxy, host: &str, call: &str, query: &str) -> Response {
    frontend::get_as(proxy.public, host, &frontend::signed(call, query, SECRET)).await
}

/// The url that an instance is called with.
fn upstream(call: &str, query: &str) -> String {
    frontend::signed_with(Algorithm::Sha256, call, query, "instance-secret")
}

/// The urls that an instance was called with.
fn targets(instance: &Instance) -> Vec<String> {
    instance.requests().iter().map(|request| request.split(' ').nth(1).unwrap().to_owned()).collect()
}

/// One who lists no recordings, and says yes to everything else.
async fn obedient() -> Instance {
    Instance::answering("<response><returncode>SUCCESS</returncode><deleted>true</deleted></response>").await
}

#[tokio::test]
async fn a_tenant_sees_its_own_recordings_of_all_instances_only() {
    let breakout = |room: &str, of: &str| {
        recording(room, 1, &format!("<breakout><parentId>{}</parentId><sequence>1</sequence></breakout>", id(of)))
    };
    let first = [
        recording("known", 1, ""),
        labelled("known-and-says-blue", "blue"),
        labelled("says-red", "red"),
        labelled("says-nobody", "gone"),
        recording("placed", 1, ""),
        breakout("room", "placed"),
        recording("nobodys", 1, ""),
    ];
    let second = [labelled("says-blue", "blue"), recording("elsewhere", 1, ""), recording("blues", 1, "")];
    let a = Instance::answering(&list(&first, "")).await;
    let b = Instance::answering(&list(&second, "")).await;
    let index = vec![
        recorded("red", &a.url(), &["known", "known-and-says-blue"]),
        recorded("blue", &b.url(), &["blues"]),
        recorded("", &a.url(), &["nobodys"]),
    ];
    let script = shared(&[a.url(), b.url()], index);
    script.step(Changes {
        placed: vec![control::placed("red", &a.url(), &["placed", "elsewhere"])],
        ..Changes::default()
    });
    let (proxy, _control) = Proxy::with(&script).await;
    let query = "state=any&meta_x=%25y%25&meetingID=a%2Cb";
    let red = call(&proxy, "red", "getRecordings", query).await;
    let mut expected = [&first[..3], &first[4..6]].concat();
    expected.sort();
    assert_eq!((red.complete, sorted(&red.body)), (true, expected));
    assert_eq!(red.header("content-type"), Some("text/xml;charset=utf-8"));
    assert_eq!(
        (targets(&a), targets(&b)),
        (vec![upstream("getRecordings", query)], vec![upstream("getRecordings", query)])
    );
    let blue = call(&proxy, "blue", "getRecordings", "").await;
    let mut expected = [second[0].clone(), second[2].clone()];
    expected.sort();
    assert_eq!(sorted(&blue.body), expected);

    let owner = TenantRoute { owns_unlabelled: true, ..control::tenant("blue", &[SECRET]) };
    script.step(Changes { tenants: vec![owner], ..Changes::default() });
    crate::eventually("blue has what is nobody's", async || {
        listed(&call(&proxy, "blue", "getRecordings", "").await.body).len() == 5
    })
    .await;
    assert_eq!(listed(&call(&proxy, "red", "getRecordings", "").await.body).len(), 5);
}

#[tokio::test]
async fn everything_is_the_catch_alls_while_it_is_alone() {
    let all = [recording("a", 1, ""), labelled("b", "red")];
    let instance = Instance::answering(&list(&all, "")).await;
    let script = Script::new(Changes {
        instances: vec![control::route(&instance.url(), "instance-secret")],
        tenants: vec![control::tenant("*", &[SECRET])],
        ..Changes::default()
    });
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(listed(&proxy.call("getRecordings", "", SECRET).await.body), all);
}

#[tokio::test]
async fn an_instance_that_is_away_is_left_out_but_for_what_only_it_has() {
    let here = recording("here", 1, "");
    let good = Instance::answering(&list(std::slice::from_ref(&here), "")).await;
    let gone = nowhere();
    let index = vec![recorded("red", &good.url(), &["here"]), recorded("red", &gone, &["there"])];
    let script = shared(&[good.url(), gone.clone()], index);
    let (proxy, _control) = Proxy::with(&script).await;
    for query in ["", "limit=5", &format!("recordID={},{}", id("here"), id("there"))] {
        assert_eq!(
            listed(&call(&proxy, "red", "getRecordings", query).await.body),
            std::slice::from_ref(&here),
            "{query}"
        );
    }
    let there = format!("recordID={}", id("there"));
    assert_eq!(call(&proxy, "red", "getRecordings", &there).await.says(), (200, "internalError"));
    assert_eq!(call(&proxy, "red", "deleteRecordings", &there).await.says(), (200, "internalError"));
    let both = format!("publish=true&recordID={},{}", id("here"), id("there"));
    assert_eq!(call(&proxy, "red", "publishRecordings", &both).await.says(), (200, "internalError"));
    // Only the one that has it is asked, and of what is somebody else's nobody is.
    let before = good.requests().len();
    assert_eq!(call(&proxy, "blue", "getRecordings", &there).await.body, document::no_recordings());
    assert_eq!(good.requests().len(), before);
}

/// Answers as a release does that knows pages: `paging` says of how many.
async fn paged(all: Vec<String>, lists_all: bool, paging: fn(usize) -> String) -> Instance {
    Instance::start(move |request, _| {
        let query = request.split(['?', ' ']).nth(2).unwrap();
        let page = bbb::listing::Page::of(bbb::Query::new(query));
        Reply::Document(match page {
            Some(page) => {
                list(&all.iter().skip(page.offset).take(page.limit).cloned().collect::<Vec<_>>(), &paging(all.len()))
            }
            None if lists_all => list(&all, ""),
            None => {
                "<response><returncode>SUCCESS</returncode><messageKey>noRecordings</messageKey></response>".to_owned()
            }
        })
    })
    .await
}

fn total(total: usize) -> String {
    format!("<totalElements>{total}</totalElements>")
}

fn pagination(total: usize) -> String {
    format!("<pagination><pageable><offset>0</offset></pageable><totalElements>{total}</totalElements></pagination>")
}

#[tokio::test]
async fn a_page_is_cut_out_of_the_recordings_of_all_instances() {
    // Some more than fit on a page, and every third of them somebody else's.
    let recordings = |from: u64, step: u64, count: u64| -> Vec<String> {
        let one = |number: u64| {
            let start = from + step * number;
            let owner = if number % 3 == 1 { "blue" } else { "red" };
            recording(&format!("m{start}"), start, &format!("<metadata><b3lb-tenant>{owner}</b3lb-tenant></metadata>"))
        };
        (0..count).map(one).collect()
    };
    let few = recordings(1000, 7, 20);
    let many = recordings(1001, 7, 150);
    let unlisted = recordings(1002, 7, 230);
    let old = recordings(1003, 7, 110);
    let a = paged(few.clone(), true, pagination).await;
    let b = paged(many.clone(), true, pagination).await;
    let c = paged(unlisted.clone(), false, pagination).await;
    let d = Instance::answering(&list(&old, "")).await;
    let (proxy, _control) = Proxy::with(&shared(&[a.url(), b.url(), c.url(), d.url()], vec![])).await;
    let mut all: Vec<String> = [few, many, unlisted, old].concat();
    all.retain(|recording| recording.contains("<b3lb-tenant>red"));
    let start = |recording: &String| -> u64 {
        recording.split("<startTime>").nth(1).unwrap().split('<').next().unwrap().parse().unwrap()
    };
    all.sort_by_key(|recording| std::cmp::Reverse(start(recording)));
    for (offset, limit) in [(0, 3), (95, 100), (all.len() - 2, 10), (1000, 1)] {
        let response = call(&proxy, "red", "getRecordings", &format!("offset={offset}&x=%2f&limit={limit}")).await;
        let expected: Vec<String> = all.iter().skip(offset).take(limit).cloned().collect();
        assert_eq!(listed(&response.body), expected, "{offset} {limit}");
        let told = format!(
            "<pagination><pageable><offset>{offset}</offset><limit>{limit}</limit><paged>true</paged><unpaged>false</unpaged>\
             </pageable><totalElements>{}</totalElements><empty>{}</empty></pagination>",
            all.len(),
            expected.is_empty()
        );
        assert!(response.body.contains(&told), "{}", response.body);
    }
    // The checksum stays where it stood, and the page is added behind it.
    let asked = &targets(&a)[0];
    assert!(
        asked.starts_with("/bigbluebutton/api/getRecordings?x=%2f&checksum=") && asked.ends_with("&offset=0&limit=100")
    );
    assert_eq!(asked.len(), upstream("getRecordings", "x=%2f&offset=0&limit=100").len());
    assert!(listed(&call(&proxy, "red", "getRecordings", "limit=0&offset=5").await.body).len() > 100);
}

#[tokio::test]
async fn the_later_way_to_tell_a_total_is_taken_where_an_instance_uses_it() {
    let a = paged(vec![recording("a", 5, "")], true, pagination).await;
    let b = paged(vec![recording("b", 9, "")], true, total).await;
    let index = vec![recorded("red", &a.url(), &["a"]), recorded("red", &b.url(), &["b"])];
    let (proxy, _control) = Proxy::with(&shared(&[a.url(), b.url()], index)).await;
    let response = call(&proxy, "red", "getRecordings", "limit=1").await;
    assert_eq!(
        response.body,
        format!(
            "<response>\n          <returncode>SUCCESS</returncode>\n          <recordings>{}</recordings>\n          \
             <totalElements>2</totalElements>\n        </response>",
            recording("b", 9, "")
        )
    );
    // Without paging nothing is said of it, and an empty list is BigBlueButton's.
    let response = call(&proxy, "blue", "getRecordings", "limit=101").await;
    assert_eq!(response.body, document::no_recordings());
}

#[tokio::test]
async fn each_instance_is_told_of_its_own_recordings() {
    let (a, b) = (obedient().await, obedient().await);
    let index = vec![
        recorded("red", &a.url(), &["a1", "a2"]),
        recorded("red", &b.url(), &["b1"]),
        recorded("blue", &b.url(), &["b2"]),
    ];
    let script = shared(&[a.url(), b.url()], index);
    let (proxy, _control) = Proxy::with(&script).await;
    let [a1, a2, b1, b2] = ["a1", "a2", "b1", "b2"].map(id);
    let query = format!("&x=%2f&recordID={a1}%2C{b1},{a2},{b2}&publish=true");
    assert!(call(&proxy, "red", "publishRecordings", &query).await.body.contains("SUCCESS"));
    assert_eq!(targets(&a), [upstream("publishRecordings", &format!("&x=%2f&recordID={a1},{a2}&publish=true"))]);
    assert_eq!(targets(&b), [upstream("publishRecordings", &format!("&x=%2f&recordID={b1}&publish=true"))]);

    // What a recording says of its tenant is not the frontend's to change.
    let query = format!("recordID={b1}&meta_B3lb-tenant=blue&meta_name=%C3%A9+x&meta_bigblueswarm%2Dtenant=blue");
    assert!(call(&proxy, "red", "updateRecordings", &query).await.body.contains("SUCCESS"));
    assert_eq!(targets(&b)[1], upstream("updateRecordings", &format!("recordID={b1}&meta_name=%C3%A9+x")));
    let body = format!("recordID={b1}&meta_name=y");
    let request = format!(
        "POST {} HTTP/1.1\r\nHost: red\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        frontend::signed("updateRecordings", "", SECRET),
        body.len()
    );
    let posted = frontend::send(proxy.public, request.as_bytes()).await;
    assert!(posted.body.contains("SUCCESS"), "{}", posted.body);
    assert!(targets(&b)[2].contains(&format!("recordID={b1}&meta_name=y")), "{}", targets(&b)[2]);

    assert!(call(&proxy, "red", "deleteRecordings", &format!("recordID={a2},{b1}")).await.body.contains("SUCCESS"));
    let deleted = async || {
        let reports = script.reports().into_iter();
        let mut ids: Vec<String> = reports
            .flat_map(|report| match report {
                event::Event::Deleted(deleted) if deleted.tenant == "red" => deleted.ids,
                _ => Vec::new(),
            })
            .collect();
        ids.sort();
        let mut expected = [a2.clone(), b1.clone()];
        expected.sort();
        ids == expected
    };
    crate::eventually("the deletion is reported", deleted).await;

    let before = (a.requests().len(), b.requests().len());
    for stranger in ["publishRecordings", "updateRecordings", "deleteRecordings"] {
        let query = format!("recordID={a1},{b1}&publish=true");
        assert_eq!(call(&proxy, "blue", stranger, &query).await.says(), (200, "notFound"), "{stranger}");
    }
    assert_eq!((a.requests().len(), b.requests().len()), before);
}

#[tokio::test]
async fn one_success_is_enough_and_failures_are_passed_on() {
    let no = document::failed("notFound", "We could not find recordings");
    let (a, b) = (Instance::answering(&no).await, obedient().await);
    let index = vec![recorded("red", &a.url(), &["a"]), recorded("red", &b.url(), &["b"])];
    let (proxy, _control) = Proxy::with(&shared(&[a.url(), b.url()], index)).await;
    let both = format!("recordID={},{}", id("a"), id("b"));
    assert!(call(&proxy, "red", "deleteRecordings", &both).await.body.contains("SUCCESS"));
    let response = call(&proxy, "red", "deleteRecordings", &format!("recordID={}", id("a"))).await;
    assert_eq!(response.body, no);
}

/// A pool of one instance whose index knows nothing.
async fn unknowing(instance: &Instance) -> (Script, Proxy, Control) {
    let script = shared(&[instance.url()], vec![]);
    let (proxy, control) = Proxy::with(&script).await;
    (script, proxy, control)
}

#[tokio::test]
async fn a_recording_that_is_not_known_is_located_before_it_is_said_to_be_unknown() {
    let instance = obedient().await;
    let (script, proxy, control) = unknowing(&instance).await;
    let query = format!("recordID={},{}&publish=false", id("new"), id("never"));
    assert_eq!(call(&proxy, "red", "publishRecordings", &query).await.says(), (200, "notFound"));
    assert_eq!(script.locates()[0].tenant, "red");
    assert_eq!(script.locates()[0].ids, [id("new"), id("never")]);
    script.on_locate(Ok(vec![recorded("", &instance.url(), &["new"])]));
    assert!(call(&proxy, "red", "publishRecordings", &query).await.body.contains("SUCCESS"));
    let narrowed = format!("recordID={}&publish=false", id("new"));
    assert_eq!(targets(&instance), [upstream("publishRecordings", &narrowed)]);
    script.on_locate(Err(Status::unavailable("an instance is away")));
    assert_eq!(call(&proxy, "red", "publishRecordings", &query).await.says(), (200, "internalError"));
    control.kill();
    assert_eq!(call(&proxy, "red", "deleteRecordings", &query).await.says(), (200, "internalError"));
}

#[tokio::test]
async fn what_is_missing_is_said_as_bigbluebutton_says_it() {
    let instance = obedient().await;
    let (_script, proxy, _control) = unknowing(&instance).await;
    for (name, query, key) in [
        ("publishRecordings", "publish=true", "missingParamRecordID"),
        ("publishRecordings", "recordID=a", "missingParamPublish"),
        ("publishRecordings", "recordID=a&recordID=b&publish=true", "validationError"),
        ("deleteRecordings", "recordID=,", "missingParamRecordID"),
        ("updateRecordings", "", "missingParamRecordID"),
        ("updateRecordings", "recordID=unknown", "notFound"),
    ] {
        assert_eq!(call(&proxy, "red", name, query).await.says(), (200, key), "{name} {query}");
    }
    let json = |key: &str, message: &str| document::failed_json(key, message);
    let tracks = call(&proxy, "red", "getRecordingTextTracks", "").await;
    assert_eq!(tracks.body, json("missingParamRecordID", "You must specify a recordID."));
    assert_eq!(tracks.header("content-type"), Some("application/json;charset=utf-8"));
    let unknown = call(&proxy, "red", "getRecordingTextTracks", "recordID=%22x").await;
    assert_eq!(unknown.body, json("noRecordings", "No recording found for \"x"));
    for call in ["getRecordings", "publishRecordings", "deleteRecordings", "updateRecordings", "getRecordingTextTracks"]
    {
        let unsigned =
            frontend::get_as(proxy.public, "red", &format!("/bigbluebutton/api/{call}?recordID=a&publish=x")).await;
        assert!(unsigned.body.contains("You did not pass the checksum security check"), "{call}: {}", unsigned.body);
    }
    let posted = |call: &str| {
        format!(
            "POST /bigbluebutton/api/{call} HTTP/1.1\r\nHost: red\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        )
    };
    for name in ["publishRecordings", "deleteRecordings"] {
        assert_eq!(frontend::send(proxy.public, posted(name).as_bytes()).await.status, 405);
    }
    assert_eq!(call(&proxy, "red", "putRecordingTextTrack", "recordID=a").await.status, 405);
    assert_eq!(instance.requests(), [""; 0]);
}

#[tokio::test]
async fn a_text_track_reaches_the_recordings_instance_byte_for_byte() {
    const DONE: &str =
        r#"{"response":{"messageKey":"upload_text_track_success","recordId":"x","returncode":"SUCCESS"}}"#;
    let (owner, other) = (Instance::answering(DONE).await, obedient().await);
    let index = vec![recorded("red", &owner.url(), &["talk"])];
    let (proxy, _control) = Proxy::with(&shared(&[owner.url(), other.url()], index)).await;
    let body =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.vtt\"\r\n\r\nWEBVTT\r\n\0\r\n--b--\r\n";
    let query = format!("recordID={}&kind=subtitles&lang=en&label=English", id("talk"));
    let put = async |query: &str, secret| {
        let target = frontend::signed("putRecordingTextTrack", query, secret);
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: red\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        frontend::send(proxy.public, request.as_bytes()).await
    };
    assert_eq!(put(&query, SECRET).await.body, DONE);
    let [request] = owner.requests().try_into().unwrap();
    assert!(request.starts_with(&format!("POST {} ", upstream("putRecordingTextTrack", &query))), "{request}");
    assert!(
        request.to_lowercase().contains("content-type: multipart/form-data; boundary=b\r\n") && request.ends_with(body)
    );
    let unknown = put("recordID=nobodys&kind=subtitles", SECRET).await;
    assert_eq!(unknown.body, document::failed_json("noRecordings", "No recording was found for nobodys"));
    assert_eq!(
        put("kind=subtitles", SECRET).await.body,
        document::failed_json("paramError", "Missing param recordID.")
    );
    let wrong = put(&query, "wrong").await;
    assert_eq!(wrong.body, document::failed_json("checksumError", "You did not pass the checksum security check"));
    let tracks = call(&proxy, "red", "getRecordingTextTracks", &format!("recordID={}", id("talk"))).await;
    assert_eq!(tracks.body, DONE);
    assert_eq!((owner.requests().len(), other.requests().len()), (2, 0));
    let stolen = call(&proxy, "blue", "getRecordingTextTracks", &format!("recordID={}", id("talk"))).await;
    assert_eq!(stolen.says().0, 200);
    assert!(stolen.body.contains("noRecordings"), "{}", stolen.body);
}

#[tokio::test]
async fn a_tenant_keeps_what_it_has_on_instances_that_it_has_left() {
    let old = Instance::answering(&list(&[recording("before", 1, ""), recording("blues", 1, "")], "")).await;
    let new = Instance::answering(&document::no_recordings()).await;
    let index = vec![recorded("red", &old.url(), &["before"]), recorded("blue", &old.url(), &["blues"])];
    let script = shared(&[old.url(), new.url()], index);
    let moved = TenantRoute { instances: vec![new.url()], ..control::tenant("red", &[SECRET]) };
    script.step(Changes { tenants: vec![moved], ..Changes::default() });
    let (proxy, _control) = Proxy::with(&script).await;
    for query in ["", "limit=3"] {
        assert_eq!(listed(&call(&proxy, "red", "getRecordings", query).await.body), [recording("before", 1, "")]);
    }
    script.step(Changes { removed_recordings: vec![id("before")], ..Changes::default() });
    crate::eventually("the old instance is asked no more", async || {
        let before = old.requests().len();
        call(&proxy, "red", "getRecordings", "").await;
        old.requests().len() == before
    })
    .await;
}

#[tokio::test]
async fn what_instances_share_is_listed_once() {
    let all = [recording("a", 1, ""), recording("b", 2, "")];
    let (one, other) = (Instance::answering(&list(&all, "")).await, Instance::answering(&list(&all, "")).await);
    let index = vec![recorded("red", &one.url(), &["a"]), recorded("red", &other.url(), &["b"])];
    let script = shared(&[one.url(), other.url()], index);
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(sorted(&call(&proxy, "red", "getRecordings", "").await.body).len(), 2);
    // One that is away leaves it to the others.
    let gone = b3lb_proto::v1::InstanceRoute { online: false, ..control::route(&one.url(), "wrong") };
    script.step(Changes { instances: vec![gone], ..Changes::default() });
    drop(one);
    crate::eventually("the other one lists both", async || {
        listed(&call(&proxy, "red", "getRecordings", "").await.body).len() == 2
    })
    .await;
}
