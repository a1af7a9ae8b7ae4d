//! Placing without a control plane, and what it is told when it is back.

use crate::control::{self, Control, Script};
use crate::eventually;
use crate::instance::{Instance, Reply, nowhere};
use crate::proxy::Proxy;
use b3lb_proto::v1::event::Event;
use b3lb_proto::v1::{Admission, AloneEvent, Changes, InstanceRoute, TenantRoute};
use bbb::{MeetingKey, document};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use tonic::Status;

const SECRET: &str = "tenant-secret";
const HOST: &str = "bbb.example.org";

/// An instance that remembers what was created on it.
struct Bbb {
    instance: Instance,
    held: Arc<Mutex<BTreeSet<String>>>,
}

impl Bbb {
    async fn start() -> Self {
        let held: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let known = Arc::clone(&held);
        let instance = Instance::start(move |request, _| {
            let path = request.split_whitespace().nth(1).unwrap();
            let id = path.split("meetingID=").nth(1).and_then(|rest| rest.split('&').next()).unwrap().to_owned();
            let mut held = known.lock().unwrap();
            if path.contains("/create?") {
                held.insert(id.clone());
            }
            Reply::Document(match held.contains(&id) {
                true => {
                    format!("<response>\n<returncode>SUCCESS</returncode>\n<meetingID>{id}</meetingID>\n</response>")
                }
                false => document::failed("notFound", "We could not find a meeting with that meeting ID"),
            })
        })
        .await;
        Self { instance, held }
    }

    fn url(&self) -> String {
        self.instance.url()
    }

    fn holds(&self, id: &str) -> bool {
        self.held.lock().unwrap().contains(id)
    }

    fn received(&self, call: &str) -> usize {
        self.instance.requests().iter().filter(|request| request.contains(&format!("/{call}?"))).count()
    }
}

async fn bbbs(count: usize) -> Vec<Bbb> {
    let mut bbbs = Vec::new();
    for _ in 0..count {
        bbbs.push(Bbb::start().await);
    }
    bbbs.sort_by_key(Bbb::url);
    bbbs
}

fn routes<'a>(urls: impl IntoIterator<Item = &'a str>) -> Vec<InstanceRoute> {
    urls.into_iter().map(|url| control::route(url, "instance-secret")).collect()
}

fn script(instances: Vec<InstanceRoute>) -> Script {
    let tenants = vec![control::tenant(HOST, &[SECRET]), control::tenant("other.example.org", &["other-secret"])];
    Script::new(Changes { instances, tenants, ..Changes::default() })
}

fn over(bbbs: &[Bbb]) -> Script {
    let urls: Vec<String> = bbbs.iter().map(Bbb::url).collect();
    script(routes(urls.iter().map(String::as_str)))
}

/// A proxy that has lost its control plane.
async fn lost(script: &Script) -> Proxy {
    let (proxy, control) = Proxy::with(script).await;
    control.kill();
    proxy
}

async fn create(proxy: &Proxy, id: &str) -> bool {
    proxy.call("create", &format!("meetingID={id}&name=N"), SECRET).await.body.contains("SUCCESS")
}

fn holders(bbbs: &[Bbb], id: &str) -> Vec<usize> {
    (0..bbbs.len()).filter(|index| bbbs[*index].holds(id)).collect()
}

#[tokio::test]
async fn a_new_meeting_begins_and_every_proxy_finds_it() {
    let bbbs = bbbs(5).await;
    let script = over(&bbbs);
    let (one, other) = (lost(&script).await, lost(&script).await);
    assert!(create(&one, "m").await);
    let [holder] = holders(&bbbs, "m").try_into().unwrap();
    let asked: usize = bbbs.iter().map(|bbb| bbb.received("getMeetingInfo")).sum();
    assert_eq!(asked, 3, "the first three were asked whether they have it");
    for proxy in [&one, &other] {
        for call in ["getMeetingInfo", "isMeetingRunning"] {
            assert!(proxy.call(call, "meetingID=m", SECRET).await.body.contains("<meetingID>m<"), "{call}");
        }
        let join = proxy.call("join", "meetingID=m&fullName=F", SECRET).await;
        assert!(join.header("location").unwrap().starts_with(&bbbs[holder].url()), "{join:?}");
        assert!(create(proxy, "m").await);
    }
    assert_eq!(holders(&bbbs, "m"), [holder]);
    assert!(one.metrics().await.contains("b3lb_placed_alone_total 1\n"));
    assert!(other.metrics().await.contains("b3lb_placed_alone_total 0\n"));
}

#[tokio::test]
async fn a_meeting_that_nobody_has_is_not_said_to_be_unknown() {
    let bbbs = bbbs(2).await;
    let proxy = lost(&over(&bbbs)).await;
    for call in ["getMeetingInfo", "isMeetingRunning", "join", "end"] {
        // A control plane may know more.
        let said = proxy.call(call, "meetingID=m&fullName=F", SECRET).await;
        assert_eq!(said.says(), (200, "internalError"), "{call}");
    }
}

#[tokio::test]
async fn meetings_go_where_the_control_plane_said_last() {
    let bbbs = bbbs(3).await;
    let script = over(&bbbs);
    script.weigh(&[0, 8, 24]);
    let proxy = lost(&script).await;
    for number in 0..60 {
        assert!(create(&proxy, &number.to_string()).await);
    }
    let held: Vec<usize> = bbbs.iter().map(|bbb| bbb.held.lock().unwrap().len()).collect();
    assert!(held[0] == 0 && held[1] >= 4 && held[2] > held[1], "{held:?}");
}

#[tokio::test]
async fn only_instances_that_take_new_meetings_and_answer_get_some() {
    let bbbs = bbbs(4).await;
    let mut instances = routes(bbbs.iter().map(Bbb::url).collect::<Vec<_>>().iter().map(String::as_str));
    instances[0].admission = Admission::Cordoned.into();
    instances[1].admission = Admission::Disabled.into();
    instances[2].online = false;
    instances.extend(routes([&*nowhere(), &*nowhere()]));
    let proxy = lost(&script(instances)).await;
    for number in 0..20 {
        assert!(create(&proxy, &number.to_string()).await);
    }
    assert_eq!(bbbs[3].held.lock().unwrap().len(), 20);
}

#[tokio::test]
async fn without_any_instance_that_answers_a_create_fails() {
    let proxy = lost(&script(routes([&*nowhere()]))).await;
    assert_eq!(proxy.call("create", "meetingID=m", SECRET).await.says(), (200, "internalError"));
}

#[tokio::test]
async fn a_meeting_is_never_put_beside_the_same_id_of_another_tenant() {
    let info = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n\
         <metadata><b3lb-tenant>other.example.org</b3lb-tenant></metadata>\n</response>";
    let taken = Instance::answering(info).await;
    let free = Bbb::start().await;
    let script = script(routes([&*taken.url(), &*free.url()]));
    script.weigh(&if taken.url() < free.url() { [100_000, 1] } else { [1, 100_000] });
    let proxy = lost(&script).await;
    assert!(create(&proxy, "m").await);
    assert!(free.holds("m") && !taken.requests().iter().any(|request| request.contains("/create?")));
}

#[tokio::test]
async fn the_control_plane_is_told_until_it_knows() {
    let bbbs = bbbs(2).await;
    let script = over(&bbbs);
    let (proxy, control) = Proxy::with(&script).await;
    let address = control.address();
    control.kill();
    assert!(create(&proxy, "m%20%C3%A9").await);
    let [holder] = holders(&bbbs, "m%20%C3%A9").try_into().unwrap();
    // It is back, but cannot write yet.
    script.on_report(Err(Status::unavailable("the store does not answer")));
    let _control = Control::on(address, &script);
    eventually("it is followed", async || script.watches().len() == 2).await;
    assert!(proxy.metrics().await.contains("b3lb_placed_alone_waiting 1\n"));
    assert_eq!(script.reports(), []);
    script.on_report(Ok(()));
    eventually("it is told", async || !script.reports().is_empty()).await;
    let [Event::PlacedAlone(told)] = &script.reports()[..] else { panic!("{:?}", script.reports()) };
    let expected = AloneEvent {
        tenant: HOST.to_owned(),
        key: MeetingKey::of("m é".as_bytes()).as_bytes().to_vec(),
        instance: bbbs[holder].url(),
        meeting_id: "m é".to_owned(),
        age_ms: told.age_ms,
    };
    assert_eq!(*told, expected);
    eventually("nothing is left to tell", async || proxy.metrics().await.contains("b3lb_placed_alone_waiting 0\n"))
        .await;
}

#[tokio::test]
async fn a_control_plane_without_its_store_is_as_good_as_none() {
    let bbbs = bbbs(2).await;
    let script = over(&bbbs);
    script.on_place(|_| Err(Status::unavailable("the store does not answer")));
    script.on_find(Err(Status::unavailable("the store does not answer")));
    let (one, _first) = Proxy::with(&script).await;
    let (other, _second) = Proxy::with(&script).await;
    assert!(create(&one, "m").await);
    assert!(other.call("getMeetingInfo", "meetingID=m", SECRET).await.body.contains("<meetingID>m<"));
    assert_eq!(holders(&bbbs, "m").len(), 1);
}

#[tokio::test]
async fn a_breakout_room_goes_where_its_parent_is() {
    let bbbs = bbbs(4).await;
    let script = over(&bbbs);
    let (one, other) = (lost(&script).await, lost(&script).await);
    assert!(create(&one, "parent").await);
    let holder = holders(&bbbs, "parent");
    for (proxy, room) in [(&one, "room-1"), (&other, "room-2")] {
        let query = format!("meetingID={room}&name=N&isBreakout=true&parentMeetingID=parent&sequence=1");
        assert!(proxy.call("create", &query, SECRET).await.body.contains("SUCCESS"));
        assert_eq!(holders(&bbbs, room), holder);
    }
}

#[tokio::test]
async fn a_limited_tenant_begins_its_classes_all_the_same() {
    let bbbs = bbbs(1).await;
    let tenant = TenantRoute { numbers_bridges: true, ..control::tenant(HOST, &[SECRET]) };
    let urls: Vec<String> = bbbs.iter().map(Bbb::url).collect();
    let instances = routes(urls.iter().map(String::as_str));
    let proxy = lost(&Script::new(Changes { instances, tenants: vec![tenant], ..Changes::default() })).await;
    for _ in 0..2 {
        assert!(create(&proxy, "m").await);
    }
    assert_eq!(bbbs[0].received("create"), 2);
}

#[tokio::test]
async fn creates_of_one_meeting_at_once_agree() {
    let bbbs = bbbs(4).await;
    let script = over(&bbbs);
    let (one, other) = (lost(&script).await, lost(&script).await);
    for number in 0..10 {
        let id = number.to_string();
        let (a, b, c, d) = tokio::join!(create(&one, &id), create(&one, &id), create(&other, &id), create(&other, &id));
        assert!(a && b && c && d);
        assert_eq!(holders(&bbbs, &id).len(), 1);
    }
}

#[tokio::test]
async fn a_known_meeting_gets_no_second_instance_for_a_broken_connection() {
    let bbbs = bbbs(2).await;
    for (online, moves) in [(true, false), (false, true)] {
        let gone = nowhere();
        let mut instances = routes(bbbs.iter().map(Bbb::url).collect::<Vec<_>>().iter().map(String::as_str));
        instances.push(InstanceRoute { online, ..control::route(&gone, "instance-secret") });
        let placed = vec![control::placed(HOST, &gone, &[if online { "m" } else { "n" }])];
        let tenants = vec![control::tenant(HOST, &[SECRET])];
        let proxy = lost(&Script::new(Changes { instances, tenants, placed, ..Changes::default() })).await;
        let id = if online { "m" } else { "n" };
        assert_eq!(create(&proxy, id).await, moves, "online: {online}");
        assert_eq!(holders(&bbbs, id).len(), usize::from(moves));
    }
}

#[tokio::test]
async fn a_control_plane_that_is_back_is_not_believed_at_once_that_there_is_no_meeting() {
    let bbbs = bbbs(4).await;
    let script = over(&bbbs);
    let (one, other) = (Proxy::with(&script).await, Proxy::with(&script).await);
    let addresses = [one.1.address(), other.1.address()];
    let proxies = [one.0, other.0];
    one.1.kill();
    other.1.kill();
    assert!(create(&proxies[0], "m").await);
    let [holder] = holders(&bbbs, "m").try_into().unwrap();
    eventually("the other one has noticed", async || proxies[1].metrics().await.contains("b3lb_watch_connected 0"))
        .await;
    // Nobody else would find it there.
    let wrong = bbbs[(holder + 1) % 4].url();
    script.on_place(move |_| Ok(wrong.clone()));
    script.on_report(Err(Status::unavailable("the store does not answer")));
    let _back = addresses.map(|address| Control::on(address, &script));
    for proxy in &proxies {
        eventually("it is followed", async || proxy.metrics().await.contains("b3lb_watch_connected 1")).await;
    }
    assert!(proxies[1].call("getMeetingInfo", "meetingID=m", SECRET).await.body.contains("<meetingID>m<"));
    assert!(create(&proxies[1], "m").await);
    assert_eq!(holders(&bbbs, "m"), [holder]);
}
