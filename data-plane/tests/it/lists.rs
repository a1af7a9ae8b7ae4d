//! getMeetings: the meetings of all instances, and of one tenant only.

use crate::control::{self, Script};
use crate::frontend;
use crate::instance::{Instance, Reply, document_reply, nowhere};
use crate::proxy::Proxy;
use b3lb_proto::v1::{Admission, Changes};
use tokio::time::Instant;

const SECRET: &str = "tenant-secret";

fn meeting(id: &str, more: &str) -> String {
    format!("<meeting>\n<meetingID>{id}</meetingID>\n<meetingName>&amp; {id}</meetingName>\n{more}</meeting>")
}

fn list(meetings: &[String]) -> String {
    let meetings = meetings.concat();
    format!("<response>\n<returncode>SUCCESS</returncode>\n<meetings>\n{meetings}</meetings>\n</response>")
}

/// The meetings of an answer, in any order.
fn listed(body: &str) -> Vec<String> {
    let mut splitter = bbb::listing::Splitter::meetings();
    let mut meetings = Vec::new();
    splitter.push(body.as_bytes(), |meeting| meetings.push(String::from_utf8(meeting.to_vec()).unwrap())).unwrap();
    splitter.finish().unwrap();
    meetings.sort();
    meetings
}

fn pool(urls: &[String]) -> Script {
    Script::new(Changes {
        instances: urls.iter().map(|url| control::route(url, "instance-secret")).collect(),
        tenants: vec![control::tenant("*", &[SECRET])],
        ..Changes::default()
    })
}

#[tokio::test]
async fn the_meetings_of_all_instances_are_one_list() {
    let (a, b) = (meeting("a", ""), meeting("b", "<attendees>\n</attendees>\n"));
    let first = Instance::answering(&list(std::slice::from_ref(&a))).await;
    let second = Instance::answering(&list(std::slice::from_ref(&b))).await;
    let empty = Instance::answering(&bbb::document::no_meetings()).await;
    let script = pool(&[first.url(), second.url(), empty.url()]);
    let disabled = Instance::answering(&list(&[meeting("hidden", "")])).await;
    let route = b3lb_proto::v1::InstanceRoute {
        admission: Admission::Disabled.into(),
        ..control::route(&disabled.url(), "instance-secret")
    };
    script.step(Changes { instances: vec![route], ..Changes::default() });
    let (proxy, _control) = Proxy::with(&script).await;
    let response = proxy.call("getMeetings", "random=1", SECRET).await;
    assert_eq!((response.status, listed(&response.body)), (200, vec![a, b]));
    assert_eq!(response.header("content-type"), Some("text/xml;charset=utf-8"));
    assert_eq!(disabled.requests(), Vec::<String>::new());
    let expected =
        frontend::signed_with(bbb::checksum::Algorithm::Sha256, "getMeetings", "random=1", "instance-secret");
    assert_eq!(first.requests()[0].split(' ').nth(1), Some(&*expected));
}

#[tokio::test]
async fn an_empty_pool_and_an_idle_one_have_no_meetings() {
    let idle = Instance::answering(&bbb::document::no_meetings()).await;
    for urls in [Vec::new(), vec![idle.url()]] {
        let (proxy, _control) = Proxy::with(&pool(&urls)).await;
        assert_eq!(proxy.call("getMeetings", "", SECRET).await.body, bbb::document::no_meetings());
    }
}

#[tokio::test]
async fn instances_that_fail_are_left_out() {
    let a = meeting("a", "");
    let good = Instance::answering(&list(std::slice::from_ref(&a))).await;
    let cut = document_reply(&list(&[meeting("cut", ""), meeting("off", "")]));
    let cut = Instance::start(move |_, _| Reply::Last(cut[..cut.len() - 70].to_vec())).await;
    let html = Instance::answering("<html><body>It works!</body></html>").await;
    let failed = Instance::answering(&bbb::document::failed("checksumError", "Checksums do not match")).await;
    let error = Instance::start(|_, _| Reply::Raw(b"HTTP/1.1 502 x\r\ncontent-length: 0\r\n\r\n".to_vec())).await;
    let hangs = Instance::start(|_, _| Reply::Hang).await;
    let bad = [cut.url(), html.url(), failed.url(), error.url(), hangs.url(), nowhere()];
    let (proxy, _control) = Proxy::with(&pool(&[&[good.url()], &bad[..]].concat())).await;
    let before = Instant::now();
    let response = proxy.call("getMeetings", "", SECRET).await;
    assert_eq!(listed(&response.body), [a, meeting("cut", "")]);
    assert!(before.elapsed() < crate::DEADLINE);
    let (proxy, _control) = Proxy::with(&pool(&bad[1..])).await;
    assert_eq!(proxy.call("getMeetings", "", SECRET).await.says(), (200, "internalError"));
}

#[tokio::test]
async fn a_tenant_sees_its_own_meetings_only() {
    let internal = |id: &str| format!("{}-1531155809613", bbb::MeetingKey::of(id.as_bytes()));
    let metadata = |host| format!("<metadata>\n<b3lb-tenant>{host}</b3lb-tenant>\n</metadata>\n");
    let breakout = |id| format!("<parentMeetingID>{}</parentMeetingID>\n", internal(id));
    let meetings = [
        meeting("placed-a", ""),
        // Says that it is another's, but was placed for this one.
        meeting("claims-b", &metadata("b")),
        meeting("placed-b", ""),
        meeting("says-a", &metadata("a")),
        meeting("says-b", &metadata("b")),
        meeting("says-nobody", &metadata("gone.example.org")),
        meeting("breakout-a", &breakout("placed-a")),
        meeting("breakout-b", &breakout("placed-b")),
        meeting("unknown", ""),
        // Placed for b, but on another instance.
        meeting("elsewhere", ""),
    ];
    let instance = Instance::answering(&list(&meetings)).await;
    let url = instance.url();
    let script = Script::new(Changes {
        instances: vec![control::route(&url, "instance-secret"), control::route("http://other/bigbluebutton", "x")],
        tenants: ["a", "b"].iter().map(|host| control::tenant(host, &[SECRET])).collect(),
        placed: vec![
            control::placed("a", &url, &["placed-a", "claims-b"]),
            control::placed("b", &url, &["placed-b"]),
            control::placed("b", "http://other/bigbluebutton", &["elsewhere"]),
        ],
        ..Changes::default()
    });
    let mut only = script_tenants(&["a", "b"], &url);
    script.step(std::mem::take(&mut only));
    let (proxy, _control) = Proxy::with(&script).await;
    let path = frontend::signed("getMeetings", "", SECRET);
    let ids = async |host| {
        let body = frontend::get_as(proxy.public, host, &path).await.body;
        let ids = |meeting: &String| meeting.split(['<', '>']).nth(4).unwrap().to_owned();
        listed(&body).iter().map(ids).collect::<Vec<_>>()
    };
    assert_eq!(ids("a").await, ["breakout-a", "claims-b", "placed-a", "says-a"]);
    assert_eq!(ids("b").await, ["breakout-b", "placed-b", "says-b"]);
    script.step(Changes { tenants: vec![control::tenant("*", &[SECRET])], ..Changes::default() });
    let catch_all = async || frontend::get_as(proxy.public, "c", &path).await.body.contains("<meetings>");
    crate::eventually("the catch-all tenant is known", catch_all).await;
    assert_eq!(ids("c").await, ["elsewhere", "says-nobody", "unknown"]);
}

/// Tenants that use one instance only.
fn script_tenants(hosts: &[&str], url: &str) -> Changes {
    let tenants = hosts.iter().map(|host| b3lb_proto::v1::TenantRoute {
        instances: vec![url.to_owned()],
        ..control::tenant(host, &[SECRET])
    });
    Changes { tenants: tenants.collect(), ..Changes::default() }
}

#[tokio::test]
async fn a_large_list_arrives_whole() {
    let meetings: Vec<String> = (0..3000).map(|n| meeting(&format!("m{n:04}"), &"<x>y</x>\n".repeat(50))).collect();
    let instance = Instance::answering(&list(&meetings)).await;
    let (proxy, _control) = Proxy::with(&pool(&[instance.url()])).await;
    let response = proxy.call("getMeetings", "", SECRET).await;
    assert_eq!((response.complete, listed(&response.body) == meetings), (true, true));
}
