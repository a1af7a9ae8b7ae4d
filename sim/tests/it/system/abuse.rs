//! Calls that are not signed, or are none: each gets an answer, and no instance hears of it.

use super::{INSTANCE_SECRET, Pool, Shape};
use crate::wait::within;
use b3lb_sim::documents;
use bbb::Secret;
use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_not_signed_reach_no_instance() {
    let pool = Pool::start(Shape::default()).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    frontend.create("weekly").await.unwrap();
    let mut impostor = frontend.clone();
    impostor.secret = Secret::new(INSTANCE_SECRET);
    for (action, query) in [
        ("create", "meetingID=new&name=New"),
        ("create", "meetingID=weekly&name=Weekly"),
        ("join", "meetingID=weekly&fullName=Ada&role=VIEWER&redirect=false"),
        ("isMeetingRunning", "meetingID=weekly"),
        ("getMeetingInfo", "meetingID=weekly"),
        ("end", "meetingID=weekly"),
        ("getMeetings", ""),
    ] {
        let signed = frontend.target(action, query);
        let (unsigned, sum) = signed.rsplit_once("checksum=").unwrap();
        for target in [
            unsigned.trim_end_matches(['&', '?']).to_owned(),
            format!("{unsigned}checksum="),
            format!("{unsigned}checksum={}", sum.replace(&sum[..1], "x")),
            format!("{unsigned}checksum={}", &sum[1..]),
            format!("{unsigned}checksum={sum}0"),
            format!("{signed}&checksum={sum}"),
            format!("{signed}&meetingID=other"),
            impostor.target(action, query),
        ] {
            let answer = frontend.get(&target).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{target}");
            assert_eq!(answer.element("returncode"), Some("FAILED"), "{target}: {}", answer.text());
            assert_eq!(answer.element("messageKey"), Some("checksumError"), "{target}: {}", answer.text());
        }
    }
    let reached = ["join", "isMeetingRunning", "getMeetingInfo", "end"].map(|action| pool.received(action));
    assert_eq!((pool.received("create"), reached), (1, [0; 4]));
    let wrong = frontend.get("/bigbluebutton/api/getMeetings?checksum=00").await.unwrap();
    assert_eq!(wrong.text(), documents::failure("checksumError", "Checksums do not match"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_sent_gets_an_answer_and_harms_nobody() {
    let pool = Pool::start(Shape { instances: 1, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    let long = "x".repeat(100_000);
    for request in [
        get(&format!("/bigbluebutton/api/create?meetingID={long}")),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx: {long}{long}{long}\r\n\r\n"),
        "GET / HTTP/1.1\r\n".to_owned() + &"x: y\r\n".repeat(10_000) + "\r\n",
        "nonsense\r\n\r\n".to_owned(),
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET /bigbluebutton/api/getMeetings HTTP/9.9\r\n\r\n".to_owned(),
        "GET /bigbluebutton/api/getMeetings HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "HEAD /bigbluebutton/api/getMeetings HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "DELETE /bigbluebutton/api/getMeetings HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(),
        "GET /bigbluebutton/api/getMeetings HTTP/1.1\r\nhost: \u{fc}\r\n\r\n".to_owned(),
        get("/bigbluebutton/api/nonsense?%zz=%&&&=&checksum"),
        get("/bigbluebutton/api/%2e%2e/create?checksum=%00"),
        get("/bigbluebutton/"),
        get("/"),
        get("*"),
    ] {
        let answer = within("an answer", ask(&frontend.authority, &request)).await;
        let start = request.chars().take(60).collect::<String>();
        assert!(answer.starts_with("HTTP/1.1 "), "{start:?}: {answer:?}");
    }
    let unsupported = frontend.call("nonsense", &[]).await.unwrap();
    assert_eq!(unsupported.element("messageKey"), Some("unsupportedRequest"), "{}", unsupported.text());
    assert!(frontend.create("weekly").await.unwrap().succeeded());
    assert_eq!(pool.received("create"), 1);
}

/// What comes back first.
async fn ask(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    // The answer may come, and the connection be closed, before all of a large request is written.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap_or(0);
    String::from_utf8_lossy(&answer[..length]).into_owned()
}
