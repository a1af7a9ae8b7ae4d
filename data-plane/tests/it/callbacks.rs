//! What instances tell frontends by themselves, on its way through the proxy.

use crate::control::{self, Script};
use crate::frontend::{post, raw, send};
use crate::instance::{Instance, Reply};
use crate::proxy::Proxy;
use b3lb_proto::v1::{Changes, TenantRoute};
use bbb::Secret;
use bbb::callback::event::Signing;
use bbb::callback::seal::{Destination, Seal};
use bbb::callback::{Kind, PATH, jwt};
use bbb::checksum::Algorithm;
use std::sync::atomic::{AtomicUsize, Ordering};

const HOST: &str = "bbb.example.org";
const SECRET: &str = "tenant-secret";
const THEIRS: &str = "instance-secret";
const FORM: &str = "application/x-www-form-urlencoded";
const CREATED: &str = "<response>\n<returncode>SUCCESS</returncode>\n<meetingID>m</meetingID>\n</response>";
/// `{"alg":"HS256"}` and `{"meeting_id":"m","record_id":"r"}`, signed by the secret `a`.
const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJtZWV0aW5nX2lkIjoibSIsInJlY29yZF9pZCI6InIifQ";

struct World {
    instance: Instance,
    proxy: Proxy,
    _control: control::Control,
}

async fn world(tenants: Vec<TenantRoute>) -> World {
    let instance = Instance::answering(CREATED).await;
    let url = instance.url();
    let script = Script::new(Changes {
        instances: vec![control::route(&url, THEIRS)],
        placed: tenants
            .iter()
            .map(|tenant| control::placed(&tenant.host, &url, &[&format!("m of {}", tenant.host)]))
            .collect(),
        tenants,
        ..Changes::default()
    });
    let (proxy, control) = Proxy::with(&script).await;
    World { instance, proxy, _control: control }
}

impl World {
    fn seal(&self) -> Seal {
        Seal::new(&Secret::new(control::TOKEN))
    }

    /// The path of a callback that goes to `url`.
    fn path(&self, kind: Kind, url: &str) -> String {
        let (tenant, instance, base) = (HOST.to_owned(), self.instance.url(), "http://proxy".to_owned());
        let destination = Destination { kind, tenant, instance, url: url.to_owned(), hook: None, base };
        format!("{PATH}{}", self.seal().seal(&destination, [1; 12]))
    }
}

fn tenant() -> TenantRoute {
    control::tenant(HOST, &[SECRET])
}

/// The token as somebody signs it who knows this secret.
fn token(secret: &str) -> String {
    let key = Secret::new("a");
    // Signed once by the public way in, from a token whose signature is known.
    let known = format!("{JWT}.{}", SIGNED_BY_A);
    jwt::resigned(&known, &key, &Secret::new(secret)).unwrap()
}

/// HMAC-SHA256 of [`JWT`] with the key `a`.
const SIGNED_BY_A: &str = "-3UuMF0R5PeTYyTaQONsTtaHAQkUWFqH1PKdPClHyE4";

/// A frontend that answers all with a status and a text.
async fn frontend(status: &'static str, text: &'static str) -> Instance {
    Instance::start(move |_, _| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n", text.len());
        Reply::Raw(format!("{head}\r\n{text}").into())
    })
    .await
}

fn at(frontend: &Instance, path: &str) -> String {
    frontend.url().replace("/bigbluebutton", path)
}

#[tokio::test]
async fn a_create_gives_the_instance_urls_of_our_own() {
    let world = world(vec![tenant()]).await;
    let query = "meetingID=m&meta_BBB-recording-ready-url=https%3A%2F%2Fmoodle%2Fa%3Fb%3D1&meta_analytics-callback-url=http://x/y&meta_endCallbackUrl=https%3A%2F%2Fmoodle%2Fend";
    let (proxy, url) = (&world.proxy, world.instance.url());
    proxy.call("create", &query.replace("meetingID=m", "meetingID=m+of+bbb.example.org"), SECRET).await;
    let sent = world.instance.requests().pop().unwrap();
    let query = sent.lines().next().unwrap().split(['?', ' ']).nth(2).unwrap().to_owned();
    let value = |name: &str| {
        let value = bbb::Query::new(&query).get_one(name).unwrap().unwrap().into_owned();
        String::from_utf8(value).unwrap()
    };
    for (name, kind, original) in [
        ("meta_BBB-recording-ready-url", Kind::Recording, "https://moodle/a?b=1"),
        ("meta_analytics-callback-url", Kind::Analytics, "http://x/y"),
    ] {
        let given = value(name);
        let token = given.strip_prefix(&format!("http://{HOST}{PATH}")).expect(&given);
        let destination = world.seal().open(token).unwrap();
        let (tenant, url, instance) = (HOST.to_owned(), original.to_owned(), url.clone());
        assert_eq!(destination, Destination { kind, tenant, instance, url, hook: None, base: String::new() });
    }
    assert_eq!(value("meta_endCallbackUrl"), "https://moodle/end");
}

#[tokio::test]
async fn a_recording_is_told_with_the_tenants_signature() {
    let world = world(vec![tenant()]).await;
    let moodle = frontend("204 No Content", "").await;
    let path = world.path(Kind::Recording, &at(&moodle, "/ready?x=%2f"));
    let body = format!("a=1&signed_parameters={}", token(THEIRS));
    let answer = post(world.proxy.public, &path, FORM, &body).await;
    assert_eq!(answer.status, 204);
    let told = moodle.requests().pop().unwrap();
    assert!(told.starts_with("POST /ready?x=%2f HTTP/1.1\r\n"), "{told}");
    assert!(told.ends_with(&format!("\r\n\r\na=1&signed_parameters={}", token(SECRET))), "{told}");
}

#[tokio::test]
async fn analytics_are_told_with_the_tenants_signature() {
    let world = world(vec![tenant()]).await;
    let moodle = frontend("200 OK", "thanks").await;
    let path = world.path(Kind::Analytics, &at(&moodle, "/analytics"));
    let tell = async |token: &str| {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n");
        let request = format!("{head}Authorization: Bearer {token}\r\nContent-Length: 7\r\n\r\n{{\"a\":1}}");
        send(world.proxy.public, request.as_bytes()).await
    };
    assert_eq!(tell(&token(SECRET)).await.status, 401, "the instance has another secret");
    let answer = tell(&token(THEIRS)).await;
    assert_eq!((answer.status, &*answer.body), (200, "thanks"));
    let told = moodle.requests();
    assert_eq!(told.len(), 1);
    assert!(told[0].to_lowercase().contains(&format!("authorization: bearer {}\r\n", token(SECRET).to_lowercase())));
    assert!(told[0].ends_with("\r\n\r\n{\"a\":1}"));
}

/// An event of a meeting, as bbb-webhooks sends it to this path.
async fn tell(world: &World, path: &str, meeting: &str) -> u16 {
    let event = format!(
        r#"[{{"data":{{"id":"user-joined","attributes":{{"meeting":{{"external-meeting-id":"{meeting}"}}}}}}}}]"#
    );
    let form = format!("domain=bbb1&event={}&timestamp=1", bbb::query::encode(&event));
    let checksum = Algorithm::Sha256.sign(&format!("http://proxy{path}"), &[&form], &Secret::new(THEIRS));
    post(world.proxy.public, &format!("{path}?checksum={}", checksum.as_str()), FORM, &form).await.status
}

#[tokio::test]
async fn an_event_is_told_to_the_tenant_whose_meeting_it_is() {
    let world = world(vec![tenant(), control::tenant("other.example.org", &["others"])]).await;
    let moodle = frontend("200 OK", "").await;
    let hook = at(&moodle, "/hook?a=1");
    let path = world.path(Kind::Hook, &hook);
    assert_eq!(tell(&world, &path, "m of other.example.org").await, 200);
    assert_eq!(tell(&world, &path, "unknown").await, 200);
    assert_eq!(moodle.requests(), Vec::<String>::new());
    assert_eq!(tell(&world, &path, "m of bbb.example.org").await, 200);
    let told = moodle.requests().pop().unwrap();
    let (head, form) = told.split_once("\r\n\r\n").unwrap();
    let checksum = head.split("/hook?a=1&checksum=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(Signing::find(&hook, form, checksum, &Secret::new(SECRET)).is_some(), "{told}");
}

#[tokio::test]
async fn what_no_instance_signed_goes_nowhere() {
    let world = world(vec![tenant()]).await;
    let moodle = frontend("200 OK", "").await;
    let (proxy, url) = (world.proxy.public, at(&moodle, "/"));
    let ready = world.path(Kind::Recording, &url);
    let good = format!("signed_parameters={}", token(THEIRS));
    for (path, body, status) in [
        (ready.clone(), format!("signed_parameters={}", token(SECRET)), 401),
        (ready.clone(), format!("signed_parameters={JWT}."), 401),
        (ready.clone(), String::new(), 401),
        (format!("{ready}x"), good.clone(), 404),
        (PATH.to_owned(), good.clone(), 404),
        (format!("{}?checksum={}", world.path(Kind::Hook, &url), "0".repeat(64)), "event=[]".to_owned(), 401),
        (world.path(Kind::Hook, &url), "event=[]".to_owned(), 401),
    ] {
        assert_eq!(post(proxy, &path, FORM, &body).await.status, status, "{path} {body}");
    }
    let gone = Destination {
        kind: Kind::Recording,
        tenant: "gone.example.org".to_owned(),
        instance: world.instance.url(),
        url,
        hook: None,
        base: String::new(),
    };
    let path = format!("{PATH}{}", world.seal().seal(&gone, [2; 12]));
    assert_eq!(post(proxy, &path, FORM, &good).await.status, 410);
    let get = format!("GET {ready} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(raw(proxy, get.as_bytes()).await.starts_with(b"HTTP/1.1 405"));
    assert_eq!(moodle.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn nothing_is_told_where_machines_tell_their_secrets() {
    let world = world(vec![tenant()]).await;
    let body = format!("signed_parameters={}", token(THEIRS));
    for url in
        ["http://169.254.169.254/latest", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://0.0.0.0/"]
    {
        let path = world.path(Kind::Recording, url);
        assert_eq!(post(world.proxy.public, &path, FORM, &body).await.status, 403, "{url}");
    }
}

#[tokio::test]
async fn a_frontend_that_stumbles_is_told_again() {
    let world = world(vec![tenant()]).await;
    let tries = AtomicUsize::new(0);
    let moodle = Instance::start(move |_, _| {
        let status = if tries.fetch_add(1, Ordering::Relaxed) == 0 { "500 Oops" } else { "410 Gone" };
        Reply::Raw(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into())
    })
    .await;
    let path = world.path(Kind::Recording, &at(&moodle, "/"));
    let body = format!("signed_parameters={}", token(THEIRS));
    assert_eq!(post(world.proxy.public, &path, FORM, &body).await.status, 410, "that is for the instance to know");
    assert_eq!(moodle.requests().len(), 2);
}
