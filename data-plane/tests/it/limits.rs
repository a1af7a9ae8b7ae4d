//! What a tenant may not exceed, and the numbers that its meetings are given.

use crate::control::{self, Script};
use crate::instance::Instance;
use crate::proxy::Proxy;
use b3lb_proto::v1::{Changes, TenantRoute};
use bbb::checksum::Algorithm;
use tonic::Status;

const SECRET: &str = "tenant-secret";
const CREATED: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n</response>";

fn pool(url: &str, tenant: TenantRoute) -> Script {
    Script::new(Changes {
        instances: vec![control::route(url, "instance-secret")],
        placed: vec![control::placed("*", url, &["m"])],
        tenants: vec![tenant],
        ..Changes::default()
    })
}

fn tenant() -> TenantRoute {
    control::tenant("*", &[SECRET])
}

#[tokio::test]
async fn a_tenant_with_all_its_meetings_gets_no_more() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&instance.url(), tenant());
    script.on_place(|_| Err(Status::permission_denied("as many as it may")));
    let (proxy, _control) = Proxy::with(&script).await;
    let refused = proxy.call("create", "meetingID=another&name=M", SECRET).await;
    assert_eq!(refused.says(), (200, "meetingPoolReached"));
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.body, CREATED);
    assert!(proxy.metrics().await.contains("outcome=\"meeting_pool\""), "{}", proxy.metrics().await);
}

#[tokio::test]
async fn users_are_let_in_while_there_is_room_or_nobody_can_count_them() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&instance.url(), TenantRoute { limits_users: true, ..tenant() });
    let (proxy, _control) = Proxy::with(&script).await;
    let join = async || proxy.call("join", "meetingID=m&fullName=A", SECRET).await;
    assert_eq!(join().await.status, 302);
    script.on_admit(Err(Status::permission_denied("as many as it may")));
    assert_eq!(join().await.says(), (200, "userPoolReached"));
    script.on_admit(Err(Status::unavailable("the store does not answer")));
    assert_eq!(join().await.status, 302);
    assert_eq!(script.admits(), 3);
    assert!(proxy.metrics().await.contains("outcome=\"user_pool\""), "{}", proxy.metrics().await);
}

#[tokio::test]
async fn who_has_no_limit_is_not_counted() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&instance.url(), tenant());
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(proxy.call("join", "meetingID=m&fullName=A", SECRET).await.status, 302);
    assert_eq!(script.admits(), 0);
}

#[tokio::test]
async fn a_meeting_is_created_with_its_number() {
    let instance = Instance::answering(CREATED).await;
    let url = instance.url();
    let script = pool(&url, TenantRoute { numbers_bridges: true, ..tenant() });
    script.on_place(move |_| Ok(url.clone()));
    script.give_number(71234);
    let (proxy, control) = Proxy::with(&script).await;
    proxy.call("create", "meetingID=m&voiceBridge=1", SECRET).await;
    proxy.call("create", "meetingID=m", SECRET).await;
    let sent = |query: &str| {
        let checksum = Algorithm::Sha256.sign("create", &[query], &bbb::Secret::new("instance-secret"));
        format!("GET /bigbluebutton/api/create?{query}&checksum={} HTTP/1.1", checksum.as_str())
    };
    let requests = instance.requests();
    let lines: Vec<&str> = requests.iter().map(|request| request.lines().next().unwrap()).collect();
    assert_eq!(lines[0], sent("meetingID=m&voiceBridge=71234"));
    assert!(lines[1].ends_with("&voiceBridge=71234 HTTP/1.1"), "{}", lines[1]);
    drop(control);
    proxy.call("create", "meetingID=m&voiceBridge=1", SECRET).await;
    let without = instance.requests().pop().unwrap();
    assert!(without.contains("voiceBridge=1&"), "a class begins all the same: {without}");
}
