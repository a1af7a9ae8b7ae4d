//! The verbs about tenants.

use super::refusal;
use crate::grpc::{program_with, simulated};
use crate::program::{Caller, Program, settings};
use b3lb_proto::v1;
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{
    DeleteTenantRequest, DeleteTenantResponse, GetTenantRequest, ListTenantsRequest, PutTenantRequest, Tenant,
};
use tonic::{Code, Response, Status};

fn tenant(host: &str, secrets: &[&str], instances: &[&str]) -> Tenant {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect();
    Tenant { host: host.to_owned(), secrets: texts(secrets), instances: texts(instances), ..Tenant::default() }
}

async fn put(admin: &mut AdminClient<Caller>, tenant: Tenant) -> Result<Response<Tenant>, Status> {
    admin.put_tenant(PutTenantRequest { tenant: Some(tenant), dry_run: false }).await
}

async fn list(admin: &mut AdminClient<Caller>, with_secrets: bool) -> Vec<Tenant> {
    admin.list_tenants(ListTenantsRequest { with_secrets }).await.unwrap().into_inner().tenants
}

#[tokio::test]
async fn tenants_are_put_in_one_form_and_shown_without_their_secrets() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let a = &*a.url();
    let mut admin = program.admin();
    let given = tenant("T.Example:8443", &["new", "old"], &[&format!("{a}/api"), a]);
    let ids = vec!["1".to_owned(), "2".to_owned()];
    let told = Tenant { secret_ids: ids.clone(), ..tenant("t.example:8443", &[], &[a]) };
    assert_eq!(put(&mut admin, given).await.unwrap().into_inner(), told);
    let other = put(&mut admin, tenant("a.example", &[], &[])).await.unwrap().into_inner();
    assert_eq!(list(&mut admin, false).await, [other.clone(), told.clone()]);
    let open = Tenant { secret_ids: ids, ..tenant("t.example:8443", &["new", "old"], &[a]) };
    assert_eq!(list(&mut admin, true).await, [other.clone(), open.clone()]);
    let get = |with_secrets| GetTenantRequest { host: "T.example:8443".to_owned(), with_secrets };
    assert_eq!(admin.get_tenant(get(false)).await.unwrap().into_inner(), told);
    assert_eq!(admin.get_tenant(get(true)).await.unwrap().into_inner(), open);

    let named = Tenant { secret_ids: vec!["autumn".to_owned()], ..tenant("t.example:8443", &["new"], &[]) };
    put(&mut admin, named.clone()).await.unwrap();
    assert_eq!(list(&mut admin, true).await, [other.clone(), named]);
    let delete = || DeleteTenantRequest { host: "t.example:8443".to_owned() };
    assert_eq!(admin.delete_tenant(delete()).await.unwrap().into_inner(), DeleteTenantResponse {});
    assert_eq!(list(&mut admin, true).await, [other]);
    let unknown = (Code::NotFound, "there is no tenant \"t.example:8443\"".to_owned());
    assert_eq!(refusal(admin.delete_tenant(delete()).await), unknown);
    assert_eq!(refusal(admin.get_tenant(get(false)).await), unknown);
}

#[tokio::test]
async fn a_tenant_that_cannot_be_is_refused_by_field_and_value() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    let a = &*a.url();
    let mut admin = program.admin();
    let nine: Vec<String> = (0..9).map(|n| n.to_string()).collect();
    let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
    let cases = [
        (
            tenant("http://t", &["s"], &[]),
            "tenant.host: \"http://t\" is no host; it would be like bbb.example.org or bbb.example.org:8443, or * for \
             every host",
        ),
        (tenant("t", &["s", ""], &[]), "one of tenant.secrets of t is empty"),
        (tenant("t", &nine, &[]), "tenant.secrets of t are more than 8"),
        (
            tenant("t", &["s"], &[a, "http://b"]),
            "tenant.instances: http://b/bigbluebutton is not part of the pool; add the instance first",
        ),
    ];
    let base = || tenant("t", &["s"], &[]);
    let override_of = |name: &str| {
        let overrides = [(name.to_owned(), "x".to_owned())].into();
        let create = Some(v1::CallParameters { overrides, ..Default::default() });
        Some(v1::Parameters { create, ..Default::default() })
    };
    let bridges = |first, last, digits| Some(v1::VoiceBridges { first, last, digits });
    let name = "it would be 1 to 64 letters, digits, `-`, `_` and `.`";
    let more = [
        (
            Tenant { secret_ids: vec!["a b".to_owned()], ..base() },
            format!("tenant.secret_ids: \"a b\" is no name; {name}"),
        ),
        (
            Tenant { secret_ids: vec!["a".to_owned(); 2], ..tenant("t", &["s", "r"], &[]) },
            "tenant.secret_ids of t: \"a\" is given twice".to_owned(),
        ),
        (Tenant { tags: vec![String::new()], ..base() }, format!("tenant.tags: \"\" is no name; {name}")),
        (
            Tenant { algorithms: vec![7], ..base() },
            "tenant.algorithms is 7; it would be one of SHA1 (1), SHA256 (2), SHA384 (3), SHA512 (4)".to_owned(),
        ),
        (
            Tenant { voice_bridges: bridges(0, 0, 3), ..base() },
            "tenant.voice_bridges.digits is 3; it would be 4 to 9, without first and last".to_owned(),
        ),
        (
            Tenant { parameters: override_of("Checksum"), ..base() },
            "tenant.parameters.create: \"Checksum\" is no parameter that can be changed".to_owned(),
        ),
        (
            Tenant { parameters: override_of("meta_b3lb-tenant"), ..base() },
            "tenant.parameters.create: \"meta_b3lb-tenant\" is no parameter that can be changed".to_owned(),
        ),
        (
            Tenant { parameters: Some(v1::Parameters { slides: "a.pdf".to_owned(), ..Default::default() }), ..base() },
            "tenant.parameters.slides: \"a.pdf\" is no http or https url".to_owned(),
        ),
    ];
    for (tenant, words) in more {
        assert_eq!(refusal(put(&mut admin, tenant).await), (Code::InvalidArgument, words));
    }
    for (tenant, words) in cases {
        assert_eq!(refusal(put(&mut admin, tenant).await), (Code::InvalidArgument, words.to_owned()));
    }
    let missing = refusal(admin.put_tenant(PutTenantRequest { tenant: None, dry_run: false }).await);
    assert_eq!(missing, (Code::InvalidArgument, "tenant is missing".to_owned()));
    assert_eq!(list(&mut admin, false).await, []);
}

#[tokio::test]
async fn a_tenant_without_secrets_needs_a_global_one() {
    let mut settings = settings();
    settings.bigbluebutton.secret = None;
    let program = Program::start(settings).await;
    let words = "tenant.secrets of t is empty, and there is no bigbluebutton.secret to sign its calls with".to_owned();
    let refused = refusal(put(&mut program.admin(), tenant("t", &[], &[])).await);
    assert_eq!(refused, (Code::InvalidArgument, words));
}
