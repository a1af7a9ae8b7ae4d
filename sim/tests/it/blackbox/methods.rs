//! What is no call: other methods, and other paths.

use super::cell::is_proxied;
use super::request::{Request, Way};
use super::subject::create;
use crate::system::{Pool, Shape};
use b3lb_sim::checksum;
use b3lb_sim::frontend::Answer;
use bbb::Call;
use http::header::ALLOW;
use http::{Method, StatusCode};

/// Bytes of an answer that says in one line what is wrong.
const SHORT: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_call_reaches_no_instance() {
    let pool = Pool::start(Shape { instances: 1, ..Shape::default() }).await;
    let [frontend] = pool.frontends().try_into().unwrap();
    let (id, ..) = create(&pool, &frontend, "weekly", None).await;
    let told = proxied(&pool);
    let short = |answer: &Answer| {
        answer.body.len() < SHORT && answer.headers["content-type"].as_bytes().starts_with(b"text/plain")
    };
    for call in Call::all() {
        let request = Request::of(call);
        let sign =
            |action: &str, query: &str| Some(checksum::sign(frontend.algorithm, action, query, &frontend.secret));
        let (_, target, body) = request.sent(Way::Query, Some(&id), "method", sign);
        for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
            let answer = frontend.send(method.clone(), &target, body.clone()).await.unwrap();
            assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {target}");
            assert_eq!(answer.headers[ALLOW], call.methods().allow(), "{method} {target}");
            assert!(short(&answer), "{method} {target}: {}", answer.text());
            assert_eq!(answer.body.is_empty(), method == Method::HEAD, "{method} {target}: {}", answer.text());
        }
    }
    let sum = frontend.target("getMeetingInfo", &format!("meetingID={id}"));
    let query = sum.split_once('?').unwrap().1;
    for path in ["/", "/api/getMeetingInfo", "/bigbluebuttonx", "/bigbluebutton/apix", "/playback/video", "/livez"] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
            let answer = frontend.send(method.clone(), &format!("{path}?{query}"), None).await.unwrap();
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
            assert!(short(&answer), "{method} {path}: {}", answer.text());
        }
    }
    assert_eq!(proxied(&pool), told);
}

fn proxied(pool: &Pool) -> usize {
    pool.instances.iter().flat_map(|instance| instance.calls()).filter(is_proxied).count()
}
