//! The verbs about instances.

use super::refusal;
use crate::grpc::{instance, program_with, simulated};
use crate::program::Caller;
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{
    AddInstanceRequest, Admission, ChecksumAlgorithm, CordonInstanceRequest, DisableInstanceRequest,
    DrainInstanceRequest, DrainProgress, GetInstanceRequest, Instance, ListInstancesRequest, PutInstancesRequest,
    PutInstancesResponse, PutTenantRequest, RemoveInstanceRequest, Tenant, UncordonInstanceRequest,
};
use b3lb_sim::instance::Instance as Simulated;
use tonic::{Code, Response, Status};

/// What is told of an instance that was added with nothing but its url and secret.
fn told(simulated: &Simulated) -> Instance {
    Instance {
        url: simulated.url(),
        checksum: ChecksumAlgorithm::Sha256.into(),
        admission: Admission::Open.into(),
        capacity: 1.0,
        online: true,
        ..Instance::default()
    }
}

async fn list(admin: &mut AdminClient<Caller>, with_secrets: bool) -> Vec<Instance> {
    admin.list_instances(ListInstancesRequest { with_secrets }).await.unwrap().into_inner().instances
}

async fn add(admin: &mut AdminClient<Caller>, instance: Instance) -> Result<Response<Instance>, Status> {
    admin.add_instance(AddInstanceRequest { instance: Some(instance) }).await
}

#[tokio::test]
async fn instances_are_added_in_one_form_and_shown_without_their_secrets() {
    let [a, b] = &simulated().await;
    let program = program_with([]).await;
    let mut admin = program.admin();
    let full = Instance {
        url: format!("{}/api/", b.url()),
        checksum: ChecksumAlgorithm::Sha512.into(),
        admission: Admission::Cordoned.into(),
        capacity: 2.5,
        ..instance(b)
    };
    let expected = Instance { url: b.url(), secret: String::new(), online: true, ..full.clone() };
    assert_eq!(add(&mut admin, full).await.unwrap().into_inner(), expected);
    assert_eq!(add(&mut admin, instance(a)).await.unwrap().into_inner(), told(a));
    assert_eq!(list(&mut admin, false).await, [told(a), expected.clone()]);

    let secrets: Vec<_> = list(&mut admin, true).await.into_iter().map(|instance| instance.secret).collect();
    assert_eq!(secrets, [instance(a).secret, instance(b).secret]);
    let get = |with_secrets| GetInstanceRequest { url: format!(" {}/", b.url()), with_secrets };
    assert_eq!(admin.get_instance(get(false)).await.unwrap().into_inner(), expected);
    assert_eq!(admin.get_instance(get(true)).await.unwrap().into_inner().secret, instance(b).secret);
}

#[tokio::test]
async fn an_instance_that_cannot_be_is_refused_by_field_and_value() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let url = b.url();
    let b = || instance(b);
    let capacity = |value: &str| {
        format!("instance.capacity of {url} is {value}; it would be a number above 0, 1 for an ordinary instance")
    };
    let cases = [
        (
            Instance { url: "b.example".to_owned(), ..b() },
            "instance.url: \"b.example\" is no instance url; it would be like https://bbb1.example.org/bigbluebutton, \
             without user, query or fragment"
                .to_owned(),
        ),
        (Instance { secret: String::new(), ..b() }, format!("instance.secret of {url} is empty")),
        (
            Instance { secret: "hush\n".to_owned(), ..b() },
            format!("instance.secret of {url} begins or ends with white space"),
        ),
        (Instance { capacity: -1.0, ..b() }, capacity("-1")),
        (Instance { capacity: f64::NAN, ..b() }, capacity("NaN")),
        (Instance { capacity: f64::INFINITY, ..b() }, capacity("inf")),
        (
            Instance { checksum: 9, ..b() },
            "instance.checksum is 9; it would be one of SHA1 (1), SHA256 (2), SHA384 (3), SHA512 (4)".to_owned(),
        ),
        (
            Instance { admission: 7, ..b() },
            "instance.admission is 7; it would be one of OPEN (1), CORDONED (2), DISABLED (3)".to_owned(),
        ),
    ];
    for (instance, words) in cases {
        assert_eq!(refusal(add(&mut admin, instance).await), (Code::InvalidArgument, words));
    }
    let missing = refusal(admin.add_instance(AddInstanceRequest { instance: None }).await);
    assert_eq!(missing, (Code::InvalidArgument, "instance is missing".to_owned()));
    let twice = refusal(add(&mut admin, Instance { url: format!("{}/", a.url()), ..instance(a) }).await);
    let words = format!("{} is part of the pool already; PutInstances changes it", a.url());
    assert_eq!(twice, (Code::AlreadyExists, words));
    assert_eq!(list(&mut admin, false).await, [told(a)]);
}

#[tokio::test]
async fn an_unknown_instance_is_not_found_by_any_verb() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let url = || b.url();
    let refusals = [
        refusal(admin.get_instance(GetInstanceRequest { url: url(), with_secrets: false }).await),
        refusal(admin.remove_instance(RemoveInstanceRequest { url: url(), force: true }).await),
        refusal(admin.cordon_instance(CordonInstanceRequest { url: url() }).await),
        refusal(admin.uncordon_instance(UncordonInstanceRequest { url: url() }).await),
        refusal(admin.disable_instance(DisableInstanceRequest { url: url() }).await),
        refusal(admin.drain_instance(DrainInstanceRequest { url: url() }).await),
    ];
    for refusal in refusals {
        assert_eq!(refusal, (Code::NotFound, format!("{} is not part of the pool", b.url())));
    }
}

#[tokio::test]
async fn admission_follows_the_verbs_however_often_they_are_said() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let url = || a.url();
    let is = |admission: Admission| Instance { admission: admission.into(), ..told(a) };
    for _ in 0..2 {
        let answer = admin.cordon_instance(CordonInstanceRequest { url: url() }).await.unwrap().into_inner();
        assert_eq!(answer, is(Admission::Cordoned));
    }
    for _ in 0..2 {
        let answer = admin.disable_instance(DisableInstanceRequest { url: url() }).await.unwrap().into_inner();
        assert_eq!(answer, is(Admission::Disabled));
    }
    for _ in 0..2 {
        let answer = admin.uncordon_instance(UncordonInstanceRequest { url: url() }).await.unwrap().into_inner();
        assert_eq!(answer, is(Admission::Open));
    }
}

#[tokio::test]
async fn the_pool_is_put_whole_or_only_asked_what_would_change() {
    let [a, b, c] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut admin = program.admin();
    admin.cordon_instance(CordonInstanceRequest { url: b.url() }).await.unwrap();
    let bigger = Instance { capacity: 3.0, ..instance(b) };
    let request = |dry_run| PutInstancesRequest { instances: vec![bigger.clone(), instance(c)], dry_run, force: false };
    let expected = PutInstancesResponse {
        added: vec![c.url()],
        changed: vec![b.url()],
        removed: vec![a.url()],
        unchanged: Vec::new(),
    };
    let before = list(&mut admin, true).await;
    assert_eq!(admin.put_instances(request(true)).await.unwrap().into_inner(), expected);
    assert_eq!(list(&mut admin, true).await, before);

    assert_eq!(admin.put_instances(request(false)).await.unwrap().into_inner(), expected);
    let cordoned = Instance { capacity: 3.0, admission: Admission::Cordoned.into(), ..told(b) };
    assert_eq!(list(&mut admin, false).await, [cordoned, told(c)]);

    let unchanged = PutInstancesResponse { unchanged: vec![b.url(), c.url()], ..Default::default() };
    assert_eq!(admin.put_instances(request(false)).await.unwrap().into_inner(), unchanged);
}

#[tokio::test]
async fn a_pool_that_cannot_be_is_refused_whole() {
    let [a, b, c] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let empty = "instances is empty; to empty the pool, remove each instance".to_owned();
    let twice = format!("instances.url: {} is given twice", b.url());
    let no_secret = format!("instance.secret of {} is empty", c.url());
    let cases = [
        (vec![], empty),
        (vec![instance(b), instance(b)], twice),
        (vec![instance(b), Instance { secret: String::new(), ..instance(c) }], no_secret),
    ];
    for (instances, words) in cases {
        let request = PutInstancesRequest { instances, dry_run: false, force: true };
        assert_eq!(refusal(admin.put_instances(request).await), (Code::InvalidArgument, words));
    }
    assert_eq!(list(&mut admin, false).await, [told(a)]);
}

#[tokio::test]
async fn an_instance_that_a_tenant_lists_leaves_only_by_force() {
    let [a, b] = &simulated().await;
    let program = program_with([a, b]).await;
    let mut admin = program.admin();
    let tenant = Tenant { host: "t.example".to_owned(), instances: vec![a.url()], ..Tenant::default() };
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await.unwrap();
    let words = format!("{} is listed by the tenant t.example; change the tenant first, or force the removal", a.url());
    let remove = |force| RemoveInstanceRequest { url: a.url(), force };
    assert_eq!(refusal(admin.remove_instance(remove(false)).await), (Code::FailedPrecondition, words.clone()));
    let put = PutInstancesRequest { instances: vec![instance(b)], ..Default::default() };
    assert_eq!(refusal(admin.put_instances(put).await), (Code::FailedPrecondition, words));
    admin.remove_instance(remove(true)).await.unwrap();
    assert_eq!(list(&mut admin, false).await, [told(b)]);
}

#[tokio::test]
async fn an_empty_instance_is_drained_at_once_and_takes_nothing_new() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let mut admin = program.admin();
    let mut stream = admin.drain_instance(DrainInstanceRequest { url: a.url() }).await.unwrap().into_inner();
    let drained = DrainProgress { meetings: 0, users: 0, drained: true };
    assert_eq!(stream.message().await.unwrap(), Some(drained));
    assert_eq!(stream.message().await.unwrap(), None);
    let cordoned = Instance { admission: Admission::Cordoned.into(), ..told(a) };
    assert_eq!(list(&mut admin, false).await, [cordoned]);
}
