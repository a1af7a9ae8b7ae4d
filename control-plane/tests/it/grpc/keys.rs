//! Whose key opens what.

use crate::program::{ADMIN_KEY, PROXY_TOKEN, Program, settings};
use b3lb_config::Settings;
use b3lb_control_plane::grpc::{Keys, NoAdminKey};
use b3lb_proto::v1::{FindRequest, StatusRequest};
use bbb::Secret;
use tonic::Code;

/// What Admin and Placement answer to one who shows this.
async fn answers(program: &Program, authorization: Option<&str>) -> [Code; 2] {
    let status = program.admin_as(authorization).status(StatusRequest {}).await;
    let find = FindRequest { tenant: "*".to_owned(), key: vec![0; 20] };
    let found = program.placement_as(authorization).find(find).await;
    [status.err().map_or(Code::Ok, |e| e.code()), found.err().map_or(Code::Ok, |e| e.code())]
}

#[tokio::test]
async fn a_key_opens_what_it_is_for_however_it_is_written() {
    let program = Program::start(settings()).await;
    let bearer = |key: &str| format!("Bearer {key}");
    for admin in [bearer(ADMIN_KEY), ADMIN_KEY.to_owned(), format!("bearer  {ADMIN_KEY} ")] {
        assert_eq!(answers(&program, Some(&admin)).await, [Code::Ok, Code::Ok], "{admin}");
    }
    for proxy in [bearer(PROXY_TOKEN), PROXY_TOKEN.to_owned()] {
        assert_eq!(answers(&program, Some(&proxy)).await, [Code::PermissionDenied, Code::Ok], "{proxy}");
    }
    for wrong in [None, Some(""), Some("Bearer"), Some("Bearer "), Some("Bearer x"), Some("Basic the admin key")] {
        assert_eq!(answers(&program, wrong).await, [Code::Unauthenticated, Code::Unauthenticated], "{wrong:?}");
    }
}

#[tokio::test]
async fn without_a_token_of_their_own_proxies_show_the_admin_key() {
    let mut settings = settings();
    settings.control_plane.proxy_token = None;
    let program = Program::start(settings).await;
    assert_eq!(answers(&program, Some(ADMIN_KEY)).await, [Code::Ok, Code::Ok]);
    assert_eq!(answers(&program, Some("")).await, [Code::Unauthenticated, Code::Unauthenticated]);
}

#[tokio::test]
async fn a_refusal_names_no_key() {
    let program = Program::start(settings()).await;
    let refusal = program.admin_as(Some("Bearer nearly the admin key")).status(StatusRequest {}).await.unwrap_err();
    let expected = "the key shown is none of this control plane's; call with `authorization: Bearer <admin key>`";
    assert_eq!(refusal.message(), expected);
}

#[tokio::test]
async fn strangers_give_metrics_no_names() {
    let program = Program::start(settings()).await;
    for number in 0..10 {
        program.get(&format!("/b3lb.v1.Admin/Stranger{number}")).await;
    }
    program.admin_as(None).status(StatusRequest {}).await.unwrap_err();
    let (_, metrics) = program.get("/metrics").await;
    let mut counted: Vec<_> = metrics.lines().filter(|line| line.starts_with("b3lb_admin_calls_total")).collect();
    counted.sort_unstable();
    let expected = ["Status", "unknown"].map(|method| (method, if method == "Status" { 1 } else { 10 }));
    let expected = expected.map(|(method, count)| {
        format!("b3lb_admin_calls_total{{method=\"{method}\",code=\"Unauthenticated\"}} {count}")
    });
    assert_eq!(counted, expected);
}

#[test]
fn nothing_starts_without_an_admin_key() {
    let mut settings = Settings::default();
    assert_eq!(Keys::new((&settings).into()).unwrap_err(), NoAdminKey);
    settings.admin.api_key = Some(Secret::new(""));
    assert!(Keys::new((&settings).into()).unwrap_err().to_string().starts_with("admin.api_key is missing"));
}
