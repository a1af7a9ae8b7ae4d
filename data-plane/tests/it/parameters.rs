//! What is changed in calls before they are signed anew.

use crate::control::{self, Script};
use crate::frontend::{self, post, signed, signed_with};
use crate::instance::Instance;
use crate::proxy::{self, Proxy};
use b3lb_proto::v1::{CallParameters, Changes, Parameters, TenantRoute};
use bbb::checksum::Algorithm;

const HOST: &str = "bbb.example.org";
const SECRET: &str = "tenant-secret";
const THEIRS: &str = "instance-secret";
const CREATED: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n</response>";

async fn pool(tenant: TenantRoute, labels_for_swarm: bool) -> (Instance, Proxy, control::Control) {
    pool_of_all(tenant, labels_for_swarm, bbb::parameters::Parameters::default()).await
}

/// One with parameters for the calls of all tenants.
async fn pool_of_all(
    tenant: TenantRoute,
    labels_for_swarm: bool,
    parameters: bbb::parameters::Parameters,
) -> (Instance, Proxy, control::Control) {
    let instance = Instance::answering(CREATED).await;
    let url = instance.url();
    let script = Script::new(Changes {
        instances: vec![control::route(&url, THEIRS)],
        placed: vec![control::placed(&tenant.host, &url, &["m"])],
        tenants: vec![tenant],
        ..Changes::default()
    });
    let control = control::Control::start(&script);
    let mut settings = proxy::settings(&[control.address()]);
    settings.bigbluebutton.labels_for_swarm = labels_for_swarm;
    settings.parameters = parameters;
    let proxy = Proxy::start(&settings);
    proxy.ready().await;
    (instance, proxy, control)
}

/// The first line of the last request.
fn last(instance: &Instance) -> String {
    let requests = instance.requests();
    requests.last().unwrap().lines().next().unwrap().replace(" HTTP/1.1", "")
}

/// A query as the instance is sent it, with the checksum where the frontend's was: at the end of what it sent.
fn sent(given: &str, added: &str) -> String {
    let path = signed_with(Algorithm::Sha256, "create", &format!("{given}{added}"), THEIRS);
    let checksum = &path[path.rfind("&checksum=").unwrap()..];
    format!("GET /bigbluebutton/api/create?{given}{checksum}{added}")
}

#[tokio::test]
async fn a_create_says_whose_its_meeting_is() {
    let (instance, proxy, _control) = pool(control::tenant(HOST, &[SECRET]), false).await;
    proxy.call("create", "meetingID=m&name=%2f", SECRET).await;
    assert_eq!(last(&instance), sent("meetingID=m&name=%2f", "&meta_b3lb-tenant=bbb.example.org"));
    proxy.call("create", "meetingID=m&META_b3lb-Tenant=evil&meta_bigblueswarm-tenant=evil", SECRET).await;
    let given = "meetingID=m&META_b3lb-Tenant=bbb.example.org&meta_bigblueswarm-tenant=bbb.example.org";
    assert_eq!(last(&instance), sent(given, ""));
    proxy.call("getMeetingInfo", "meetingID=m", SECRET).await;
    assert!(!last(&instance).contains("tenant"), "{}", last(&instance));
}

#[tokio::test]
async fn a_create_of_everybody_passes_byte_for_byte() {
    let (instance, proxy, _control) = pool(control::tenant("*", &[SECRET]), false).await;
    proxy.call("create", "&meetingID=m&&name=%2f+x", SECRET).await;
    assert_eq!(last(&instance), sent("&meetingID=m&&name=%2f+x", ""));
    proxy.call("create", "meetingID=m&meta_b3lb-tenant=evil", SECRET).await;
    assert_eq!(last(&instance), sent("meetingID=m", ""));
}

#[tokio::test]
async fn who_comes_from_bigblueswarm_keeps_its_label() {
    let (instance, proxy, _control) = pool(control::tenant(HOST, &[SECRET]), true).await;
    proxy.call("create", "meetingID=m", SECRET).await;
    let added = "&meta_b3lb-tenant=bbb.example.org&meta_bigblueswarm-tenant=bbb.example.org";
    assert_eq!(last(&instance), sent("meetingID=m", added));
}

fn with(create: CallParameters, join: CallParameters) -> Parameters {
    Parameters { create: Some(create), join: Some(join), ..Parameters::default() }
}

fn values(defaults: &[(&str, &str)], overrides: &[(&str, &str)]) -> CallParameters {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    CallParameters { defaults: map(defaults), overrides: map(overrides), removed: vec!["logo".to_owned()] }
}

#[tokio::test]
async fn a_tenants_parameters_are_put_into_create_and_join() {
    let create = values(&[("welcome", "Grüß Gott"), ("record", "false")], &[("muteOnStart", "true")]);
    let parameters = with(create, values(&[], &[("userdata-x", "1")]));
    let tenant = TenantRoute { parameters: Some(parameters), ..control::tenant("*", &[SECRET]) };
    let (instance, proxy, _control) = pool(tenant, false).await;
    proxy.call("create", "meetingID=m&muteOnStart=false&logo=x&record=true", SECRET).await;
    assert_eq!(last(&instance), sent("meetingID=m&muteOnStart=true&record=true", "&welcome=Gr%C3%BC%C3%9F%20Gott"));
    // In a form they are changed where they stand.
    let body = "muteOnStart=false&record=true&logo=y&welcome=hi";
    post(proxy.public, &signed("create", "meetingID=m", SECRET), bbb::form::ENCODED, body).await;
    assert_eq!(last(&instance), sent("meetingID=m", "").replace("GET", "POST"));
    assert!(instance.requests()[1].ends_with("\r\n\r\nmuteOnStart=true&record=true&welcome=hi"));
    let answer = proxy.call("join", "meetingID=m&logo=1", SECRET).await;
    let location = answer.header("location").unwrap().to_owned();
    assert!(location.contains("/api/join?meetingID=m&checksum="), "{location}");
    assert!(location.ends_with("&userdata-x=1"), "{location}");
}

#[tokio::test]
async fn slides_are_added_to_a_create_that_brings_none() {
    let slides = "https://files.example.org/a.pdf?x=1&y".to_owned();
    let parameters = Some(Parameters { slides, duration_max: 60, ..Parameters::default() });
    let tenant = TenantRoute { parameters, ..control::tenant("*", &[SECRET]) };
    let (instance, proxy, _control) = pool(tenant, false).await;
    proxy.call("create", "meetingID=m", SECRET).await;
    let request = instance.requests().pop().unwrap();
    assert_eq!(last(&instance), sent("meetingID=m", "&duration=60").replace("GET", "POST"));
    assert!(request.to_lowercase().contains("content-type: application/xml\r\n"), "{request}");
    assert!(request.contains("<document url=\"https://files.example.org/a.pdf?x=1&amp;y\"/>"), "{request}");
    let own = "<modules/>";
    post(proxy.public, &signed("create", "meetingID=m&duration=30", SECRET), "text/xml", own).await;
    assert!(instance.requests().pop().unwrap().ends_with(&format!("\r\n\r\n{own}")));
    proxy.call("create", "meetingID=m&preUploadedPresentation=https%3A%2F%2Fx", SECRET).await;
    assert!(last(&instance).starts_with("GET "), "{}", last(&instance));
    assert_eq!(
        frontend::get(proxy.public, "/bigbluebutton/api/create?meetingID=m").await.says(),
        (200, "checksumError")
    );
}

#[tokio::test]
async fn the_tenant_goes_before_the_pool_and_the_call_between() {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let of_pool = bbb::parameters::CallParameters {
        defaults: map(&[("a", "pool"), ("b", "pool"), ("c", "pool")]),
        overrides: map(&[("d", "pool"), ("e", "pool")]),
        removed: Vec::new(),
    };
    let pool_wide = bbb::parameters::Parameters { create: of_pool, ..Default::default() };
    let own = with(values(&[("b", "tenant"), ("c", "tenant")], &[("e", "tenant")]), CallParameters::default());
    let tenant = TenantRoute { parameters: Some(own), ..control::tenant("*", &[SECRET]) };
    let (instance, proxy, _control) = pool_of_all(tenant, false, pool_wide).await;
    proxy.call("create", "meetingID=m&c=call&d=call&e=call", SECRET).await;
    assert_eq!(last(&instance), sent("meetingID=m&c=call&d=pool&e=tenant", "&a=pool&b=tenant"));
}
