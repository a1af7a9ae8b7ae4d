//! What both planes tell Prometheus, and what `deploy/docs/metrics.md` says that they do.

use super::planes::ControlPlane;
use super::{Pool, Shape, reserved_address, tenants};
use crate::wait::until;
use b3lb_proto::v1::{AddInstanceRequest, CordonInstanceRequest, GetTenantRequest, Instance, PutTenantRequest};
use b3lb_sim::Frontend;
use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PAGE: &str = include_str!("../../../../deploy/docs/metrics.md");
const RULES: &str = include_str!("../../../../deploy/prometheus/rules.yaml");

/// These need TLS, or a collector of traces, and are tested where there is one.
const ELSEWHERE: [&str; 2] = ["b3lb_certificate_expiry_timestamp_seconds", "b3lb_trace_spans_total"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_lists_what_is_served_and_nothing_else() {
    let pool = Pool::start(Shape::default()).await;
    let mut admin = pool.control_planes[0].admin().await.unwrap();
    let red = tenants::tenant(&pool, "red.example.org", &["red-secret"], vec![]).await;
    let mut tenant = admin
        .get_tenant(GetTenantRequest { host: red.host.clone().unwrap(), ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    (tenant.meeting_pool, tenant.user_pool) = (Some(1), Some(1));
    tenant.secrets = vec!["red-secret".to_owned()];
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), ..Default::default() }).await.unwrap();
    let proxy = pool.proxies[0].admin;

    assert!(red.create("one").await.unwrap().succeeded());
    until("the limit is hit", async || {
        red.create("two").await.unwrap().element("messageKey") == Some("meetingPoolReached")
    })
    .await;
    let stranger = Frontend { host: Some("stranger.example.org".to_owned()), ..red.clone() };
    assert!(!stranger.meetings().await.unwrap().succeeded());
    let cordoned = pool.instances[0].url();
    admin.cordon_instance(CordonInstanceRequest { url: cordoned.clone() }).await.unwrap();
    let dead = format!("http://{}/bigbluebutton", reserved_address());
    let instance = Instance { url: dead.clone(), secret: "secret".to_owned(), ..Instance::default() };
    admin.add_instance(AddInstanceRequest { instance: Some(instance) }).await.unwrap();
    until("the instances are measured, and the dead one is noticed and asked by the proxy", async || {
        red.meetings().await.unwrap();
        let (of_proxy, of_control) = (get(proxy).await, get(pool.control_planes[0].address).await);
        of_control.contains("b3lb_instance_cpu_ratio")
            && of_control.contains(&format!("b3lb_instance_ineligible{{instance=\"{dead}\",reason=\"offline\"}} 1"))
            && of_proxy.contains(&format!("b3lb_upstream_errors_total{{instance=\"{dead}\",error=\"connect\"}}"))
    })
    .await;

    // One that asks an InfluxDB which is away, and keeps its state itself.
    let mut settings = pool.settings.clone();
    settings.redis.address = None;
    settings.influxdb.address = format!("http://{}", reserved_address()).parse().ok();
    let other = ControlPlane::start(reserved_address(), settings);
    until("the other control plane is ready", async || other.status().await.is_ok()).await;

    let (of_proxy, of_control, of_other) =
        (get(proxy).await, get(pool.control_planes[0].address).await, get(other.address).await);
    for line in [
        "b3lb_calls_total{call=\"create\",tenant=\"red.example.org\",outcome=\"answered\"} 1",
        "b3lb_calls_total{call=\"getMeetings\",tenant=\"none\",outcome=\"unknown_tenant\"} 1",
        "b3lb_watch_connected 1",
        "b3lb_reports_waiting 0",
    ] {
        assert!(of_proxy.lines().any(|found| found == line), "no {line} in\n{of_proxy}");
    }
    assert!(!of_proxy.contains("stranger"));
    for line in [
        "b3lb_tenant_meetings{tenant=\"red.example.org\"} 1",
        "b3lb_tenant_limit{tenant=\"red.example.org\",limit=\"meeting_pool\"} 1",
        "b3lb_redis_up 1",
        "b3lb_admin_calls_total{method=\"CordonInstance\",code=\"Ok\"} 1",
        &format!("b3lb_instance_ineligible{{instance=\"{cordoned}\",reason=\"cordoned\"}} 1"),
    ] {
        assert!(of_control.lines().any(|found| found == line), "no {line} in\n{of_control}");
    }
    assert!(of_control.contains("b3lb_limits_hit_total{tenant=\"red.example.org\",limit=\"meeting_pool\"}"));
    assert!(of_other.contains("b3lb_influxdb_up 0") && !of_other.contains("b3lb_redis_up"));

    let texts = [of_proxy, of_control, of_other];
    let served: BTreeSet<&str> = texts.iter().flat_map(|text| names(text)).collect();
    let mut listed: BTreeSet<&str> = PAGE.lines().filter_map(listed).collect();
    for name in ELSEWHERE {
        assert!(listed.remove(name), "{name} is not listed");
    }
    let (only_served, only_listed): (Vec<_>, Vec<_>) =
        (served.difference(&listed).collect(), listed.difference(&served).collect());
    assert_eq!((only_served, only_listed), (vec![], vec![]), "only served, and only listed");
    texts.iter().for_each(|text| lint(text));
}

#[test]
fn alerts_are_about_metrics_that_there_are() {
    let listed: BTreeSet<&str> = PAGE.lines().filter_map(listed).collect();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let used = RULES.split(|c| !is_part(c)).filter(|word| word.starts_with("b3lb_"));
    for name in used {
        assert!(listed.contains(name.trim_end_matches("_bucket")), "there is no {name}");
    }
}

/// What is served at `/metrics`.
async fn get(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: b3lb\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
}

/// The metric that a line of the page describes.
fn listed(line: &str) -> Option<&str> {
    let name = line.strip_prefix("| `")?.split('`').next()?;
    ["b3lb_", "process_"].iter().any(|of| name.starts_with(of)).then_some(name)
}

/// Has `promtool` look at it, where there is one.
fn lint(text: &str) {
    let child =
        Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = match child {
        Err(error) if error.kind() == ErrorKind::NotFound => return,
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
}
