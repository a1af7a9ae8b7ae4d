//! `b3lbctl` as operators call it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod hostile;
mod pool;
mod sessions;
mod staying;

use b3lb_config::settings::{Settings, Tls};
use bbb::Secret;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use pool::KEY;

/// A control plane, which ends when this is dropped.
struct ControlPlane {
    port: u16,
    _end: DropGuard,
}

impl ControlPlane {
    async fn start(tls: Option<Tls>) -> Self {
        let mut settings = Settings::default();
        settings.admin.api_key = Some(Secret::new(KEY));
        settings.control_plane.tls = tls;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let end = shutdown.clone().drop_guard();
        tokio::spawn(async move { b3lb_control_plane::run(&settings, listener, shutdown).await.unwrap() });
        Self { port, _end: end }
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_b3lbctl"));
    command.args(arguments).env_clear().env("B3LB_ADMIN_API_KEY", KEY);
    command
}

/// Exit code, stdout and stderr; asks again while the control plane still loads its store.
fn b3lbctl(arguments: &[&str]) -> (Option<i32>, String, String) {
    loop {
        let output = command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (code, out, said) = (output.status.code(), text(output.stdout), text(output.stderr));
        if !said.contains("not loaded yet") {
            return (code, out, said);
        }
    }
}

/// Files that make up TLS: of an authority, and of a name that it signed.
fn certificates(dir: &TempDir, name: &str) -> Tls {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let signed = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    Tls {
        certificate: file("certificate.pem", &signed.pem()),
        key: file("key.pem", &key.serialize_pem()),
        client_ca: Some(file("ca.pem", &issuer.pem())),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_that_is_away_is_told_once() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let said = format!("b3lbctl: no control plane answers at http://{free}: Connection refused (os error 111)\n");
    let address = format!("http://{free}");
    assert_eq!(b3lbctl(&["--address", &address, "status"]), (Some(1), String::new(), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_is_asked_over_tls_with_a_certificate_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let tls = certificates(&dir, "localhost");
    let control_plane = ControlPlane::start(Some(tls.clone())).await;
    let address = format!("https://localhost:{}", control_plane.port);
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (ca, certificate, key) = (path(&tls.client_ca.unwrap()), path(&tls.certificate), path(&tls.key));
    let known = ["--address", &address, "--ca-file", &ca, "--certificate", &certificate, "--certificate-key", &key];
    let (code, out, said) = b3lbctl(&[&known[..], &["status"]].concat());
    assert!(code == Some(0) && out.starts_with("0 tenants, 0 meetings"), "{code:?} {out} {said}");
    let (code, _, said) = b3lbctl(&[&known[..4], &["status"]].concat());
    assert!(code == Some(1) && said.contains("broke off"), "without a certificate: {said}");
    let (code, _, said) = b3lbctl(&["--address", &address, "--ca-file", &key, "status"]);
    assert!(code == Some(2) && said.contains("has no certificate"), "with another file: {said}");
    let said = "is not trusted: invalid peer certificate: UnknownIssuer; --ca-file names who else is";
    let said = format!("b3lbctl: the certificate of {address} {said}\n");
    assert_eq!(b3lbctl(&["--address", &address, "status"]), (Some(1), String::new(), said), "without trust");
    let clear = address.replace("https", "http");
    let said = "broke off: what answers there is no control plane, wants https://, or has just gone";
    let said = format!("b3lbctl: the connection to {clear} {said}\n");
    assert_eq!(b3lbctl(&["--address", &clear, "status"]), (Some(1), String::new(), said), "without TLS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_plane_without_tls_is_told_from_one_that_is_away() {
    let control_plane = ControlPlane::start(None).await;
    let address = format!("https://127.0.0.1:{}", control_plane.port);
    let said = "speaks no TLS; its address may begin with http://";
    let said = format!("b3lbctl: what answers at {address} {said}\n");
    assert_eq!(b3lbctl(&["--address", &address, "status"]), (Some(1), String::new(), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_had_enough_is_no_reason_to_panic() {
    let control_plane = ControlPlane::start(None).await;
    let arguments = ["--address", &format!("http://127.0.0.1:{}", control_plane.port), "status"];
    assert_eq!(b3lbctl(&arguments).0, Some(0));
    let mut child = command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.as_str()), (Some(1), "b3lbctl: stdout: Broken pipe (os error 32)\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_given_what_the_command_line_says() {
    let control_plane = ControlPlane::start(None).await;
    let address = format!("http://127.0.0.1:{}", control_plane.port);
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        b3lbctl(&[&["--address", &address], &arguments[..]].concat())
    };
    let instance = "add instance https://bbb1.example.org --secret s --checksum sha512 --tag big --signs-forms";
    assert_eq!(run(instance).0, Some(0));
    let (code, _, said) = run(
        "add tenant school.example.org --secret new --secret old --secret-id 2027 --secret-id 2026 \
         --algorithm sha256 --tag big --meeting-pool 20 --user-pool 300 --voice-bridges 5 --owns-unlabelled \
         --create-default welcome=Hello=all --create-override record=false --create-removed logo --join-override guest=true \
         --duration-max 90 --slides https://files.example.org/a.pdf",
    );
    assert_eq!(code, Some(0), "{said}");
    let (_, out, _) = run("get tenants");
    for word in ["school.example.org", "tag:big", " 20 ", " 300 ", "2027 2026"] {
        assert!(out.contains(word), "{word}: {out}");
    }
    assert!(!out.contains("new"), "{out}");
    assert!(run("get tenants --secrets").1.contains("2027=new 2026=old"));
    for (arguments, says) in [
        ("add tenant t --secret s --create-override meetingID=x", "\"meetingID\" is no parameter that can be changed"),
        ("add tenant t --secret s --create-default x", "it would be NAME=VALUE"),
        ("add tenant t --secret s --voice-bridges many", "a number of digits"),
        ("add tenant t --secret s --voice-bridges 5-1", "5-1 is no range of voice bridges"),
        ("add tenant t --secret s --owns-unlabelled", "school.example.org owns recordings that name no tenant"),
        ("add tenant t --secret s --secret-id a --secret-id b", "are 2 for 1 secrets"),
        ("add instance https://b.example.org --secret s --tag a,b", "\"a,b\" is no name"),
    ] {
        let (code, out, said) = run(arguments);
        assert!(code != Some(0) && out.is_empty() && said.contains(says), "{arguments}: {said}");
    }
}
