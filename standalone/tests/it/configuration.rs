use std::process::{Command, Output};

/// Starts `b3lb` with this configuration file, an otherwise empty environment, and arguments in which `FILE` stands for the file.
fn b3lb(configuration: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("b3lb.yaml");
    std::fs::write(&file, configuration).unwrap();
    let arguments = arguments.iter().map(|argument| argument.replace("FILE", file.to_str().unwrap()));
    let output: Output = Command::new(env!("CARGO_BIN_EXE_b3lb")).args(arguments).env_clear().output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap().replace(&format!("{}/", dir.path().display()), "");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

const GOOD: &str = "admin: {api_key: hunter2}\n";

#[test]
fn a_good_configuration_passes_the_check_with_either_dash() {
    let ok = (Some(0), "b3lb.yaml: ok\n".to_owned(), String::new());
    for arguments in
        [&["--config", "FILE", "--check"][..], &["-config", "FILE", "--check"], &["-config=FILE", "--check"]]
    {
        assert_eq!(b3lb(GOOD, arguments), ok, "{arguments:?}");
    }
}

#[test]
fn the_check_passes_on_warnings() {
    let warning =
        "warning: b3lb.yaml:1: admin.url: has no meaning: operators reach the control plane at control_plane.listen\n";
    let passed = (Some(0), "b3lb.yaml: ok\n".to_owned(), warning.to_owned());
    assert_eq!(b3lb("admin: {url: u, api_key: hunter2}\n", &["--config", "FILE", "--check"]), passed);
}

#[test]
fn a_certificate_that_has_ended_earns_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let (certificate, key_file) = (dir.path().join("own.pem"), dir.path().join("own.key"));
    std::fs::write(&certificate, params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(&key_file, key.serialize_pem()).unwrap();
    let (certificate, key) = (certificate.display(), key_file.display());
    let configuration = format!("{GOOD}data_plane: {{tls: {{certificate: {certificate}, key: {key}}}}}\n");
    let warning = format!("warning: {certificate}: the certificate has ended; who verifies it does not connect\n");
    assert_eq!(
        b3lb(&configuration, &["--config", "FILE", "--check"]),
        (Some(0), "b3lb.yaml: ok\n".to_owned(), warning)
    );
}

#[test]
fn a_bad_configuration_is_refused_with_and_without_the_check() {
    let refused = (Some(2), String::new(), "b3lb.yaml:2: port: \"http\" is not a port from 1 to 65535\n".to_owned());
    assert_eq!(b3lb(&format!("{GOOD}port: http\n"), &["--config", "FILE", "--check"]), refused);
    assert_eq!(b3lb(&format!("{GOOD}port: http\n"), &["--config", "FILE"]), refused);
}

#[test]
fn a_ca_file_that_is_missing_fails_the_check() {
    let configuration = format!("{GOOD}upstream: {{ca_file: /nowhere/ca.pem}}\n");
    let reason = "/nowhere/ca.pem: no certificates can be read: I/O error: No such file or directory (os error 2)\n";
    let refused = (Some(2), String::new(), reason.to_owned());
    assert_eq!(b3lb(&configuration, &["--config", "FILE", "--check"]), refused);
}

#[test]
fn what_the_control_plane_could_not_begin_with_fails_the_check() {
    let dir = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str, text: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (certificate, key) = (file("own.pem", signed.cert.pem()), file("key.pem", signed.signing_key.serialize_pem()));
    let half = file("half.pem", signed.cert.pem()[..200].to_owned());
    let pair = format!("certificate: {certificate}, key: {key}");
    let https = "data_plane: {control_planes: ['https://localhost:8091']}\n";
    let with = |tls: &str, more: &str| format!("{GOOD}control_plane: {{tls: {{{tls}}}}}\n{more}");
    for (configuration, reason) in [
        (
            "control_plane: {proxy_token: hunter2}\n".to_owned(),
            "admin.api_key is missing: operators and proxies show it to the control plane, so it cannot start without one",
        ),
        (
            with(&format!("certificate: /nowhere/own.pem, key: {key}"), https),
            "control_plane.tls.certificate: /nowhere/own.pem: I/O error: No such file or directory (os error 2)",
        ),
        (
            with(&format!("certificate: {half}, key: {key}"), https),
            &*format!("control_plane.tls.certificate: {half}: it breaks off"),
        ),
        (
            with(&format!("certificate: {certificate}, key: {certificate}"), https),
            &*format!("control_plane.tls.key: {certificate}: there is none in it"),
        ),
        (
            with(&pair, ""),
            "data_plane.control_planes: needs an https url that the certificate of control_plane.tls is for",
        ),
        (
            with(&format!("{pair}, client_ca: {certificate}"), https),
            "control_plane.tls.client_ca: would keep out the proxy, which has no data_plane.client_tls to show",
        ),
        (
            format!("{GOOD}redis: {{address: 'rediss://localhost', ca_file: /nowhere/ca.pem}}\n"),
            "the store cannot be used: redis.ca_file or redis.certificate: /nowhere/ca.pem: no certificates can be read: I/O error: \
             No such file or directory (os error 2)",
        ),
    ] {
        let refused = (Some(2), String::new(), format!("{reason}\n"));
        assert_eq!(b3lb(&configuration, &["--config", "FILE", "--check"]), refused);
    }
    assert_eq!(b3lb(&with(&pair, https), &["--config", "FILE", "--check"]).0, Some(0));
}

#[test]
fn the_exit_code_tells_even_if_nobody_reads_what_is_said() {
    for (configuration, code) in [(GOOD, 0), ("port: http\n", 2)] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("b3lb.yaml");
        std::fs::write(&file, configuration).unwrap();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_b3lb"));
        command.arg("--check").arg("--config").arg(&file).env_clear();
        let status = command.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code));
    }
}

#[test]
fn the_version_is_told() {
    let version = format!("b3lb {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(b3lb(GOOD, &["--version"]), (Some(0), version, String::new()));
}
