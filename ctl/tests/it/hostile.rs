//! What is not as it should be: texts that a terminal would obey, files without an end, whoever does not answer.

use crate::{ControlPlane, b3lbctl, command};
use std::fs::OpenOptions;
use std::process::Stdio;
use tokio::net::TcpListener;

/// A tenant whose contact clears the screen, sets the colour in the way of old terminals, and turns the text round.
const TENANT: &str = r#"
kind: Tenant
spec: {host: school.example.org, secret: s}
metadata: {contact: "a\e[2Jb\x9B31m\u202Ec\nd"}
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_is_shown_commands_as_text() {
    let control_plane = ControlPlane::start(None).await;
    let address = format!("http://127.0.0.1:{}", control_plane.port);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tenant.yml").to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| b3lbctl(&[&["--address", &address], arguments].concat());
    std::fs::write(&file, "kind: Tenant\nspec: {host: school.example.org, secret: s}\n").unwrap();
    assert_eq!(run(&["apply", "-f", &file]).0, Some(0));
    std::fs::write(&file, TENANT).unwrap();
    let (code, out, _) = run(&["apply", "-f", &file]);
    let shown = r"~ tenant school.example.org: metadata.contact: none → a\u001b[2Jb\u{9b}31m\u{202e}c\nd";
    assert_eq!((code, out), (Some(0), format!("{shown}\n")));
    let (_, json, _) = run(&["get", "tenants", "-o", "json"]);
    assert!(json.contains(r#""a\u001b[2Jb\u009b31m\u202ec\nd""#), "{json}");
    let known: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(known[0]["metadata"]["contact"], "a\u{1b}[2Jb\u{9b}31m\u{202e}c\nd");
    let (_, csv, _) = run(&["get", "tenants", "-o", "csv"]);
    assert!(csv.contains("a\u{1b}[2Jb\u{9b}31m\u{202e}c\nd"), "programs read what there is: {csv}");
    let (_, yaml, _) = run(&["describe", "tenants"]);
    std::fs::write(&file, yaml).unwrap();
    assert_eq!(run(&["apply", "-f", &file]).1, "= tenant school.example.org\n");
    let (code, _, said) = run(&["delete", "tenant", "a\u{1b}[2J"]);
    assert!(code == Some(1) && !said.contains('\u{1b}'), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_reads_messages_the_work_is_done_all_the_same() {
    let control_plane = ControlPlane::start(None).await;
    let address = format!("http://127.0.0.1:{}", control_plane.port);
    assert_eq!(b3lbctl(&["--address", &address, "status"]).0, Some(0));
    for (arguments, code) in
        [(["add", "tenant", "a.example.org", "--secret=s"], 0), (["get", "tenant", "b.example.org", "--secrets"], 1)]
    {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = command(&[&["--address", &address], &arguments[..]].concat());
        let status = command.stdout(Stdio::null()).stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_connection_and_says_nothing_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let said = format!("b3lbctl: the control plane at {address} does not answer in time\n");
    let drain = ["--address", &address, "drain", "https://bbb1.example.org", "--wait", "--timeout", "1s"];
    assert_eq!(b3lbctl(&drain), (Some(1), String::new(), said));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_on_this_side_is_told_before_anybody_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file").to_str().unwrap().to_owned();
    for (text, arguments, says) in [
        ("kind: Tenant\nspec: {host: a, user_pool: 9999999999}\n", &["apply", "-f"][..], "user_pool is 9999999999"),
        ("kind: Tenant\nkind: Tenant\n", &["apply", "-f"], ":2: a key that was there before"),
        ("b3lb: http://127.0.0.1:1\n---\nb3lb: http://127.0.0.1:2\n", &["status", "--config"], "several documents"),
        ("b3lb: http://127.0.0.1:99999\n", &["status", "--config"], "is no address of a control plane"),
        ("b3lb: http://me:secret@127.0.0.1:1\n", &["status", "--config"], "this is no address of a control plane"),
    ] {
        std::fs::write(&file, text).unwrap();
        let (code, out, said) = b3lbctl(&[arguments, &[&file]].concat());
        assert!(code == Some(2) && out.is_empty() && said.contains(says), "{text}: {said}");
        assert!(!said.contains("secret"), "{said}");
    }
    let (code, _, said) = b3lbctl(&["apply", "-f", "/dev/zero"]);
    assert!(code == Some(2) && said.contains("/dev/zero: has more than"), "{said}");
    let nowhere = command(&["init", "instances"]).env("HOME", "").current_dir(&dir).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(2), "a home without a name is none");
    assert!(!dir.path().join(".b3lb").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_asked_is_told_so_before_the_instance_is_cordoned() {
    let control_plane = ControlPlane::start(None).await;
    let address = format!("http://127.0.0.1:{}", control_plane.port);
    let run = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        b3lbctl(&[&["--address", &address], &arguments[..]].concat())
    };
    let instance = "https://bbb1.example.org/bigbluebutton";
    assert_eq!(run(&format!("add instance {instance} --secret s")).0, Some(0));
    let (code, _, said) = run(&format!("add instance {instance} --secret s"));
    assert!(code == Some(1) && said.contains("already; `b3lbctl apply` changes it"), "{said}");
    assert_eq!(run(&format!("drain {instance} --end-meetings")).0, Some(1));
    assert!(run("get instances").1.contains("open"));
}
