//! Taking over what another load balancer knew.

use crate::grpc::{instance, place, program_with, simulated, wish};
use crate::program::{Program, settings};
use crate::redis_server::RedisServer;
use b3lb_proto::v1::{
    FindRequest, GetInstanceRequest, GetTenantRequest, ImportRequest, ImportedItem, Instance, ListMeetingsRequest,
    ListRecordingsRequest, Meeting, PutTenantRequest, RecordingEntry, Tenant,
};
use b3lb_sim::{Fault, Frontend, Instance as Simulated};
use bbb::MeetingKey;

async fn import(program: &Program, request: &ImportRequest) -> Vec<String> {
    let items = program.admin().import(request.clone()).await.unwrap().into_inner().items;
    let line = |i: ImportedItem| format!("{} {} {} {}", i.kind, i.name, i.outcome, i.detail).trim_end().to_owned();
    items.into_iter().map(line).collect()
}

/// A meeting that runs there, behind the pool's back.
async fn running(at: &Simulated, id: &str, label: &str) -> Meeting {
    let frontend = Frontend::new(&at.url(), at.secret().clone()).unwrap();
    let mut params = vec![("meetingID", id), ("name", id)];
    params.extend((!label.is_empty()).then_some(("meta_bigblueswarm-tenant", label)));
    assert!(frontend.call("create", &params).await.unwrap().succeeded());
    remembered(at, id)
}

/// A meeting that the other load balancer remembers.
fn remembered(at: &Simulated, id: &str) -> Meeting {
    Meeting { meeting_id: id.to_owned(), instance: at.url(), ..Meeting::default() }
}

fn tenant(host: &str, instances: &[&Simulated]) -> Tenant {
    let instances = instances.iter().map(|instance| instance.url()).collect();
    Tenant { host: host.to_owned(), secrets: vec![format!("secret of {host}")], instances, ..Tenant::default() }
}

async fn find(program: &Program, tenant: &str, id: &str) -> String {
    let key = MeetingKey::of(id.as_bytes()).as_bytes().to_vec();
    let request = FindRequest { tenant: tenant.to_owned(), key };
    program.placement().find(request).await.unwrap().into_inner().instance
}

#[tokio::test]
async fn everything_is_taken_over_in_one_step_and_a_second_time_changes_nothing() {
    let redis = RedisServer::start().await;
    let mut shared = settings();
    shared.redis.address = Some(format!("127.0.0.1:{}", redis.port));
    for settings in [settings(), shared] {
        let [a, b] = &simulated().await;
        let program = Program::start(settings).await;
        let request = ImportRequest {
            instances: vec![instance(a), instance(b), Instance { url: "nonsense".to_owned(), ..instance(b) }],
            tenants: vec![
                tenant("blue.example", &[a]),
                Tenant { meeting_pool: Some(5), ..tenant("red.example", &[a, b]) },
                Tenant {
                    instances: vec!["http://gone.example/bigbluebutton".to_owned()],
                    ..tenant("lost.example", &[])
                },
            ],
            meetings: vec![
                running(a, "labelled", "blue.example").await,
                running(b, "only", "").await,
                running(a, "shared", "").await,
                remembered(a, "over"),
                Meeting { instance: "http://gone.example/bigbluebutton".to_owned(), ..remembered(a, "gone") },
            ],
            recordings: vec![
                RecordingEntry { record_id: "r-1".to_owned(), instance: a.url(), tenant: "red.example".to_owned() },
                RecordingEntry { record_id: "r-2".to_owned(), instance: b.url(), tenant: String::new() },
            ],
            dry_run: true,
        };
        let gone = "its instance http://gone.example/bigbluebutton is not part of the pool";
        let told = |outcome: &str| {
            vec![
                format!("instance {} {outcome}", a.url()),
                format!("instance {} {outcome}", b.url()),
                "instance nonsense skipped instance.url: \"nonsense\" is no instance url; it would be like \
                 https://bbb1.example.org/bigbluebutton, without user, query or fragment"
                    .to_owned(),
                format!("tenant blue.example {outcome}"),
                format!("tenant red.example {outcome}"),
                "tenant lost.example skipped none of its instances is part of the pool".to_owned(),
                format!("meeting labelled {outcome} on {}, of blue.example", a.url()),
                format!("meeting only {outcome} on {}, of red.example", b.url()),
                format!("meeting shared {outcome} on {}, of the tenant that asks for it first", a.url()),
                format!("meeting over skipped {} does not list it: it is over", a.url()),
                format!("meeting gone skipped {gone}"),
                format!("recording r-1 {outcome}"),
                format!("recording r-2 {outcome}"),
            ]
        };
        assert_eq!(import(&program, &request).await, told("added"));
        let empty = program.admin().list_meetings(ListMeetingsRequest::default()).await.unwrap().into_inner();
        assert_eq!(empty.meetings, []);

        let request = ImportRequest { dry_run: false, ..request };
        assert_eq!(import(&program, &request).await, told("added"));
        assert_eq!(import(&program, &request).await, told("unchanged"));
        assert_eq!(find(&program, "blue.example", "labelled").await, a.url());
        assert_eq!(find(&program, "red.example", "only").await, b.url());
        let request = GetTenantRequest { host: "red.example".to_owned(), with_secrets: true };
        let red = program.admin().get_tenant(request).await.unwrap().into_inner();
        let expected = Tenant { meeting_pool: Some(5), meetings: 1, ..tenant("red.example", &[a, b]) };
        assert_eq!(Tenant { secret_ids: Vec::new(), ..red }, expected);
        let recordings = program.admin().list_recordings(ListRecordingsRequest::default()).await.unwrap().into_inner();
        let recorded: Vec<_> = recordings.recordings.iter().map(|r| (&*r.record_id, &*r.tenant)).collect();
        assert_eq!(recorded, [("r-1", "red.example"), ("r-2", "")]);
    }
}

#[tokio::test]
async fn what_is_nobodys_belongs_to_the_first_tenant_that_asks_and_may_use_its_instance() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let request = ImportRequest {
        tenants: vec![tenant("blue.example", &[a]), tenant("red.example", &[a, b]), tenant("green.example", &[b])],
        meetings: vec![running(a, "found", "").await, running(a, "placed", "").await],
        ..ImportRequest::default()
    };
    import(&program, &request).await;
    assert_eq!(find(&program, "green.example", "found").await, "");
    assert_eq!(find(&program, "red.example", "found").await, a.url());
    assert_eq!(find(&program, "blue.example", "found").await, "");
    assert_eq!(find(&program, "red.example", "found").await, a.url());
    let blue = b3lb_proto::v1::PlaceRequest { tenant: "blue.example".to_owned(), ..wish("placed") };
    let placed = place(&program, blue).await.unwrap();
    assert_eq!((placed.instance, placed.existing), (a.url(), true));
    let taken = import(&program, &request).await;
    assert_eq!(taken[3], format!("meeting found unchanged on {}, of red.example", a.url()));
    assert_eq!(taken[4], format!("meeting placed unchanged on {}, of blue.example", a.url()));
}

#[tokio::test]
async fn meetings_of_an_instance_that_does_not_answer_are_taken_over_as_remembered() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    a.fail(Some(Fault::Down)).await;
    let request = ImportRequest { meetings: vec![remembered(a, "m"), remembered(b, "n")], ..ImportRequest::default() };
    let expected = [
        format!("meeting m added on {}, of *", a.url()),
        format!("meeting n skipped {} does not list it: it is over", b.url()),
    ];
    assert_eq!(import(&program, &request).await, expected);
    assert_eq!(find(&program, "*", "m").await, a.url());
}

#[tokio::test]
async fn more_meetings_than_fit_into_one_step_follow_after_those_that_run() {
    let redis = RedisServer::start().await;
    let mut shared = settings();
    shared.redis.address = Some(format!("127.0.0.1:{}", redis.port));
    let [a, b] = &simulated().await;
    let program = Program::start(shared).await;
    b.fail(Some(Fault::Down)).await;
    let mut meetings: Vec<Meeting> = (0..6000).map(|n| remembered(b, &format!("old-{n}"))).collect();
    meetings.push(running(a, "runs", "").await);
    let request = ImportRequest { instances: vec![instance(a), instance(b)], meetings, ..ImportRequest::default() };
    let told = import(&program, &request).await;
    assert_eq!(told.len(), 2 + 6001);
    assert_eq!(told[2], format!("meeting runs added on {}, of *", a.url()));
    assert!(told[3..].iter().all(|line| line.ends_with(&format!(" added on {}, of *", b.url()))), "{told:?}");
    assert_eq!(find(&program, "*", "old-5999").await, b.url());
    let again = import(&program, &request).await;
    assert!(again.iter().skip(2).all(|line| line.contains(" unchanged ")), "{again:?}");
}

#[tokio::test]
async fn what_is_known_already_is_kept_and_only_told_apart_where_it_differs() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let rotating = Tenant {
        secrets: vec!["new".to_owned(), "secret of blue.example".to_owned()],
        tags: vec!["t".to_owned()],
        ..tenant("blue.example", &[a])
    };
    let request = PutTenantRequest { tenant: Some(rotating), dry_run: false };
    program.admin().put_tenant(request).await.unwrap();
    let changed = Instance { secret: "another".to_owned(), capacity: 9.0, ..instance(a) };
    let request = ImportRequest {
        instances: vec![changed, instance(b)],
        tenants: vec![Tenant { user_pool: Some(3), ..tenant("blue.example", &[a]) }],
        ..ImportRequest::default()
    };
    let expected = [
        format!("instance {} changed its secret", a.url()),
        format!("instance {} unchanged", b.url()),
        "tenant blue.example changed".to_owned(),
    ];
    assert_eq!(import(&program, &request).await, expected);
    let request = GetInstanceRequest { url: a.url(), with_secrets: true };
    let known = program.admin().get_instance(request).await.unwrap().into_inner();
    assert_eq!((&*known.secret, known.capacity), ("another", 1.0));
    let request = GetTenantRequest { host: "blue.example".to_owned(), with_secrets: true };
    let blue = program.admin().get_tenant(request).await.unwrap().into_inner();
    assert_eq!(blue.secrets, ["new", "secret of blue.example"]);
    assert_eq!((blue.tags, blue.user_pool), (vec!["t".to_owned()], Some(3)));
}
