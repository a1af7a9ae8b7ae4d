//! What a proxy asks, and how it is answered.

use super::{key, place, program_with, simulated, wish};
use crate::program::{Program, settings};
use b3lb_proto::v1::event::Event as Seen;
use b3lb_proto::v1::{
    CordonInstanceRequest, Event, FindRequest, FindResponse, MeetingEvent, PlaceRequest, PlaceResponse, ReportRequest,
    ReportResponse,
};
use tonic::{Code, Status};

fn words(status: &Status) -> (Code, &str) {
    (status.code(), status.message())
}

#[tokio::test]
async fn a_meeting_is_placed_once_and_found_by_everyone() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut proxy = program.placement();
    let find = |id| FindRequest { tenant: "*".to_owned(), key: key(id) };
    let nowhere = FindResponse { instance: String::new() };
    assert_eq!(proxy.find(find("m")).await.unwrap().into_inner(), nowhere);
    let expected = |existing| PlaceResponse { instance: a.url(), existing, ..Default::default() };
    assert_eq!(place(&program, wish("m")).await.unwrap(), expected(false));
    assert_eq!(place(&program, wish("m")).await.unwrap(), expected(true));
    assert_eq!(proxy.find(find("m")).await.unwrap().into_inner(), FindResponse { instance: a.url() });
    assert_eq!(proxy.find(find("n")).await.unwrap().into_inner(), nowhere);
}

#[tokio::test]
async fn a_create_that_could_not_be_connected_is_placed_elsewhere() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut proxy = program.placement();
    let first = place(&program, wish("m")).await.unwrap().instance;
    let second = place(&program, PlaceRequest { exclude: vec![first.clone()], ..wish("m") }).await.unwrap();
    let other = if first == a.url() { b.url() } else { a.url() };
    assert_eq!(second, PlaceResponse { instance: other.clone(), ..Default::default() });

    let created = MeetingEvent { tenant: "*".to_owned(), key: key("m"), instance: other.clone() };
    let events = vec![Event { event: Some(Seen::Created(created)) }, Event { event: None }];
    let report = ReportRequest { proxy: "test".to_owned(), events };
    assert_eq!(proxy.report(report).await.unwrap().into_inner(), ReportResponse {});
    let stays = place(&program, PlaceRequest { exclude: vec![other.clone()], ..wish("m") }).await.unwrap_err();
    let reason = format!("the meeting may be on {other}, which cannot be connected at the moment");
    assert_eq!(words(&stays), (Code::FailedPrecondition, &*reason));
}

#[tokio::test]
async fn a_wish_that_cannot_be_met_is_told_why() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut proxy = program.placement();
    program.admin().cordon_instance(CordonInstanceRequest { url: a.url() }).await.unwrap();
    let unreachable = Event { event: Some(Seen::Unreachable(b.url())) };
    proxy.report(ReportRequest { proxy: "test".to_owned(), events: vec![unreachable] }).await.unwrap();
    let none = place(&program, PlaceRequest { exclude: vec![b.url()], ..wish("m") }).await.unwrap_err();
    assert_eq!(none.code(), Code::ResourceExhausted);
    assert!(none.message().starts_with("no instance takes the meeting: 1 × cordoned, 1 × "), "{none}");

    let stranger = place(&program, PlaceRequest { tenant: "nobody".to_owned(), ..wish("m") }).await.unwrap_err();
    assert_eq!(words(&stranger), (Code::NotFound, "there is no tenant \"nobody\""));
}

#[tokio::test]
async fn a_request_that_makes_no_sense_is_refused_by_field() {
    let program = Program::start(settings()).await;
    let mut proxy = program.placement();
    let short = place(&program, PlaceRequest { key: vec![1; 19], ..wish("m") }).await.unwrap_err();
    assert_eq!(words(&short), (Code::InvalidArgument, "key has 19 bytes; a meeting key has 20"));
    let nobody = proxy.find(FindRequest { tenant: String::new(), key: key("m") }).await.unwrap_err();
    let reason = "tenant is empty; it is the host of a tenant as Watch tells it";
    assert_eq!(words(&nobody), (Code::InvalidArgument, reason));
    let short = MeetingEvent { tenant: "*".to_owned(), ..MeetingEvent::default() };
    let events = vec![Event { event: Some(Seen::Ended(short)) }];
    let report = proxy.report(ReportRequest { proxy: "test".to_owned(), events }).await.unwrap_err();
    assert_eq!(words(&report), (Code::InvalidArgument, "key has 0 bytes; a meeting key has 20"));
}

#[tokio::test]
async fn placements_are_counted_by_what_became_of_them() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    for id in ["m", "m", "n"] {
        place(&program, wish(id)).await.unwrap();
    }
    place(&program, PlaceRequest { exclude: vec![a.url()], ..wish("o") }).await.unwrap_err();
    place(&program, PlaceRequest { key: Vec::new(), ..wish("o") }).await.unwrap_err();
    let (_, metrics) = program.get("/metrics").await;
    let counted: Vec<&str> = metrics.lines().filter(|line| line.starts_with("b3lb_placements_total{")).collect();
    for line in
        ["{outcome=\"placed\"} 2", "{outcome=\"existing\"} 1", "{outcome=\"no_instance\"} 1", "{outcome=\"refused\"} 1"]
    {
        assert!(counted.contains(&&*format!("b3lb_placements_total{line}")), "no {line} in {counted:?}");
    }
    assert!(metrics.contains("b3lb_place_duration_seconds_count 5"), "{metrics}");
}
