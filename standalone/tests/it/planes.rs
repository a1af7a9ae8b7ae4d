use bbb::Secret;
use bbb::checksum::Algorithm;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// How long a program of this size may take to start or end on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Ends the program however the test ends.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn one_file_runs_both_planes_until_sigterm() {
    let dir = tempfile::tempdir().unwrap();
    let [port, control, admin] = free_ports();
    let file = dir.path().join("b3lb.yaml");
    let state = dir.path().join("state");
    std::fs::write(
        &file,
        format!(
            "bigbluebutton: {{secret: s}}\nadmin: {{api_key: key}}\nport: {port}\nstate_dir: {}\n\
             control_plane: {{listen: '127.0.0.1:{control}'}}\ndata_plane: {{admin_listen: '127.0.0.1:{admin}', workers: 1}}\n",
            state.display()
        ),
    )
    .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_b3lb"));
    let child = command.arg("--config").arg(&file).env_clear().stderr(Stdio::piped()).spawn().unwrap();
    let mut running = Running(child);

    until("the proxy has the pool", || get(admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")));
    until("the control plane is ready", || {
        get(control, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
    });
    let version = get(port, "/bigbluebutton/api").unwrap();
    assert!(version.contains("<returncode>SUCCESS</returncode>"), "{version}");

    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let log: Vec<String> = BufReader::new(running.0.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
    assert_eq!(running.0.wait().unwrap().code(), Some(0), "{}", log.join("\n"));
    assert!(state.exists());
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_b3lb"))
        .env_clear()
        .env("B3LB_ADMIN_API_KEY", "key")
        .env("B3LB_CONTROL_PLANE_LISTEN", address.to_string())
        .output()
        .unwrap();
    let said = format!("control_plane.listen: cannot listen on {address}: Address already in use (os error 98)\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), said));
}

#[test]
fn an_address_that_frontends_call_and_is_taken_is_named() {
    let taken = TcpListener::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let [control, admin] = free_ports();
    let output = Command::new(env!("CARGO_BIN_EXE_b3lb"))
        .env_clear()
        .env("B3LB_ADMIN_API_KEY", "key")
        .env("B3LB_PORT", port.to_string())
        .env("B3LB_CONTROL_PLANE_LISTEN", format!("127.0.0.1:{control}"))
        .env("B3LB_DATA_PLANE_ADMIN_LISTEN", format!("127.0.0.1:{admin}"))
        .output()
        .unwrap();
    let said = format!("port: cannot listen on {port}: Address already in use (os error 98)\n");
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(1), said));
}

#[test]
fn a_reader_of_the_log_that_stops_reading_stops_no_call() {
    let [port, control, admin] = free_ports();
    let mut command = Command::new(env!("CARGO_BIN_EXE_b3lb"));
    command.env_clear().env("B3LB_ADMIN_API_KEY", "key").env("B3LB_PORT", port.to_string());
    command.env("B3LB_CONTROL_PLANE_LISTEN", format!("127.0.0.1:{control}"));
    command.env("B3LB_DATA_PLANE_ADMIN_LISTEN", format!("127.0.0.1:{admin}")).env("B3LB_LOG_LEVEL", "trace");
    command.env("B3LB_DATA_PLANE_CONTROL_PLANES", format!("http://127.0.0.1:{control}"));
    command.env("B3LB_DATA_PLANE_SHUTDOWN_GRACE", "0s");
    command.env("B3LB_BIGBLUEBUTTON_SECRET", "secret");
    let create = Algorithm::Sha256.sign_query("create", "meetingID=m1&name=m1", &Secret::new("secret"));
    // Pipes of Linux hold 64 KiB, and nobody reads these.
    let mut running = Running(command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    until("the proxy has the pool", || get(admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")));
    until("lines are left out, and every call is answered", || {
        // That there is no instance to place a meeting on is logged, and at this level what is said between the planes as well.
        for _ in 0..100 {
            let answer = get(port, &format!("/bigbluebutton/api/create?{create}")).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
        let metrics = get(admin, "/metrics").unwrap();
        let dropped = metrics.lines().find_map(|line| line.strip_prefix("b3lb_log_dropped_total "));
        dropped.is_some_and(|dropped| dropped != "0")
    });
    let pid = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(running.0.wait().unwrap().code(), Some(0));
}
