//! Ending meetings, and what else is shown of a pool.

use super::refusal;
use crate::grpc::{place, program_with, simulated, wish};
use crate::program::{ADMIN_KEY, GLOBAL_SECRET, PROXY_TOKEN, Program, settings};
use b3lb_proto::v1::{
    EndMeetingRequest, EndMeetingResponse, GetConfigurationRequest, GetTenantRequest, ImportRequest,
    ListRecordingsRequest, PutTenantRequest, RecordingEntry, Tenant,
};
use b3lb_sim::{Fault, Frontend};
use tonic::Code;

fn end(tenant: &str, meeting_id: &str) -> EndMeetingRequest {
    EndMeetingRequest { tenant: tenant.to_owned(), meeting_id: meeting_id.to_owned() }
}

#[tokio::test]
async fn a_meeting_is_ended_where_it_is() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    assert_eq!(place(&program, wish("physics & more")).await.unwrap().instance, a.url());
    // The simulation wants the moderators' password, as BigBlueButton did before 2.5.
    let params = [("meetingID", "physics & more"), ("name", "Physics"), ("moderatorPW", "m&m")];
    let frontend = Frontend::new(&a.url(), a.secret().clone()).unwrap();
    assert!(frontend.call("create", &params).await.unwrap().succeeded());
    let ended = admin.end_meeting(end("*", "physics & more")).await.unwrap().into_inner();
    assert_eq!(ended, EndMeetingResponse { instance: a.url() });
    assert_eq!(a.received("end"), 1);
    let gone = frontend.running("physics & more").await.unwrap();
    assert_eq!(gone.element("running"), Some("false"));
}

#[tokio::test]
async fn a_meeting_that_cannot_be_ended_is_refused_with_the_reason() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let missing = refusal(admin.end_meeting(end("*", "nowhere")).await);
    assert_eq!(missing, (Code::NotFound, "* has no meeting \"nowhere\"".to_owned()));
    let nameless = refusal(admin.end_meeting(end("*", "")).await);
    assert_eq!(nameless, (Code::InvalidArgument, "meeting_id is empty".to_owned()));
    assert_eq!(refusal(admin.end_meeting(end("", "m")).await).0, Code::InvalidArgument);

    place(&program, wish("placed")).await.unwrap();
    let (code, message) = refusal(admin.end_meeting(end("*", "placed")).await);
    assert_eq!(code, Code::FailedPrecondition);
    assert!(message.starts_with(&format!("{} refuses getMeetingInfo: notFound: ", a.url())), "{message}");
    a.fail(Some(Fault::Down)).await;
    let (code, message) = refusal(admin.end_meeting(end("*", "placed")).await);
    assert_eq!(code, Code::Unavailable);
    assert!(message.starts_with(&format!("{}: getMeetingInfo: it cannot be called", a.url())), "{message}");
}

#[tokio::test]
async fn recordings_are_listed_in_pages_and_by_whose_and_where_they_are() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut admin = program.admin();
    let entry = |id: &str, instance: &str| RecordingEntry {
        record_id: id.to_owned(),
        tenant: String::new(),
        instance: instance.to_owned(),
    };
    let recordings = vec![entry("r-1", &a.url()), entry("r-2", &b.url()), entry("r-3", &a.url())];
    admin.import(ImportRequest { recordings, ..ImportRequest::default() }).await.unwrap();
    let mut request = ListRecordingsRequest { page_size: 2, ..ListRecordingsRequest::default() };
    let first = admin.list_recordings(request.clone()).await.unwrap().into_inner();
    request.page_token = first.next_page_token.clone();
    let second = admin.list_recordings(request).await.unwrap().into_inner();
    let ids: Vec<&str> = first.recordings.iter().chain(&second.recordings).map(|r| &*r.record_id).collect();
    assert_eq!((ids, &*second.next_page_token), (vec!["r-1", "r-2", "r-3"], ""));
    let request = ListRecordingsRequest { instance: a.url(), ..ListRecordingsRequest::default() };
    let there = admin.list_recordings(request).await.unwrap().into_inner().recordings;
    assert_eq!(there, [entry("r-1", &a.url()), entry("r-3", &a.url())]);
    let request = ListRecordingsRequest { tenant: "nobody.example".to_owned(), ..ListRecordingsRequest::default() };
    assert_eq!(refusal(admin.list_recordings(request).await).0, Code::NotFound);
}

#[tokio::test]
async fn the_configuration_is_shown_without_secrets_unless_they_are_asked_for() {
    let program = Program::start(settings()).await;
    let mut admin = program.admin();
    let secrets = [ADMIN_KEY, PROXY_TOKEN, GLOBAL_SECRET];
    let shown = admin.get_configuration(GetConfigurationRequest::default()).await.unwrap().into_inner();
    assert!(shown.yaml.contains("\nbalancer:\n  policy: ledger\n"), "{}", shown.yaml);
    assert!(secrets.iter().all(|secret| !shown.yaml.contains(secret)) && shown.file.is_empty(), "{}", shown.yaml);
    let request = GetConfigurationRequest { with_secrets: true };
    let shown = admin.get_configuration(request).await.unwrap().into_inner();
    assert!(secrets.iter().all(|secret| shown.yaml.contains(secret)), "{}", shown.yaml);
}

#[tokio::test]
async fn a_dry_run_shows_what_a_tenant_would_be() {
    let program = Program::start(settings()).await;
    let mut admin = program.admin();
    let tenant = Tenant { host: "School.example".to_owned(), secrets: vec!["s".to_owned()], ..Tenant::default() };
    let request = PutTenantRequest { tenant: Some(tenant), dry_run: true };
    let would_be = admin.put_tenant(request).await.unwrap().into_inner();
    assert_eq!((&*would_be.host, would_be.secret_ids), ("school.example", vec!["1".to_owned()]));
    let request = GetTenantRequest { host: "school.example".to_owned(), with_secrets: false };
    assert_eq!(refusal(admin.get_tenant(request).await).0, Code::NotFound);
    let tenant = Tenant { host: "a b".to_owned(), ..Tenant::default() };
    let request = PutTenantRequest { tenant: Some(tenant), dry_run: true };
    assert_eq!(refusal(admin.put_tenant(request).await).0, Code::InvalidArgument);
}
