//! Calls that come with a body.

use crate::control::{self, Script};
use crate::frontend::{self, post, signed, signed_with};
use crate::instance::Instance;
use crate::proxy::Proxy;
use b3lb_proto::v1::{Changes, InstanceRoute, TenantRoute};
use bbb::Secret;
use bbb::checksum::Algorithm;

const SECRET: &str = "tenant-secret";
const THEIRS: &str = "instance-secret";
const ANSWER: &str = "<response>\n<returncode>SUCCESS</returncode>\n<running>true</running>\n</response>";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// An instance with the meeting `m x` of the tenant `*`, whose calls pass as they are.
async fn pool(signs_forms: bool) -> (Instance, Proxy, control::Control) {
    let instance = Instance::answering(ANSWER).await;
    let url = instance.url();
    let script = Script::new(Changes {
        instances: vec![InstanceRoute { signs_forms, ..control::route(&url, THEIRS) }],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", &url, &["m x"])],
        ..Changes::default()
    });
    let (proxy, control) = Proxy::with(&script).await;
    (instance, proxy, control)
}

fn sum(algorithm: Algorithm, call: &str, text: &str, secret: &str) -> String {
    algorithm.sign(call, &[text], &Secret::new(secret)).as_str().to_owned()
}

/// The path of the only request, and its body.
fn only(instance: &Instance) -> (String, String) {
    let requests = instance.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_form_is_passed_on_byte_for_byte() {
    let (instance, proxy, _control) = pool(false).await;
    let body = "&meetingID=m+x&a=%2f&&b";
    let path = signed("isMeetingRunning", "c=%C3%A9", SECRET);
    assert_eq!(post(proxy.public, &path, FORM, body).await.body, ANSWER);
    let (path, sent) = only(&instance);
    assert_eq!(path, signed_with(Algorithm::Sha256, "isMeetingRunning", "c=%C3%A9", THEIRS));
    assert_eq!(sent, body);
    let head = instance.requests()[0].to_lowercase();
    assert!(head.contains(&format!("content-type: {}\r\n", FORM.to_lowercase())), "{head}");
    assert!(head.contains(&format!("content-length: {}\r\n", body.len())), "{head}");
}

#[tokio::test]
async fn a_checksum_in_the_form_is_replaced_there() {
    let (instance, proxy, _control) = pool(false).await;
    let theirs = sum(Algorithm::Sha1, "end", "", SECRET);
    let body = format!("password=p&checksum={theirs}&meetingID=m%20x");
    assert_eq!(post(proxy.public, "/bigbluebutton/api/end", FORM, &body).await.body, ANSWER);
    let (path, sent) = only(&instance);
    assert_eq!(path.trim_end_matches('?'), "/bigbluebutton/api/end");
    assert_eq!(sent, body.replace(&theirs, &sum(Algorithm::Sha256, "end", "", THEIRS)));
}

#[tokio::test]
async fn an_old_frontend_and_an_old_instance_sign_the_form() {
    let (instance, proxy, _control) = pool(true).await;
    let text = "meetingID=m+x&name=A*b%7Ec";
    let theirs = sum(Algorithm::Sha1, "getMeetingInfo", text, SECRET);
    let body = format!("name=A*b~c&checksum={theirs}&meetingID=m+x");
    assert_eq!(post(proxy.public, "/bigbluebutton/api/getMeetingInfo", FORM, &body).await.body, ANSWER);
    assert_eq!(only(&instance).1, body.replace(&theirs, &sum(Algorithm::Sha256, "getMeetingInfo", text, THEIRS)));
}

#[tokio::test]
async fn a_form_with_parts_is_read_up_to_its_first_file() {
    let (instance, proxy, _control) = pool(false).await;
    let theirs = sum(Algorithm::Sha512, "create", "", SECRET);
    let part =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let slides = "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.pdf\"\r\n\r\n";
    let body = [&part("meetingID", "m x"), &part("checksum", &theirs), slides, &"%PDF".repeat(50_000), "\r\n--x--\r\n"]
        .concat();
    let answer = post(proxy.public, "/bigbluebutton/api/create", "multipart/form-data; boundary=x", &body).await;
    assert_eq!(answer.body, ANSWER);
    assert_eq!(only(&instance).1, body.replace(&theirs, &sum(Algorithm::Sha256, "create", "", THEIRS)));
}

#[tokio::test]
async fn a_body_without_a_length_is_passed_on_too() {
    let (instance, proxy, _control) = pool(false).await;
    let path = signed("insertDocument", "meetingID=m+x", SECRET);
    let head = format!("POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n");
    let request = format!("{head}Connection: close\r\n\r\n4\r\n<mod\r\n5\r\nules>\r\n0\r\n\r\n");
    assert_eq!(frontend::send(proxy.public, request.as_bytes()).await.body, ANSWER);
    assert_eq!(only(&instance).1.replace("\r\n", ""), "4<mod5ules>0");
}

#[tokio::test]
async fn a_posted_join_becomes_the_url_to_go_to() {
    let (instance, proxy, _control) = pool(false).await;
    let path = signed("join", "redirect=true", SECRET);
    let answer = post(proxy.public, &path, FORM, "fullName=J%C3%B6rg&meetingID=m+x").await;
    let sent = signed("join", "redirect=true", SECRET);
    let query = sent.split_once('?').unwrap().1.split_once('&').unwrap().0;
    assert_eq!(query, "redirect=true");
    let theirs = sum(Algorithm::Sha256, "join", "redirect=true&fullName=J%C3%B6rg&meetingID=m+x", THEIRS);
    let expected =
        format!("{}/api/join?redirect=true&checksum={theirs}&fullName=J%C3%B6rg&meetingID=m+x", instance.url());
    assert_eq!((answer.status, answer.header("location")), (302, Some(&*expected)));
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_meant_reaches_no_instance() {
    let (instance, proxy, _control) = pool(false).await;
    let good = signed("end", "meetingID=m+x", SECRET);
    let api = "/bigbluebutton/api";
    let own = sum(Algorithm::Sha1, "end", "", SECRET);
    let wrong = sum(Algorithm::Sha1, "end", "", THEIRS);
    for (path, content_type, body, key) in [
        (good.clone(), "text/plain", "x".to_owned(), "unsupportedContentType"),
        (good.clone(), "application/xml", "<x/>".to_owned(), "unsupportedContentType"),
        (good.replace('m', "n"), "text/plain", "x".to_owned(), "checksumError"),
        (good.clone(), FORM, "meetingID=other".to_owned(), "validationError"),
        (good.clone(), FORM, format!("checksum={own}"), "checksumError"),
        (format!("{api}/end"), FORM, "meetingID=m+x".to_owned(), "checksumError"),
        (format!("{api}/end"), FORM, format!("meetingID=m+x&checksum={wrong}"), "checksumError"),
        (format!("{api}/end"), FORM, format!("meetingID=m+x&checksum={own}&checksum={own}"), "checksumError"),
        (format!("{api}/end"), FORM, format!("checksum={own}"), "missingParamMeetingID"),
        (format!("{api}/end"), "text/xml", format!("meetingID=m+x&checksum={own}"), "checksumError"),
    ] {
        let answer = post(proxy.public, &path, content_type, &body).await;
        assert_eq!(answer.says(), (200, key), "{path} {content_type} {body}");
    }
    let huge = format!("meetingID=m+x&checksum={own}&a={}", "x".repeat(3 << 20));
    assert_eq!(post(proxy.public, "/bigbluebutton/api/end", FORM, &huge).await.status, 413);
    assert_eq!(instance.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tenant_may_have_to_sign_in_some_ways_only() {
    let instance = Instance::answering(ANSWER).await;
    let algorithms = vec![b3lb_proto::v1::ChecksumAlgorithm::Sha512.into()];
    let script = Script::new(Changes {
        instances: vec![control::route(&instance.url(), THEIRS)],
        tenants: vec![TenantRoute { algorithms, ..control::tenant("*", &[SECRET]) }],
        placed: vec![control::placed("*", &instance.url(), &["m"])],
        ..Changes::default()
    });
    let (proxy, _control) = Proxy::with(&script).await;
    let get = async |algorithm| {
        frontend::get(proxy.public, &signed_with(algorithm, "isMeetingRunning", "meetingID=m", SECRET)).await
    };
    assert_eq!(get(Algorithm::Sha1).await.says(), (200, "checksumError"));
    assert_eq!(get(Algorithm::Sha512).await.body, ANSWER);
}
