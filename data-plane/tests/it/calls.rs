//! What each call does while nothing is wrong, and what is refused before an instance is asked.

use crate::control::{self, Script};
use crate::frontend::{self, Response, signed, signed_with};
use crate::instance::{Instance, Reply};
use crate::proxy::{Proxy, settings};
use b3lb_proto::v1::{Changes, event::Event};
use bbb::checksum::Algorithm;
use std::net::IpAddr;

const SECRET: &str = "tenant-secret";
const OLD_SECRET: &str = "secret-before";
const INSTANCE_SECRET: &str = "instance-secret";
const INFO: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m 1</meetingID>\n</response>";

/// One tenant with the meeting `m 1` on one instance.
fn one_meeting(instance: &Instance) -> Script {
    Script::new(Changes {
        instances: vec![control::route(&instance.url(), INSTANCE_SECRET)],
        tenants: vec![control::tenant("bbb.example.org", &[SECRET, OLD_SECRET])],
        placed: vec![control::placed("bbb.example.org", &instance.url(), &["m 1"])],
        ..Changes::default()
    })
}

/// The path and query of a recorded request.
fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn a_call_reaches_its_instance_with_nothing_but_the_signature_changed() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    // Everything that a decoder and encoder would change: order, empty pairs, spellings, and where the checksum stands.
    let query = "b=%7e~&&meetingID=m+1&a=%2f%2F&a=&meta_x=1%262";
    for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
        let sent = signed_with(algorithm, "getMeetingInfo", query, SECRET);
        let response = frontend::get(proxy.public, &sent).await;
        let expected = Response {
            status: 200,
            headers: vec![
                "content-type: text/xml;charset=utf-8".to_owned(),
                format!("content-length: {}", INFO.len()),
                "connection: close".to_owned(),
            ],
            body: INFO.to_owned(),
            complete: true,
        };
        assert_eq!(response, expected);
    }
    let expected = signed_with(Algorithm::Sha256, "getMeetingInfo", query, INSTANCE_SECRET);
    let asked: Vec<String> = instance.requests().iter().map(|request| path(request).to_owned()).collect();
    assert_eq!(asked, vec![expected; 4]);
}

#[tokio::test]
async fn the_checksum_keeps_its_place() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    let checksum = |secret| {
        Algorithm::Sha256
            .sign("isMeetingRunning", &["meetingID=m%201&x=1"], &bbb::Secret::new(secret))
            .as_str()
            .to_owned()
    };
    for pattern in
        ["checksum=C&meetingID=m%201&x=1", "meetingID=m%201&checksum=C&x=1", "meetingID=m%201&x=1&checksum=C"]
    {
        let spelled =
            |secret| format!("/bigbluebutton/api/isMeetingRunning?{}", pattern.replace('C', &checksum(secret)));
        assert_eq!(frontend::get(proxy.public, &spelled(SECRET)).await.body, INFO, "{pattern}");
        assert_eq!(path(instance.requests().last().unwrap()), spelled(INSTANCE_SECRET));
    }
}

#[tokio::test]
async fn an_instance_learns_who_called() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: bbb.example.org\r\naccept: text/xml\r\ntraceparent: 00-1-2-01\r\n\
         keep-alive: 3\r\nx-forwarded-for: 6.6.6.6\r\nconnection: close, x-mine\r\nx-mine: 1\r\n\r\n",
        signed("getMeetingInfo", "meetingID=m+1", SECRET)
    );
    assert_eq!(frontend::send(proxy.public, request.as_bytes()).await.status, 200);
    let requests = instance.requests();
    let mut lines: Vec<&str> = requests[0].trim_end().lines().skip(1).collect();
    lines.sort_unstable();
    let host = format!("host: {}", instance.url().split('/').nth(2).unwrap());
    let expected = [
        "accept: text/xml",
        &host,
        "traceparent: 00-1-2-01",
        "x-forwarded-for: 127.0.0.1",
        "x-forwarded-host: bbb.example.org",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_join_goes_to_the_instance_itself() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    for query in ["meetingID=m+1&fullName=A+B", "meetingID=m+1&redirect=false"] {
        let response = proxy.call("join", query, SECRET).await;
        assert_eq!(response.status, 302);
        let base = instance.url().replace("/bigbluebutton", "");
        let expected = base + &signed_with(Algorithm::Sha256, "join", query, INSTANCE_SECRET);
        assert_eq!(response.header("location"), Some(&*expected));
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn who_does_not_prove_to_be_a_tenant_reaches_nothing() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    let good = signed("end", "meetingID=m+1", SECRET);
    let checksum = good.rsplit('=').next().unwrap();
    for path in [
        "/bigbluebutton/api/end?meetingID=m+1".to_owned(),
        "/bigbluebutton/api/end".to_owned(),
        "/bigbluebutton/api/end?meetingID=m+1&checksum=".to_owned(),
        good.replace("m+1", "m+2"),
        good.replace("/end?", "/create?"),
        good[..good.len() - 1].to_owned(),
        format!("{good}0"),
        format!("{good}&checksum={checksum}"),
        format!("{good}&xchecksum={checksum}"),
        good.replace("checksum", "Checksum"),
        signed("end", "meetingID=m+1", INSTANCE_SECRET),
        signed("end", "meetingID=m+1", ""),
        // Makes BigBlueButton itself forget to check.
        "/bigbluebutton/api/create?meetingID=m+1&presentationUploadExternalUrl=http%3A%2F%2Fx%2F&checksum=0".to_owned(),
    ] {
        let response = frontend::get(proxy.public, &path).await;
        assert_eq!(response.says(), (200, "checksumError"), "{path}");
        assert_eq!(response.body, bbb::document::failed("checksumError", "Checksums do not match"));
    }
    let stranger = frontend::get_as(proxy.public, "other.example.org", &good).await;
    assert_eq!(stranger.says(), (200, "tenantNotFound"));
    assert_eq!(instance.requests(), Vec::<String>::new());
    for path in [
        good.to_uppercase()
            .replace("/BIGBLUEBUTTON/API/END?MEETINGID=M+1&CHECKSUM", "/bigbluebutton/api/end?meetingID=m+1&checksum"),
        signed("end", "meetingID=m+1", OLD_SECRET),
    ] {
        assert_eq!(frontend::get(proxy.public, &path).await.body, INFO, "{path}");
    }
}

#[tokio::test]
async fn what_needs_no_instance_is_answered_here() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    for path in ["/bigbluebutton", "/bigbluebutton/api", "/bigbluebutton/api/?&checksum=x"] {
        let response = frontend::get_as(proxy.public, "anybody", path).await;
        assert_eq!((response.status, response.body), (200, bbb::document::version()));
        assert_eq!(response.headers[0], "content-type: text/xml;charset=utf-8");
    }
    for (call, query, key) in [
        ("getMeetingInfo", "meetingID=x", "notFound"),
        ("end", "meetingID=x", "notFound"),
        ("join", "meetingID=x", "notFound"),
        (
            "isMeetingRunning",
            "meetingID=x",
            "<response>\n<returncode>SUCCESS</returncode>\n<running>false</running>\n</response>",
        ),
        ("create", "meetingID=x", "noInstanceFound"),
        ("getMeetingInfo", "meetingId=x", "missingParamMeetingID"),
        ("join", "meetingID=", "missingParamMeetingID"),
        ("create", "name=x", "missingParamMeetingID"),
        ("end", "meetingID=m+1&meetingID=x", "validationError"),
        ("insertDocument", "meetingID=m+1", "not made with this method"),
        ("getDefaultConfigXML", "", "unsupportedRequest"),
        ("getmeetinginfo", "meetingID=m+1", "unsupportedRequest"),
        ("getJoinUrl", "sessionToken=x", "unsupportedRequest"),
    ] {
        let response = proxy.call(call, query, SECRET).await;
        let (status, says) = response.says();
        assert!(says.contains(key), "{call} {query}: {status} {says}");
    }
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_meeting_that_the_table_misses_is_asked_for_once() {
    let unknown = bbb::document::failed("notFound", "We could not find a meeting with that meeting ID");
    let info = move |request: &str| if request.contains("newer") { unknown.clone() } else { INFO.to_owned() };
    let instance = Instance::start(move |request, _| Reply::Document(info(request))).await;
    let script = one_meeting(&instance);
    let (proxy, _control) = Proxy::with(&script).await;
    script.on_find(Ok(Some(instance.url())));
    for _ in 0..3 {
        assert_eq!(proxy.call("getMeetingInfo", "meetingID=new", SECRET).await.body, INFO);
    }
    assert_eq!(script.finds(), 1);
    script.on_find(Err(tonic::Status::unavailable("no store")));
    for call in ["isMeetingRunning", "getMeetingInfo", "join", "end"] {
        assert_eq!(proxy.call(call, "meetingID=newer", SECRET).await.says(), (200, "internalError"), "{call}");
    }
}

#[tokio::test]
async fn a_body_reaches_the_instance_whole() {
    let instance = Instance::start(|request, _| Reply::Document(format!("{} bytes", request.len()))).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance)).await;
    let body = "<modules/>".repeat(10_000);
    let path_and_query = signed("create", "meetingID=m+1&name=x", SECRET);
    let request = format!(
        "POST {path_and_query} HTTP/1.1\r\nhost: bbb.example.org\r\ncontent-type: application/xml\r\nexpect: 100-continue\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = frontend::raw(proxy.public, request.as_bytes()).await;
    let answer = answer.strip_prefix(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
    assert_eq!(frontend::parse(answer).unwrap().status, 200);
    let recorded = &instance.requests()[0];
    assert!(recorded.starts_with("POST ") && recorded.contains("content-type: application/xml\r\n"), "{recorded:.300}");
    assert_eq!(recorded.split_once("\r\n\r\n").unwrap().1, body);
}

#[tokio::test]
async fn only_a_trusted_proxy_says_which_host_was_called() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance);
    let (proxy, control) = Proxy::with(&script).await;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: inner\r\nx-forwarded-host: bbb.example.org\r\nconnection: close\r\n\r\n",
        signed("getMeetingInfo", "meetingID=m+1", SECRET)
    );
    assert_eq!(frontend::send(proxy.public, request.as_bytes()).await.says(), (200, "tenantNotFound"));
    let mut settings = settings(&[control.address()]);
    settings.data_plane.trusted_proxies = vec![IpAddr::from([127, 0, 0, 1])];
    let trusting = Proxy::start(&settings);
    trusting.ready().await;
    assert_eq!(frontend::send(trusting.public, request.as_bytes()).await.body, INFO);
}

#[tokio::test]
async fn an_end_is_reported_and_the_meeting_stays_known() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance);
    let (proxy, _control) = Proxy::with(&script).await;
    for _ in 0..2 {
        assert_eq!(proxy.call("end", "meetingID=m+1", SECRET).await.body, INFO);
    }
    crate::eventually("both ends are reported", async || script.reports().len() == 2).await;
    assert!(
        script
            .reports()
            .iter()
            .all(|event| matches!(event, Event::Ended(meeting) if meeting.instance == instance.url()))
    );
    assert_eq!(script.finds(), 0);
}
