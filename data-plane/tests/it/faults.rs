//! Instances that misbehave, and what frontends see of it.

use crate::control::{self, Script};
use crate::frontend;
use crate::instance::{Instance, Reply, document_reply, nowhere};
use crate::proxy::Proxy;
use b3lb_proto::v1::Changes;

const SECRET: &str = "tenant-secret";
const INFO: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n</response>";

fn one_meeting(url: &str) -> Script {
    Script::new(Changes {
        instances: vec![control::route(url, "instance-secret")],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", url, &["m"])],
        ..Changes::default()
    })
}

async fn proxy_to(reply: Reply) -> (Instance, Proxy, control::Control) {
    let instance = Instance::start(move |_, _| reply.clone()).await;
    let (proxy, control) = Proxy::with(&one_meeting(&instance.url())).await;
    (instance, proxy, control)
}

#[tokio::test]
async fn a_frontend_gets_a_document_whatever_the_instance_does() {
    for (what, reply) in [
        ("hangs", Reply::Hang),
        ("closes", Reply::Last(Vec::new())),
        ("writes no HTTP", Reply::Last(b"SSH-2.0-OpenSSH_9.6\r\n".to_vec())),
        ("breaks off within the head", Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-len".to_vec())),
        ("fails", Reply::Raw(b"HTTP/1.1 500 Oops\r\ncontent-length: 13\r\n\r\n<html></html>".to_vec())),
        ("has no backend", Reply::Raw(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 13\r\n\r\n<html></html>".to_vec())),
        ("writes an endless head", Reply::Raw([b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'y'; 1 << 20]].concat())),
    ] {
        let (instance, proxy, _control) = proxy_to(reply).await;
        for call in ["getMeetingInfo", "isMeetingRunning", "end"] {
            let response = proxy.call(call, "meetingID=m", SECRET).await;
            assert_eq!(response.says(), (200, "internalError"), "{call}: the instance {what}");
        }
        assert_eq!(instance.requests().len(), 3, "no call was repeated, though the instance {what}");
    }
    let (proxy, _control) = Proxy::with(&one_meeting(&nowhere())).await;
    for call in ["getMeetingInfo", "isMeetingRunning", "end"] {
        assert_eq!(proxy.call(call, "meetingID=m", SECRET).await.says(), (200, "internalError"), "{call}");
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_never_passed_on_as_whole() {
    let whole = document_reply(INFO);
    for reply in [
        Reply::Last(whole[..whole.len() - 10].to_vec()),
        Reply::Last(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec()),
        // Which must end in time nevertheless.
        Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()),
        Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n".to_vec()),
    ] {
        let (instance, proxy, _control) = proxy_to(reply.clone()).await;
        let request = frontend::signed("getMeetingInfo", "meetingID=m", SECRET);
        let request = format!("GET {request} HTTP/1.1\r\nconnection: close\r\n\r\n");
        let answer = frontend::raw(proxy.public, request.as_bytes()).await;
        assert!(frontend::parse(&answer).is_none_or(|response| !response.complete), "{reply:?}");
        assert_eq!(instance.requests().len(), 1);
    }
}

#[tokio::test]
async fn what_is_no_failure_of_the_instance_passes_as_it_came() {
    for (head, status) in
        [("302 Found\r\nlocation: http://169.254.169.254/", 302), ("404 Not Found", 404), ("401 No", 401)]
    {
        let reply = format!("HTTP/1.1 {head}\r\ncontent-length: 3\r\nx-own: 1\r\nkeep-alive: timeout=5\r\n\r\nabc")
            .into_bytes();
        let (instance, proxy, _control) = proxy_to(Reply::Raw(reply)).await;
        let response = proxy.call("getMeetingInfo", "meetingID=m", SECRET).await;
        assert_eq!((response.status, &*response.body, response.complete), (status, "abc", true));
        assert_eq!((response.header("x-own"), response.header("keep-alive")), (Some("1"), None));
        assert_eq!(instance.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_chunked_answer_and_one_without_a_length_arrive_whole() {
    for reply in [
        Reply::Raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n".to_vec()),
        Reply::Last(b"HTTP/1.1 200 OK\r\n\r\nabcdefg".to_vec()),
    ] {
        let (_instance, proxy, _control) = proxy_to(reply).await;
        for _ in 0..2 {
            let response = proxy.call("getMeetingInfo", "meetingID=m", SECRET).await;
            assert_eq!((&*response.body, response.complete), ("abcdefg", true));
        }
    }
}

/// Answers the first request of a connection, and closes instead of answering the second.
fn stale(_: &str, before: usize) -> Reply {
    if before == 0 { Reply::Document(INFO.to_owned()) } else { Reply::Last(Vec::new()) }
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_costs_a_safe_call_nothing() {
    let instance = Instance::start(stale).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance.url())).await;
    // More calls than workers, so that some find a connection that was used.
    for _ in 0..8 {
        assert_eq!(proxy.call("getMeetingInfo", "meetingID=m", SECRET).await.body, INFO);
    }
    assert!(instance.requests().len() > 8);
}

#[tokio::test]
async fn an_end_is_never_sent_twice() {
    let instance = Instance::start(stale).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance.url())).await;
    let mut failed = 0;
    for _ in 0..8 {
        let response = proxy.call("end", "meetingID=m", SECRET).await;
        failed += usize::from(response.says() == (200, "internalError"));
    }
    assert_eq!((instance.requests().len(), failed > 0), (8, true));
}

#[tokio::test]
async fn troubles_are_counted_by_instance() {
    let (instance, proxy, _control) = proxy_to(Reply::Last(Vec::new())).await;
    proxy.call("getMeetingInfo", "meetingID=m", SECRET).await;
    let metrics = proxy.metrics().await;
    for line in [
        format!("b3lb_upstream_errors_total{{instance=\"{}\",error=\"broken\"}} 1", instance.url()),
        format!("b3lb_upstream_requests_total{{instance=\"{}\",outcome=\"broken\"}} 1", instance.url()),
        "b3lb_calls_total{call=\"getMeetingInfo\",tenant=\"*\",outcome=\"broken\"} 1".to_owned(),
        "b3lb_calls_under_way 0".to_owned(),
        "b3lb_call_duration_seconds_count{call=\"getMeetingInfo\"} 1".to_owned(),
        "b3lb_table_size{of=\"meetings\"} 1".to_owned(),
        "b3lb_watch_connected 1".to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert_eq!(frontend::get(proxy.admin, "/livez").await.status, 200);
}
