//! What there is to see of the pool.

use super::refusal;
use crate::grpc::{place, program_with, simulated, wish};
use crate::program::{PATIENCE, Program, settings};
use b3lb_proto::v1::{
    Admission, CordonInstanceRequest, DrainInstanceRequest, DrainProgress, ExplainRequest, ExplainResponse,
    Explanation, InstanceStatus, ListMeetingsRequest, ListMeetingsResponse, ListPlacementsRequest, Meeting,
    PlaceRequest, PoolStatus, PutTenantRequest, StatusRequest, Tenant, UncordonInstanceRequest, WatchRequest,
};
use std::collections::BTreeSet;
use tokio::time::timeout;
use tonic::Code;

async fn status(program: &Program) -> PoolStatus {
    program.admin().status(StatusRequest {}).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_status_tells_what_is_known_of_the_pool() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    program.admin().cordon_instance(CordonInstanceRequest { url: b.url() }).await.unwrap();
    place(&program, wish("m")).await.unwrap();
    let _watching = program.placement().watch(WatchRequest::default()).await.unwrap();
    let status = status(&program).await;
    let instance = |url, admission: Admission, meetings, score, ineligible: &str| InstanceStatus {
        url,
        admission: admission.into(),
        online: true,
        meetings,
        users: 0,
        cpu: None,
        mem: None,
        score,
        ineligible: ineligible.to_owned(),
    };
    let score = status.instances[0].score;
    assert!(score.is_some_and(f64::is_finite), "{score:?}");
    let expected = PoolStatus {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        tenants: 0,
        meetings: 1,
        users: 0,
        store: "embedded".to_owned(),
        store_ok: true,
        metrics: "embedded".to_owned(),
        metrics_ok: status.metrics_ok,
        proxies: 1,
        placed_alone: 0,
        instances: vec![
            instance(a.url(), Admission::Open, 1, score, ""),
            instance(b.url(), Admission::Cordoned, 0, None, "cordoned"),
        ],
        epoch: status.epoch.clone(),
        revision: status.revision.clone(),
    };
    assert_eq!(status, expected);
    assert!(!status.epoch.is_empty() && !status.revision.is_empty());
}

#[tokio::test]
async fn the_status_is_told_again_when_the_pool_looks_different() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut stream = program.admin().watch_status(StatusRequest {}).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    assert_eq!(first.meetings, 0);
    place(&program, wish("m")).await.unwrap();
    let later = timeout(PATIENCE, async {
        loop {
            let status = stream.message().await.unwrap().unwrap();
            if status.meetings == 1 {
                return status;
            }
        }
    });
    assert_eq!(later.await.unwrap().instances[0].meetings, 1);
}

#[tokio::test]
async fn an_explanation_has_every_instance_the_preferred_ones_first() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut admin = program.admin();
    let instances = vec![b.url()];
    let tenant = Tenant { host: "t.example".to_owned(), instances, ..Tenant::default() };
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
    place(&program, PlaceRequest { tenant: "t.example".to_owned(), ..wish("m") }).await.unwrap();
    let ask = |tenant: &str| ExplainRequest { tenant: tenant.to_owned(), meeting_id: "m".to_owned() };
    let answer = admin.explain(ask("T.example:8090")).await.unwrap().into_inner();
    let best = answer.instances[0].clone();
    let sum: f64 = best.terms.iter().map(|term| term.value).sum();
    assert!(best.score.is_some_and(|score| (score - sum).abs() < 1e-9), "{best:?}");
    let placement = answer.placement.clone().unwrap();
    let what = (&*placement.tenant, &*placement.meeting_id, &placement.instance, &*placement.reason);
    assert_eq!(what, ("t.example", "m", &b.url(), "chosen"));
    assert_eq!((placement.expected_users, &*placement.expected_from), (15.0, "tenant"));
    assert_eq!((placement.eligible, placement.candidates), (1, 1));
    assert!(placement.score.is_some() && placement.terms.iter().any(|term| term.name == "meeting"), "{placement:?}");
    let listed = |tenant: &str| ListPlacementsRequest { tenant: tenant.to_owned(), ..Default::default() };
    let recent = admin.list_placements(listed("t.example")).await.unwrap().into_inner().placements;
    assert_eq!(recent, std::slice::from_ref(&placement));
    assert_eq!(admin.list_placements(listed("another")).await.unwrap().into_inner().placements, []);
    let expected = ExplainResponse {
        policy: "ledger".to_owned(),
        expected_users: 15.0,
        expected_from: "tenant".to_owned(),
        placement: Some(placement),
        choice: b.url(),
        existing: b.url(),
        instances: vec![
            Explanation { instance: b.url(), ineligible: String::new(), candidate: true, ..best },
            Explanation {
                instance: a.url(),
                ineligible: "not one of the tenant's instances".to_owned(),
                ..Explanation::default()
            },
        ],
    };
    assert_eq!(answer, expected);
    let new = ExplainRequest { tenant: "t.example".to_owned(), ..ExplainRequest::default() };
    assert_eq!(admin.explain(new.clone()).await.unwrap().into_inner().choice, b.url());
    admin.cordon_instance(CordonInstanceRequest { url: b.url() }).await.unwrap();
    assert_eq!(admin.explain(new).await.unwrap().into_inner().choice, "");
    let stranger = (Code::NotFound, "tenant: no tenant is called as \"nobody\"".to_owned());
    assert_eq!(refusal(admin.explain(ask("nobody")).await), stranger);
}

#[tokio::test]
async fn meetings_are_listed_in_pages_and_by_what_they_have_in_common() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut expected = BTreeSet::new();
    for id in ["k", "l", "m", "n", "o"] {
        expected.insert((id.to_owned(), place(&program, wish(id)).await.unwrap().instance));
    }
    let mut admin = program.admin();
    let mut request = ListMeetingsRequest { page_size: 2, tenant: "*".to_owned(), ..ListMeetingsRequest::default() };
    let (mut listed, mut sizes) = (BTreeSet::new(), Vec::new());
    loop {
        let page = admin.list_meetings(request.clone()).await.unwrap().into_inner();
        sizes.push(page.meetings.len());
        for Meeting { tenant, meeting_id, instance, placed_at_ms, users } in page.meetings {
            assert_eq!((&*tenant, users), ("*", None));
            assert!(placed_at_ms > 0);
            listed.insert((meeting_id, instance));
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!((listed, sizes), (expected.clone(), vec![2, 2, 1]));

    let on_a = ListMeetingsRequest { instance: format!("{}/", a.url()), ..ListMeetingsRequest::default() };
    let listed = admin.list_meetings(on_a).await.unwrap().into_inner().meetings;
    let listed: BTreeSet<_> = listed.into_iter().map(|meeting| (meeting.meeting_id, meeting.instance)).collect();
    expected.retain(|(_, instance)| *instance == a.url());
    assert_eq!(listed, expected);
}

#[tokio::test]
async fn lists_of_what_is_not_there_are_refused() {
    let program = Program::start(settings()).await;
    let mut admin = program.admin();
    let request = ListMeetingsRequest::default();
    assert_eq!(admin.list_meetings(request.clone()).await.unwrap().into_inner(), ListMeetingsResponse::default());
    let cases = [
        (
            ListMeetingsRequest { instance: "http://a".to_owned(), ..request.clone() },
            (Code::NotFound, "http://a/bigbluebutton is not part of the pool"),
        ),
        (
            ListMeetingsRequest { tenant: "nobody".to_owned(), ..request.clone() },
            (Code::NotFound, "there is no tenant \"nobody\""),
        ),
        (
            ListMeetingsRequest { page_token: "7".to_owned(), ..request },
            (Code::InvalidArgument, "page_token \"7\" is none; it would be the next_page_token of the answer before"),
        ),
    ];
    for (request, (code, words)) in cases {
        assert_eq!(refusal(admin.list_meetings(request).await), (code, words.to_owned()));
    }
}

#[tokio::test]
async fn draining_ends_when_the_last_meeting_has_and_not_before() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    place(&program, wish("m")).await.unwrap();
    let mut admin = program.admin();
    let drain = || DrainInstanceRequest { url: a.url() };
    let mut drained = admin.drain_instance(drain()).await.unwrap().into_inner();
    let progress = |meetings, drained| Some(DrainProgress { meetings, users: 0, drained });
    assert_eq!(drained.message().await.unwrap(), progress(1, false));
    let none = place(&program, wish("n")).await.unwrap_err();
    assert_eq!(none.message(), "no instance takes the meeting: 1 × cordoned");

    // The meeting moves when its first create could not be connected.
    let request = b3lb_proto::v1::AddInstanceRequest { instance: Some(crate::grpc::instance(b)) };
    admin.add_instance(request).await.unwrap();
    place(&program, PlaceRequest { exclude: vec![a.url()], ..wish("m") }).await.unwrap();
    assert_eq!(timeout(PATIENCE, drained.message()).await.unwrap().unwrap(), progress(0, true));
    assert_eq!(drained.message().await.unwrap(), None);

    let mut undone = admin.drain_instance(DrainInstanceRequest { url: b.url() }).await.unwrap().into_inner();
    assert_eq!(undone.message().await.unwrap(), progress(1, false));
    admin.uncordon_instance(UncordonInstanceRequest { url: b.url() }).await.unwrap();
    let end = timeout(PATIENCE, undone.message()).await.unwrap().unwrap_err();
    assert_eq!((end.code(), end.message()), (Code::Aborted, &*format!("{} was opened again meanwhile", b.url())));
}
