//! Commands that stay, and what they say when something happens.

use crate::pool::{KEY, Pool, Store};
use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

const INSTANCE: &str = "http://INSTANCE-A/bigbluebutton";

fn start(pool: &Pool, line: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_b3lbctl"));
    command.args(pool.filled(line).split(' ')).env_clear().env("B3LB_ADMIN_API_KEY", KEY);
    command.env("B3LB_ADDRESS", pool.filled("http://CONTROL-PLANE"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs one that ends by itself; its stderr.
fn run(pool: &Pool, line: &str) -> String {
    let output = start(pool, line).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{line}: {said}");
    said
}

/// Reads until a line has this in it.
fn until<R: Read>(lines: &mut Lines<BufReader<R>>, wanted: &str) {
    let found = lines.map(Result::unwrap).any(|line| line.contains(wanted));
    assert!(found, "{wanted:?} does not come");
}

fn stdout(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

fn stderr(child: &mut Child) -> Lines<BufReader<ChildStderr>> {
    BufReader::new(child.stderr.take().unwrap()).lines()
}

/// A pool of one instance with one meeting, and the meeting's id.
async fn pool_with_a_meeting() -> (Pool, String) {
    let pool = Pool::start(Store::Embedded).await;
    run(&pool, &format!("add instance {INSTANCE} --secret instances-secret"));
    let said = run(&pool, "test --proxy http://PROXY");
    let id = said.lines().find_map(|line| line.strip_prefix("created ")).unwrap().to_owned();
    (pool, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_watched_shows_what_changes() {
    let pool = Pool::start(Store::Embedded).await;
    let mut watch = start(&pool, "status --watch -o csv");
    let mut lines = stdout(&mut watch);
    until(&mut lines, "url,admission,online");
    run(&pool, &format!("add instance {INSTANCE} --secret instances-secret"));
    until(&mut lines, ",open,true,");
    run(&pool, &format!("cordon {INSTANCE}"));
    until(&mut lines, ",cordoned,true,");
    watch.kill().unwrap();
    watch.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_with_the_last_meeting() {
    let (pool, id) = pool_with_a_meeting().await;
    let mut drain = start(&pool, &format!("drain {INSTANCE} --wait"));
    let mut lines = stderr(&mut drain);
    until(&mut lines, "takes no new meetings; 1 meetings with 0 users are left");
    run(&pool, &format!("end meeting * {id} --yes"));
    until(&mut lines, "is empty");
    assert_eq!(drain.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_fails_when_its_instance_is_opened_again() {
    let (pool, _) = pool_with_a_meeting().await;
    let mut drain = start(&pool, &format!("drain {INSTANCE} --wait"));
    let mut lines = stderr(&mut drain);
    until(&mut lines, "takes no new meetings; 1 meetings with 0 users are left");
    run(&pool, &format!("uncordon {INSTANCE}"));
    until(&mut lines, "was opened again meanwhile");
    assert_eq!(drain.wait().unwrap().code(), Some(1));
}
