//! Where a create goes, and where it must not go.

use crate::control::{self, Control, Script};
use crate::instance::{Instance, Reply, document_reply, nowhere};
use crate::proxy::{Proxy, settings};
use crate::{eventually, frontend};
use b3lb_proto::v1::event::Event;
use b3lb_proto::v1::{Changes, MeetingEvent, PlaceRequest};
use bbb::MeetingKey;
use tonic::Status;

const SECRET: &str = "tenant-secret";
const CREATED: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n</response>";

fn pool(urls: &[&str]) -> Script {
    Script::new(Changes {
        instances: urls.iter().map(|url| control::route(url, "instance-secret")).collect(),
        tenants: vec![control::tenant("bbb.example.org", &[SECRET])],
        ..Changes::default()
    })
}

/// The first of these that is not excluded.
fn first_of(urls: &[&str]) -> impl FnMut(&PlaceRequest) -> Result<String, Status> + use<> {
    let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
    move |request| {
        let url = urls.iter().find(|url| !request.exclude.contains(url));
        url.cloned().ok_or_else(|| Status::resource_exhausted("no instance"))
    }
}

fn event(instance: &str) -> MeetingEvent {
    let key = MeetingKey::of(b"m").as_bytes().to_vec();
    MeetingEvent { tenant: "bbb.example.org".to_owned(), key, instance: instance.to_owned() }
}

#[tokio::test]
async fn a_new_meeting_is_placed_once_and_found_at_once() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&[&instance.url()]);
    script.on_place(first_of(&[&instance.url()]));
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.body, CREATED);
    for call in ["create", "getMeetingInfo", "isMeetingRunning", "end"] {
        assert_eq!(proxy.call(call, "meetingID=m&name=M", SECRET).await.body, CREATED);
    }
    let expected = PlaceRequest {
        tenant: "bbb.example.org".to_owned(),
        key: MeetingKey::of(b"m").as_bytes().to_vec(),
        meeting_id: "m".to_owned(),
        ..PlaceRequest::default()
    };
    assert_eq!((script.places(), script.finds()), (vec![expected], 0));
    eventually("two creates and an end are reported", async || script.reports().len() == 3).await;
    let created = Event::Created(event(&instance.url()));
    assert_eq!(script.reports(), [created.clone(), created, Event::Ended(event(&instance.url()))]);
}

#[tokio::test]
async fn what_a_create_says_of_its_size_is_passed_on() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&[&instance.url()]);
    script.on_place(first_of(&[&instance.url()]));
    let control = Control::start(&script);
    let mut settings = settings(&[control.address()]);
    settings.balancer.size_hint = Some("meta_expected-users".to_owned());
    let proxy = Proxy::start(&settings);
    proxy.ready().await;
    for (query, said) in [
        ("meetingID=a&maxParticipants=40&meta_Expected-Users=25", (25, 40)),
        ("meetingID=b&maxParticipants=many&meta_expected-users=-1", (0, 0)),
        ("meetingID=c&meta_expected-users=99999999999", (0, 0)),
    ] {
        assert_eq!(proxy.call("create", query, SECRET).await.body, CREATED);
        let asked = script.places().pop().unwrap();
        assert_eq!((asked.expected_users, asked.max_participants), said, "{query}");
    }
}

#[tokio::test]
async fn a_refused_create_is_passed_on_and_not_reported() {
    let refusal = bbb::document::failed("idNotUnique", "A meeting already exists");
    let instance = Instance::answering(&refusal).await;
    let script = pool(&[&instance.url()]);
    script.on_place(first_of(&[&instance.url()]));
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.body, refusal);
    eventually("the placement is said to be in vain", async || !script.reports().is_empty()).await;
    assert_eq!(script.reports(), [Event::Refused(event(&instance.url()))]);
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.body, refusal);
    proxy.stop().await;
    assert_eq!(script.reports().len(), 1, "only the first create placed it");
}

#[tokio::test]
async fn a_create_is_refused_while_its_meeting_may_be_where_it_cannot_be_reached() {
    let down = nowhere();
    let script = pool(&[&down]);
    let place = move |request: &PlaceRequest| match request.exclude.is_empty() {
        true => Ok(down.clone()),
        false => Err(Status::failed_precondition("the meeting may be there")),
    };
    script.on_place(place);
    let (proxy, _control) = Proxy::with(&script).await;
    let answer = proxy.call("create", "meetingID=m&name=M", SECRET).await;
    assert_eq!(answer.says(), (200, "internalError"));
    assert!(answer.body.contains("cannot be reached"), "{}", answer.body);
}

#[tokio::test]
async fn a_create_that_cannot_be_connected_goes_elsewhere() {
    let instance = Instance::answering(CREATED).await;
    let (down, up) = (nowhere(), instance.url());
    let script = pool(&[&down, &up]);
    script.on_place(first_of(&[&down, &up]));
    let (proxy, _control) = Proxy::with(&script).await;
    let body = "<modules/>";
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: bbb.example.org\r\ncontent-length: {}\r\ncontent-type: text/xml\r\nconnection: close\r\n\r\n{body}",
        frontend::signed("create", "meetingID=m&name=M", SECRET),
        body.len()
    );
    assert_eq!(frontend::send(proxy.public, request.as_bytes()).await.body, CREATED);
    assert!(instance.requests()[0].ends_with(body));
    let excluded: Vec<Vec<String>> = script.places().into_iter().map(|place| place.exclude).collect();
    assert_eq!(excluded, [vec![], vec![down.clone()]]);
    assert_eq!(proxy.call("getMeetingInfo", "meetingID=m", SECRET).await.body, CREATED);
    eventually("both are reported", async || script.reports().len() == 2).await;
    assert_eq!(script.reports(), [Event::Unreachable(down), Event::Created(event(&up))]);
}

#[tokio::test]
async fn a_create_is_taken_to_two_others_at_most() {
    let urls: Vec<String> = (0..4).map(|_| nowhere()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let script = pool(&urls);
    script.on_place(first_of(&urls));
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.says(), (200, "internalError"));
    let excluded: Vec<usize> = script.places().iter().map(|place| place.exclude.len()).collect();
    assert_eq!(excluded, [0, 1, 2]);
}

#[tokio::test]
async fn a_create_that_an_instance_may_have_received_goes_nowhere_else() {
    let other = Instance::answering(CREATED).await;
    for reply in [
        Reply::Last(Vec::new()),
        Reply::Last(document_reply(CREATED)[..120].to_vec()),
        Reply::Last(b"garbage\r\n\r\n".to_vec()),
        Reply::Raw(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 4\r\n\r\n<h1>".to_vec()),
        Reply::Hang,
    ] {
        let broken = reply.clone();
        let instance = Instance::start(move |_, _| broken.clone()).await;
        let script = pool(&[&instance.url(), &other.url()]);
        script.on_place(first_of(&[&instance.url(), &other.url()]));
        let (proxy, _control) = Proxy::with(&script).await;
        let response = proxy.call("create", "meetingID=m&name=M", SECRET).await;
        assert_eq!(response.says(), (200, "internalError"), "{reply:?}");
        assert_eq!((script.places().len(), instance.requests().len()), (1, 1), "{reply:?}");
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_meeting_whose_instance_is_gone_is_placed_again() {
    let instance = Instance::answering(CREATED).await;
    let (gone, up) = (nowhere(), instance.url());
    let script = pool(&[&gone, &up]);
    script.step(Changes { placed: vec![control::placed("bbb.example.org", &gone, &["m"])], ..Changes::default() });
    script.on_place(first_of(&[&gone, &up]));
    let (proxy, _control) = Proxy::with(&script).await;
    assert_eq!(proxy.call("getMeetingInfo", "meetingID=m", SECRET).await.says(), (200, "internalError"));
    assert_eq!(proxy.call("create", "meetingID=m&name=M", SECRET).await.body, CREATED);
    assert_eq!(script.places().len(), 1);
    assert_eq!(proxy.call("getMeetingInfo", "meetingID=m", SECRET).await.body, CREATED);
}

#[tokio::test]
async fn an_instance_that_the_control_plane_named_too_early_is_waited_for() {
    let instance = Instance::answering(CREATED).await;
    let script = pool(&[]);
    script.on_place(first_of(&[&instance.url()]));
    let (proxy, _control) = Proxy::with(&script).await;
    let created = proxy.call("create", "meetingID=m&name=M", SECRET);
    let described = async {
        eventually("the meeting is placed", async || script.places().len() == 1).await;
        let instances = vec![control::route(&instance.url(), "instance-secret")];
        script.step(Changes { instances, ..Changes::default() });
    };
    let (created, ()) = tokio::join!(created, described);
    assert_eq!(created.body, CREATED);
}
