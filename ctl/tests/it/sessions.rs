//! Sessions of operators, as transcripts in `tests/sessions`: every command in them is run against a live pool, and everything it prints, and
//! its exit code, must be what stands there.
//!
//! A line that begins with `$ ` is a command, and what follows is its stdout, then its stderr behind `2> `, then `? CODE` if that is not 0.
//! `% checked` waits until the control plane has looked at the pool again; other lines with `% ` are for readers. With `B3LB_TEST_WRITE=1` the transcripts are written anew.

use crate::pool::{Pool, Store};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

async fn replay(name: &str, pool: &Pool) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(name);
    let expected = std::fs::read_to_string(&path).unwrap();
    let dir = tempfile::tempdir().unwrap();
    copy_files(&path.with_extension(""), dir.path(), pool);
    let mut transcript = String::new();
    for line in expected.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            writeln!(transcript, "$ {command}").unwrap();
            transcript.push_str(&run(command, dir.path(), pool).await);
        } else if line.starts_with("% ") {
            writeln!(transcript, "{line}").unwrap();
        }
        if line == "% checked" {
            pool.checked().await;
        }
    }
    if std::env::var_os("B3LB_TEST_WRITE").is_some() {
        std::fs::write(&path, &transcript).unwrap();
    }
    assert_eq!(transcript, expected, "{name}\n{transcript}");
}

/// Puts what lies beside a transcript into the directory that its commands run in.
fn copy_files(from: &Path, to: &Path, pool: &Pool) {
    let Ok(files) = std::fs::read_dir(from) else { return };
    for file in files {
        let file: PathBuf = file.unwrap().path();
        let text = pool.filled(&std::fs::read_to_string(&file).unwrap());
        std::fs::write(to.join(file.file_name().unwrap()), text).unwrap();
    }
}

/// Runs one line as a shell would.
async fn run(line: &str, dir: &Path, pool: &Pool) -> String {
    let binaries = Path::new(env!("CARGO_BIN_EXE_b3lbctl")).parent().unwrap().to_owned();
    let (line, dir, home) = (pool.filled(line), dir.to_owned(), dir.display().to_string());
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("sh");
        command.args(["-c", &line]).current_dir(&dir).env_clear().stdin(Stdio::null());
        command.env("HOME", &dir).env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display()));
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let text = |bytes| pool.blanked(&String::from_utf8(bytes).unwrap()).replace(&home, "~");
    let (out, err) = (text(output.stdout), text(output.stderr));
    let mut told: String = out.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    told.extend(err.lines().map(|line| format!("2> {line}\n")));
    match output.status.code() {
        Some(0) => {}
        code => writeln!(told, "? {}", code.unwrap()).unwrap(),
    }
    told
}

/// Once with each store.
async fn replay_all(name: &str, prepare: impl AsyncFn(&Pool)) {
    for store in [Store::Embedded, Store::Redis] {
        let pool = Pool::start(store).await;
        prepare(&pool).await;
        replay(name, &pool).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files() {
    replay_all("files.txt", async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances() {
    replay_all("instances.txt", async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_and_meetings() {
    replay_all("meetings.txt", async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn import() {
    let running = [(0, "labelled", "red.example"), (0, "unlabelled", ""), (1, "bare-id", "")];
    replay_all("import.txt", async |pool| {
        for (instance, id, label) in running {
            pool.create(instance, id, label).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals() {
    replay_all("refusals.txt", async |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terminal() {
    replay("terminal.txt", &Pool::start(Store::Embedded).await).await;
}
