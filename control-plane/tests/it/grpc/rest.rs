//! `/admin/api` as the command lines of B3LB 2.0 and BigBlueSwarm 2.3 call it.

use super::{place, program_with, simulated, wish};
use crate::program::{ADMIN_KEY, GLOBAL_SECRET, PROXY_TOKEN, Program, settings};
use b3lb_config::settings::AdminCompat;
use b3lb_proto::v1::{GetTenantRequest, PutTenantRequest, Tenant};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// What a call with this `Authorization` is answered, as status and body.
async fn call_as(program: &Program, key: &str, method: Method, path: &str, body: &str) -> (u16, String) {
    let url = format!("http://{}/admin/api/{path}", program.address);
    let request = Client::new().request(method, url).header("authorization", key).body(body.to_owned());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn get(program: &Program, path: &str) -> (u16, Value) {
    let (status, body) = call_as(program, ADMIN_KEY, Method::GET, path, "").await;
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

async fn post(program: &Program, path: &str, body: &Value) -> (u16, String) {
    call_as(program, ADMIN_KEY, Method::POST, path, &body.to_string()).await
}

async fn delete(program: &Program, path: &str) -> (u16, String) {
    call_as(program, ADMIN_KEY, Method::DELETE, path, "").await
}

async fn compatible_with(compat: AdminCompat) -> Program {
    let mut settings = settings();
    settings.admin.compat = compat;
    Program::start(settings).await
}

fn list(instances: &Value) -> Value {
    json!({ "kind": "InstanceList", "instances": instances })
}

#[tokio::test]
async fn the_admin_key_opens_it_raw_or_as_a_bearer_and_nothing_else_does() {
    let program = Program::start(settings()).await;
    for key in [ADMIN_KEY.to_owned(), format!("Bearer {ADMIN_KEY}"), format!("bearer {ADMIN_KEY}")] {
        let answer = call_as(&program, &key, Method::GET, "instances", "").await;
        assert_eq!(answer, (200, "[]".to_owned()), "{key}");
    }
    for key in ["", "wrong", PROXY_TOKEN, "Bearer", "Bearer wrong"] {
        for path in ["instances", "tenants", "tenants/a.example", "cluster", "configurations"] {
            assert_eq!(call_as(&program, key, Method::GET, path, "").await, (401, String::new()), "{key} {path}");
        }
        assert_eq!(call_as(&program, key, Method::DELETE, "tenants/a.example", "").await, (401, String::new()));
    }
    let (status, version) = program.get("/bigbluebutton/api").await;
    assert!(status == 200 && version.contains("<returncode>SUCCESS</returncode>"), "{version}");
    assert_eq!(call_as(&program, ADMIN_KEY, Method::DELETE, "instances", "").await.0, 404);
    assert_eq!(call_as(&program, ADMIN_KEY, Method::GET, "nothing", "").await.0, 404);

    let (_, metrics) = program.get("/metrics").await;
    for counted in ["{method=\"GET instances\",code=\"200\"} 3", "{method=\"DELETE tenants\",code=\"401\"} 5"] {
        assert!(metrics.contains(&format!("b3lb_admin_calls_total{counted}\n")), "no {counted} in {metrics}");
    }
    assert!(!metrics.contains("a.example"), "{metrics}");
}

#[tokio::test]
async fn the_list_of_instances_replaces_the_pool_and_is_never_emptied_by_mistake() {
    let program = Program::start(settings()).await;
    let [a, b, c] =
        ["http://a.example/bigbluebutton", "http://b.example/bigbluebutton", "http://c.example/bigbluebutton"];
    assert_eq!(post(&program, "instances", &list(&json!({ a: "1", b: "2" }))).await, (201, String::new()));
    let both = json!([{ "url": a, "secret": "1" }, { "url": b, "secret": "2" }]);
    assert_eq!(get(&program, "instances").await, (200, both.clone()));

    let wrong = [
        (json!(null), "it is null"),
        (json!({}), "it lists no instances"),
        (list(&json!(null)), "it lists no instances"),
        (list(&json!({})), "it lists no instances"),
        (
            json!({ "instances": [a] }),
            "a value is of another kind in line 1, column 13; it would be like {\"kind\": \"InstanceList\",",
        ),
        (json!("x"), "a value is of another kind"),
        (json!({ "kind": "Tenant", "instances": { a: "1" } }), "its kind is \"Tenant\""),
    ];
    for (body, reason) in wrong {
        let (status, text) = post(&program, "instances", &body).await;
        assert!(status == 400 && text.starts_with("Body does not bind InstanceList object: "), "{body}: {text}");
        assert!(text.contains(reason), "{body}: {text}");
    }
    let (status, text) = call_as(&program, ADMIN_KEY, Method::POST, "instances", "").await;
    assert!(status == 400 && text.contains("it is empty; it would be like {"), "{text}");
    let (status, text) = call_as(&program, ADMIN_KEY, Method::POST, "instances", "kind: InstanceList").await;
    assert!(status == 400 && text.contains("it is no JSON in line 1, column 1; it would be like {"), "{text}");
    // Not even half of it is done.
    for body in [list(&json!({ c: "3", "ftp://x": "4" })), list(&json!({ c: "3", a: "" })), list(&json!({ c: null }))] {
        assert_eq!(post(&program, "instances", &body).await.0, 400, "{body}");
    }
    assert_eq!(get(&program, "instances").await, (200, both));

    assert_eq!(post(&program, "instances", &list(&json!({ c: "3", a: "5" }))).await.0, 201);
    let after = json!([{ "url": a, "secret": "5" }, { "url": c, "secret": "3" }]);
    assert_eq!(get(&program, "instances").await, (200, after));
}

#[tokio::test]
async fn of_two_lists_at_once_the_pool_is_as_one_of_them_says() {
    let program = Program::start(settings()).await;
    let urls = |name: &str| (0..20).map(|n| format!("http://{name}{n}.example/bigbluebutton")).collect::<Vec<_>>();
    let (base, more, others) = (urls("base"), urls("more"), urls("others"));
    let first = [base.clone(), more].concat();
    let body = |urls: &[String]| list(&urls.iter().map(|url| (url.clone(), json!("secret"))).collect());
    for _ in 0..20 {
        assert_eq!(post(&program, "instances", &body(&base)).await.0, 201);
        let (of_first, of_others) = (body(&first), body(&others));
        let both = tokio::join!(post(&program, "instances", &of_first), post(&program, "instances", &of_others));
        assert_eq!((both.0.0, both.1.0), (201, 201));
        let (_, listed) = get(&program, "instances").await;
        let mut now: Vec<&str> = listed.as_array().unwrap().iter().map(|item| item["url"].as_str().unwrap()).collect();
        now.sort_unstable();
        let is = |urls: &[String]| {
            let mut urls: Vec<&str> = urls.iter().map(String::as_str).collect();
            urls.sort_unstable();
            urls == now
        };
        assert!(is(&first) || is(&others), "{now:?}");
    }
}

#[tokio::test]
async fn an_instance_that_is_left_out_keeps_its_meetings_and_gets_no_more() {
    let [a, b] = &simulated().await;
    let program = program_with([a]).await;
    assert_eq!(place(&program, wish("physics")).await.unwrap().instance, a.url());
    assert_eq!(post(&program, "instances", &list(&json!({ b.url(): b.secret().reveal() }))).await.0, 201);
    let only = json!([{ "url": b.url(), "secret": b.secret().reveal() }]);
    assert_eq!(get(&program, "instances").await, (200, only));
    assert_eq!(get(&program, "cluster").await.1.as_array().unwrap().len(), 1);
    let again = place(&program, wish("physics")).await.unwrap();
    assert_eq!((again.instance, again.existing), (a.url(), true));
    assert_eq!(place(&program, wish("maths")).await.unwrap().instance, b.url());

    let both = list(&json!({ a.url(): a.secret().reveal(), b.url(): b.secret().reveal() }));
    assert_eq!(post(&program, "instances", &both).await.0, 201);
    assert_eq!(get(&program, "instances").await.1.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn tenants_come_and_go_as_each_original_says() {
    for compat in [AdminCompat::B3lb, AdminCompat::BigBlueSwarm] {
        let program = compatible_with(compat).await;
        let a = "http://a.example/bigbluebutton";
        assert_eq!(post(&program, "instances", &list(&json!({ a: "1" }))).await.0, 201);
        let none = json!({ "kind": "TenantList", "tenants": [] });
        assert_eq!(get(&program, "tenants").await, (200, none));

        let tenant =
            json!({ "kind": "Tenant", "spec": { "host": "school.example:8090", "secret": "s" }, "instances": [a] });
        assert_eq!(post(&program, "tenants", &tenant).await, (201, String::new()));
        assert_eq!(get(&program, "tenants/school.example:8090").await, (200, tenant));
        let full = json!({
            "kind": "Tenant",
            "spec": { "host": "two.example", "meeting_pool": 10, "user_pool": 0 },
            "instances": [],
            "metadata": { "city": "Bonn" },
        });
        assert_eq!(post(&program, "tenants", &full).await.0, 201);
        assert_eq!(get(&program, "tenants/two.example").await, (200, full));
        let tenants = json!([
            { "hostname": "school.example:8090", "instance_count": 1 },
            { "hostname": "two.example", "instance_count": 0 },
        ]);
        assert_eq!(get(&program, "tenants").await.1["tenants"], tenants);

        let (no_host, missing) = match compat {
            AdminCompat::B3lb => ((500, "the tenant has no spec.host"), (204, "")),
            AdminCompat::BigBlueSwarm => {
                ((400, "failed to create tenant: the tenant has no spec.host"), (404, "tenant not found for deletion"))
            }
        };
        for body in [json!({ "spec": { "host": "" } }), json!({ "spec": {} }), json!({})] {
            assert_eq!(post(&program, "tenants", &body).await, (no_host.0, no_host.1.to_owned()), "{body}");
        }
        let body = match compat {
            AdminCompat::B3lb => "Body",
            AdminCompat::BigBlueSwarm => "body",
        };
        for wrong in [json!(null), json!([1]), json!({ "kind": "InstanceList" }), json!({ "spec": 1 })] {
            let (status, text) = post(&program, "tenants", &wrong).await;
            assert!(status == 400 && text.starts_with(&format!("{body} does not bind Tenant object: ")), "{text}");
        }
        let stranger = json!({ "spec": { "host": "x.example" }, "instances": ["http://x.example/bigbluebutton"] });
        let (status, text) = post(&program, "tenants", &stranger).await;
        assert!(status == 400 && text.contains("http://x.example/bigbluebutton is not part of the pool"), "{text}");

        assert_eq!(delete(&program, "tenants/two.example").await, (204, String::new()));
        assert_eq!(delete(&program, "tenants/two.example").await, (missing.0, missing.1.to_owned()));
        assert_eq!(call_as(&program, ADMIN_KEY, Method::GET, "tenants/two.example", "").await, (404, String::new()));
    }
}

#[tokio::test]
async fn what_it_cannot_say_of_a_tenant_is_kept() {
    let program = Program::start(settings()).await;
    let tenant = Tenant {
        host: "school.example".to_owned(),
        secrets: vec!["new".to_owned(), "old".to_owned()],
        tags: vec!["gpu".to_owned()],
        user_pool: Some(7),
        ..Tenant::default()
    };
    let request = PutTenantRequest { tenant: Some(tenant), dry_run: false };
    program.admin().put_tenant(request).await.unwrap();
    let body = json!({ "spec": { "host": "school.example", "secret": "old", "meeting_pool": -1, "user_pool": 9 } });
    assert_eq!(post(&program, "tenants", &body).await.0, 201);
    let request = GetTenantRequest { host: "school.example".to_owned(), with_secrets: true };
    let known = program.admin().get_tenant(request).await.unwrap().into_inner();
    assert_eq!(known.secrets, ["new", "old"]);
    assert_eq!((known.tags, known.meeting_pool, known.user_pool), (vec!["gpu".to_owned()], None, Some(9)));

    // A file for `apply` that says more than the originals' command lines understand.
    for said in ["secrets", "algorithms", "tags", "voice_bridges", "owns_unlabelled", "parameters"] {
        let (status, text) =
            post(&program, "tenants", &json!({ "spec": { "host": "school.example", said: {} } })).await;
        let reason =
            format!("spec.{said} cannot be said to /admin/api; apply the file with the b3lbctl of this version");
        assert_eq!((status, text), (400, format!("Body does not bind Tenant object: {reason}")));
    }
    let other = json!({ "spec": { "host": "school.example", "secret": "old", "colour": "blue" } });
    assert_eq!(post(&program, "tenants", &other).await.0, 201);
}

#[tokio::test]
async fn the_cluster_and_the_configuration_have_the_names_of_both_originals() {
    let [a] = &simulated().await;
    let program = program_with([a]).await;
    place(&program, wish("physics")).await.unwrap();
    let instance = json!({
        "host": a.url(), "cpu": null, "mem": null, "api_status": "Up",
        "active_meetings": 1, "active_participants": 0, "meetings": 1, "participants": 0,
    });
    assert_eq!(get(&program, "cluster").await, (200, json!([instance])));
    let frontends = json!({ "secret": GLOBAL_SECRET, "recordingsPollInterval": "15m" });
    let expected = json!({
        "bigbluebutton": frontends,
        "bigblueswarm": frontends,
        "admin": { "apiKey": ADMIN_KEY },
        "balancer": { "metricsRange": "-5m", "cpuLimit": 100, "memLimit": 100, "aggregationInterval": "10s" },
        "port": 8080,
        "redis": { "address": "", "password": "", "database": 0 },
        "influxdb": { "address": "", "token": "", "organization": "", "bucket": "" },
    });
    assert_eq!(get(&program, "configurations").await, (200, expected));
}
