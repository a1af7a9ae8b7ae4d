//! The index of recordings, as proxies are told of it and ask for what it misses.

use super::watch::Proxy;
use super::{instance, program_with};
use crate::program::{Program, settings};
use b3lb_proto::v1::event::Event as Seen;
use b3lb_proto::v1::{
    AddInstanceRequest, Event, LocateRequest, PutTenantRequest, Recorded, RecordingsEvent, RemoveInstanceRequest,
    ReportRequest, Tenant,
};
use b3lb_sim::options::{Options, Rules};
use b3lb_sim::{Fault, Frontend, Instance as Simulated};
use std::collections::BTreeMap;
use std::time::Duration;
use tonic::Code;

/// An instance whose recordings are there as soon as a meeting has ended.
async fn simulated(lists_all: bool) -> Simulated {
    let rules = Rules { processing: Duration::ZERO, ..Rules::default() };
    Simulated::local(Options { rules, lists_all, ..Options::default() }).await.unwrap()
}

/// One who calls an instance behind the pool's back.
fn beside(simulated: &Simulated) -> Frontend {
    Frontend::new(&simulated.url(), simulated.secret().clone()).unwrap()
}

/// Leaves a recording on an instance, of a meeting of this tenant or of nobody's; returns its recordID.
async fn record(simulated: &Simulated, id: &str, tenant: &str) -> String {
    let frontend = beside(simulated);
    let mut params = vec![("meetingID", id), ("name", id), ("record", "true")];
    params.extend((!tenant.is_empty()).then_some(("meta_b3lb-tenant", tenant)));
    let created = frontend.call("create", &params).await.unwrap();
    assert!(frontend.end(id).await.unwrap().succeeded());
    created.element("internalMeetingID").unwrap().to_owned()
}

/// A control plane that asks for recordings so often.
async fn program(interval: Duration, instances: &[&Simulated]) -> Program {
    let mut settings = settings();
    settings.bigbluebutton.recordings_poll_interval = interval;
    let program = Program::start(settings).await;
    for simulated in instances {
        let request = AddInstanceRequest { instance: Some(instance(simulated)) };
        program.admin().add_instance(request).await.unwrap();
    }
    program
}

const OFTEN: Duration = Duration::from_millis(100);

fn kept(recordings: &[(&str, &str, &Simulated)]) -> BTreeMap<String, (String, String)> {
    recordings.iter().map(|(id, tenant, at)| ((*id).to_owned(), ((*tenant).to_owned(), at.url()))).collect()
}

async fn locate(program: &Program, tenant: &str, ids: &[&str]) -> Result<Vec<Recorded>, Code> {
    let request = LocateRequest { tenant: tenant.to_owned(), ids: ids.iter().map(|id| id.to_string()).collect() };
    let located = program.placement().locate(request).await;
    located.map(|found| found.into_inner().found).map_err(|status| status.code())
}

async fn put_tenant(program: &Program, host: &str, owns_unlabelled: bool) {
    let secrets = vec![format!("{host}-secret")];
    let tenant = Tenant { host: host.to_owned(), secrets, owns_unlabelled, ..Tenant::default() };
    program.admin().put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
}

#[tokio::test]
async fn the_index_follows_what_the_instances_have() {
    let (a, b) = (simulated(true).await, simulated(false).await);
    let [first, second] = [record(&a, "first", "").await, record(&b, "second", "").await];
    let program = program(OFTEN, &[&a, &b]).await;
    let mut proxy = Proxy::follow(&program, Default::default()).await;
    let both = kept(&[(&first, "*", &a), (&second, "*", &b)]);
    proxy.until(|table| table.recordings == both).await;

    // An instance that is away keeps what it has, whatever happens elsewhere.
    b.fail(Some(Fault::Status(502))).await;
    let third = record(&a, "third", "").await;
    let all = kept(&[(&first, "*", &a), (&second, "*", &b), (&third, "*", &a)]);
    proxy.until(|table| table.recordings == all).await;
    let asked = b.received("getRecordings");
    b.until_received("getRecordings", asked + 3).await;
    assert!(beside(&a).call("deleteRecordings", &[("recordID", &first)]).await.unwrap().succeeded());
    let rest = kept(&[(&second, "*", &b), (&third, "*", &a)]);
    proxy.until(|table| table.recordings == rest).await;

    program.admin().remove_instance(RemoveInstanceRequest { url: b.url(), force: true }).await.unwrap();
    let last = kept(&[(&third, "*", &a)]);
    proxy.until(|table| table.recordings == last).await;
    let deleted = RecordingsEvent { tenant: "*".to_owned(), ids: vec![third.clone(), "unknown".to_owned()] };
    let events = vec![Event { event: Some(Seen::Deleted(deleted)) }];
    assert!(beside(&a).call("deleteRecordings", &[("recordID", &third)]).await.unwrap().succeeded());
    program.placement().report(ReportRequest { proxy: "test".to_owned(), events }).await.unwrap();
    proxy.until(|table| table.recordings.is_empty()).await;
}

#[tokio::test]
async fn recordings_belong_to_the_tenants_that_they_name_and_the_rest_to_one() {
    let a = simulated(true).await;
    let [red, plain] = [record(&a, "red", "red.example.org").await, record(&a, "plain", "").await];
    let program = program(OFTEN, &[&a]).await;
    let mut proxy = Proxy::follow(&program, Default::default()).await;
    let everybodys = kept(&[(&red, "*", &a), (&plain, "*", &a)]);
    proxy.until(|table| table.recordings == everybodys).await;
    put_tenant(&program, "red.example.org", false).await;
    let reds = kept(&[(&red, "red.example.org", &a), (&plain, "", &a)]);
    proxy.until(|table| table.recordings == reds).await;
    put_tenant(&program, "blue.example.org", true).await;
    let shared = kept(&[(&red, "red.example.org", &a), (&plain, "blue.example.org", &a)]);
    proxy.until(|table| table.recordings == shared).await;
}

#[tokio::test]
async fn a_recording_that_nobody_knows_is_looked_for_on_the_instances_of_its_tenant() {
    let (a, b) = (simulated(true).await, simulated(false).await);
    // Asked once when they are added, and not again while this runs.
    let program = program(Duration::from_secs(3600), &[]).await;
    put_tenant(&program, "red.example.org", false).await;
    put_tenant(&program, "blue.example.org", false).await;
    for simulated in [&a, &b] {
        let request = AddInstanceRequest { instance: Some(instance(simulated)) };
        program.admin().add_instance(request).await.unwrap();
        simulated.until_received("getRecordings", 1).await;
    }
    let [one, two] = [record(&a, "one", "red.example.org").await, record(&b, "two", "red.example.org").await];
    let blue = record(&b, "three", "blue.example.org").await;
    let found =
        |at: &Simulated, id: &str| Recorded { tenant: String::new(), instance: at.url(), ids: vec![id.to_owned()] };
    let mut expected = vec![found(&a, &one), found(&b, &two)];
    expected.sort_by_key(|recorded| recorded.instance.clone());
    // The beginning of an id is no id, whatever an instance lists for it.
    let ids: [&str; 5] = [&one, "never", &two, &blue, &one[..40]];
    assert_eq!(locate(&program, "red.example.org", &ids).await, Ok(expected));
    assert_eq!(locate(&program, "blue.example.org", &[&one, &blue]).await, Ok(vec![found(&b, &blue)]));
    assert_eq!(locate(&program, "green.example.org", &[&one]).await, Err(Code::NotFound));

    // What was found is in the index.
    let mut proxy = Proxy::follow(&program, Default::default()).await;
    let all = kept(&[(&one, "red.example.org", &a), (&two, "red.example.org", &b), (&blue, "blue.example.org", &b)]);
    proxy.until(|table| table.recordings == all).await;
    b.fail(Some(Fault::Down)).await;
    assert_eq!(locate(&program, "red.example.org", &[&two]).await, Ok(vec![found(&b, &two)]));
    assert_eq!(locate(&program, "red.example.org", &["never"]).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn a_new_instance_is_asked_at_once() {
    let a = simulated(true).await;
    let id = record(&a, "talk", "").await;
    let program = program_with([&a]).await;
    let mut proxy = Proxy::follow(&program, Default::default()).await;
    let expected = kept(&[(&id, "*", &a)]);
    proxy.until(|table| table.recordings == expected).await;
}
