//! Control planes that come and go.

use crate::control::{self, Control, Script};
use crate::instance::Instance;
use crate::proxy::{Proxy, settings};
use crate::{eventually, frontend};
use b3lb_proto::v1::Changes;

const SECRET: &str = "tenant-secret";
const INFO: &str = "<response>\n<returncode>SUCCESS</returncode>\n</response>";

fn one_meeting(url: &str) -> Script {
    let script = Script::new(Changes {
        instances: vec![control::route(url, "instance-secret")],
        tenants: vec![control::tenant("*", &[SECRET])],
        placed: vec![control::placed("*", url, &["m"])],
        ..Changes::default()
    });
    let url = url.to_owned();
    script.on_place(move |_| Ok(url.clone()));
    script
}

fn step(url: &str, id: &str) -> Changes {
    Changes { placed: vec![control::placed("*", url, &[id])], ..Changes::default() }
}

async fn knows(proxy: &Proxy, id: &str) -> bool {
    proxy.call("isMeetingRunning", &format!("meetingID={id}"), SECRET).await.body == INFO
}

#[tokio::test]
async fn before_any_control_plane_answers_nothing_is_pretended() {
    let proxy = Proxy::start(&settings(&["127.0.0.1:1".parse().unwrap()]));
    for call in ["isMeetingRunning", "create", "getMeetings"] {
        assert_eq!(proxy.call(call, "meetingID=m", SECRET).await.says(), (200, "internalError"));
    }
    assert_eq!(frontend::get(proxy.admin, "/readyz").await.status, 503);
    assert_eq!(frontend::get(proxy.admin, "/livez").await.status, 200);
    proxy.stop().await;
}

#[tokio::test]
async fn steps_are_followed_as_they_come() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance.url());
    let (proxy, _control) = Proxy::with(&script).await;
    script.on_find(Ok(None));
    for id in ["a", "b", "c"] {
        assert!(!knows(&proxy, id).await);
        script.step(step(&instance.url(), id));
        eventually("the step is applied", async || knows(&proxy, id).await).await;
    }
    assert_eq!(script.watches().len(), 1);
}

#[tokio::test]
async fn a_step_that_does_not_fit_is_answered_by_asking_for_everything() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance.url());
    let (proxy, _control) = Proxy::with(&script).await;
    script.skip_a_step();
    eventually("the proxy asks again", async || script.watches().len() == 2).await;
    assert_eq!(script.watches()[1].revision, "");
    script.step(step(&instance.url(), "new"));
    eventually("the proxy follows again", async || knows(&proxy, "new").await).await;
    assert!(proxy.metrics().await.contains("b3lb_watch_resyncs_total 1"));
}

#[tokio::test]
async fn a_proxy_moves_on_when_its_control_plane_dies() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance.url());
    let (first, second) = (Control::start(&script), Control::start(&script));
    let proxy = Proxy::start(&settings(&[first.address(), second.address()]));
    proxy.ready().await;
    first.kill();
    assert!(knows(&proxy, "m").await, "calls about meetings that exist never fail");
    assert_eq!(proxy.call("create", "meetingID=new", SECRET).await.body, INFO, "new meetings are placed by the other");
    eventually("the proxy follows the other", async || script.watches().len() == 2).await;
    // It only wants what it does not know.
    assert_eq!(script.watches()[1].revision, "0-1");
    script.step(step(&instance.url(), "later"));
    eventually("its steps are applied", async || knows(&proxy, "later").await).await;
}

#[tokio::test]
async fn without_any_control_plane_existing_meetings_go_on() {
    let instance = Instance::answering(INFO).await;
    let script = one_meeting(&instance.url());
    let (proxy, control) = Proxy::with(&script).await;
    let address = control.address();
    control.kill();
    for call in ["isMeetingRunning", "getMeetingInfo", "create", "end"] {
        assert_eq!(proxy.call(call, "meetingID=m", SECRET).await.body, INFO, "{call}");
    }
    assert_eq!(frontend::get(proxy.admin, "/readyz").await.status, 200);
    eventually("the loss shows", async || proxy.metrics().await.contains("b3lb_watch_connected 0")).await;
    let _again = Control::on(address, &script);
    eventually("it is followed again", async || proxy.metrics().await.contains("b3lb_watch_connected 1")).await;
    assert_eq!(proxy.call("create", "meetingID=new", SECRET).await.body, INFO);
}

#[tokio::test]
async fn a_proxy_with_the_wrong_token_never_gets_ready() {
    let script = one_meeting("http://127.0.0.1:1/bigbluebutton");
    let control = Control::start(&script);
    let mut settings = settings(&[control.address()]);
    settings.control_plane.proxy_token = None;
    settings.admin.api_key = Some(bbb::Secret::new("wrong"));
    let wrong = Proxy::start(&settings);
    settings.admin.api_key = Some(bbb::Secret::new(control::TOKEN));
    Proxy::start(&settings).ready().await;
    assert_eq!(frontend::get(wrong.admin, "/readyz").await.status, 503);
    assert_eq!(script.watches().len(), 1);
}

#[tokio::test]
async fn a_proxy_ends_in_order() {
    let instance = Instance::answering(INFO).await;
    let (proxy, _control) = Proxy::with(&one_meeting(&instance.url())).await;
    let idle = tokio::net::TcpStream::connect(proxy.public).await.unwrap();
    assert!(knows(&proxy, "m").await);
    proxy.stop().await;
    drop(idle);
}
