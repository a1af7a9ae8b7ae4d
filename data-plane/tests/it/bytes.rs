//! What an instance is sent, byte for byte, beside what the frontend sent.

use crate::control::{self, Control, Script};
use crate::frontend::{self, signed_with};
use crate::instance::Instance;
use crate::proxy::Proxy;
use b3lb_proto::v1::Changes;
use bbb::Secret;
use bbb::checksum::Algorithm;

const SECRET: &str = "tenant-secret";
const THEIRS: &str = "instance-secret";
const ANSWER: &str = "<response>\n<returncode>SUCCESS</returncode>\n</response>";

/// Every call about a meeting that is passed on, and its method.
const CALLS: [(&str, &str); 6] = [
    ("GET", "create"),
    ("GET", "isMeetingRunning"),
    ("GET", "getMeetingInfo"),
    ("GET", "sendChatMessage"),
    ("POST", "insertDocument"),
    ("GET", "end"),
];

/// Parameters as frontends write them, each of whom encodes, orders and repeats in its own way. All name the meeting `m x`.
const QUERIES: [&str; 14] = [
    "meetingID=m+x",
    "meetingID=m%20x&name=a+b%20c",
    "&meetingID=m+x",
    "meetingID=m+x&&&name=",
    "name=%C3%BC%c3%9F&meetingID=m+x",
    "meetingID=m+x&meta_a=%2f%2F&meta_A=1&meta_a=2",
    "b=2&a=1&meetingID=m+x&c",
    "meetingID=m+x&x=[1]|{2}^`\\",
    "meetingID=m+x&x=a=b==&=&=c",
    "meetingID=m+x&x=%&y=%zz&z=%4",
    "meetingI%44=m+x&n%61me=y",
    "meetingID=%6d%20x&meetingID=m+x",
    "meetingID=m+x&u=\u{fc}\u{2713}",
    "meetingID=m+x&x=;,:@!$'()*~-._/?",
];

async fn pool() -> (Instance, Proxy, Control) {
    let instance = Instance::answering(ANSWER).await;
    let url = instance.url();
    let script = Script::new(Changes {
        instances: vec![control::route(&url, THEIRS)],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", &url, &["m x"])],
        ..Changes::default()
    });
    let (proxy, control) = Proxy::with(&script).await;
    (instance, proxy, control)
}

/// A query with its checksum before, between or behind its parameters.
fn with_checksum(algorithm: Algorithm, call: &str, query: &str, secret: &str, place: usize) -> String {
    let sum = algorithm.sign(call, &[query], &Secret::new(secret));
    let checksum = format!("checksum={}", sum.as_str());
    match (place, query.find('&')) {
        (0, _) => format!("{checksum}&{query}"),
        (1, Some(first)) => format!("{}&{checksum}{}", &query[..first], &query[first..]),
        _ => format!("{query}&{checksum}"),
    }
}

#[tokio::test]
async fn a_query_differs_in_its_checksum_alone() {
    let (instance, proxy, _control) = pool().await;
    for (method, call) in CALLS {
        for query in QUERIES {
            for (place, algorithm) in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512].into_iter().enumerate() {
                let path = format!("/bigbluebutton/api/{call}?");
                let sent = path.clone() + &with_checksum(algorithm, call, query, SECRET, place);
                let expected = path + &with_checksum(Algorithm::Sha256, call, query, THEIRS, place);
                let head =
                    format!("{method} {sent} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let answer = frontend::send(proxy.public, head.as_bytes()).await;
                assert_eq!((answer.status, &*answer.body), (200, ANSWER), "{sent}");
                let received = instance.requests().pop().unwrap();
                assert_eq!(received.lines().next(), Some(&*format!("{method} {expected} HTTP/1.1")), "{sent}");
            }
        }
    }
    assert_eq!(instance.requests().len(), CALLS.len() * QUERIES.len() * 3);
}

#[tokio::test]
async fn what_describes_a_body_passes_with_it() {
    let (instance, proxy, _control) = pool().await;
    let slides = "<?xml version='1.0' encoding='UTF-8'?>\r\n<modules>\u{fc}<module name='presentation'/>\r\n</modules>";
    let form = "&name=a+b%20c&&record=%74rue&meta_a=\u{fc}";
    let parts = "--=_b\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n\u{fc}\r\n--=_b--\r\nepilogue";
    for (call, content_type, body) in [
        ("create", "application/xml", slides),
        ("create", "text/xml; charset=utf-8", slides),
        ("create", "Application/XML;charset=\"UTF-8\"", slides),
        ("create", "application/x-www-form-urlencoded", form),
        ("create", "application/x-www-form-urlencoded ; charset=UTF-8", form),
        ("create", "multipart/form-data; boundary=\"=_b\"", parts),
        ("insertDocument", "application/xml; charset=utf-8", slides),
        ("end", "application/x-www-form-urlencoded", form),
        ("getMeetingInfo", "multipart/form-data; charset=UTF-8; boundary=\"=_b\"", parts),
    ] {
        let path = signed_with(Algorithm::Sha1, call, "meetingID=m+x", SECRET);
        let own = [
            format!("content-type: {content_type}"),
            "accept: text/xml, application/json;q=0.9, */*;q=0.1".to_owned(),
            "accept-encoding: UTF-8".to_owned(),
            "content-language: en-US".to_owned(),
            format!("content-length: {}", body.len()),
        ];
        let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{}\r\n\r\n", own.join("\r\n"));
        let answer = frontend::send(proxy.public, format!("{head}{body}").as_bytes()).await;
        assert_eq!((answer.status, &*answer.body), (200, ANSWER), "{call} {content_type}");
        let received = instance.requests().pop().unwrap();
        let (head, sent) = received.split_once("\r\n\r\n").unwrap();
        assert_eq!(sent, body, "{call} {content_type}");
        for line in own {
            assert!(head.lines().any(|received| received == line), "{call}: no {line} in {head}");
        }
        assert!(head.lines().next().unwrap().contains(&signed_with(Algorithm::Sha256, call, "meetingID=m+x", THEIRS)));
    }
}
