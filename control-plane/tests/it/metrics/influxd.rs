//! The source that asks InfluxDB, against a real one.

use super::wire::{Answer, send};
use super::{PATIENCE, Running, recorded, replica, samples_of_recorded_pool, settings};
use b3lb_control_plane::clock;
use b3lb_control_plane::metrics::Metrics;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use url::form_urlencoded;

/// Names the program of InfluxDB 2 to test with. It cannot be installed everywhere.
const PROGRAM: &str = "B3LB_TEST_INFLUXD";

/// Flux would evaluate parts of this name if it were not escaped.
const BUCKET: &str = r"a \n bucket of ${1 + 1}";

/// An InfluxDB of its own, set up with an organization, a bucket and a token.
struct Influxd {
    process: Child,
    address: SocketAddr,
    _directory: tempfile::TempDir,
}

impl Influxd {
    async fn start(program: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let process = Command::new(program)
            .arg(format!("--http-bind-address={address}"))
            .arg(format!("--bolt-path={}", directory.path().join("influxd.bolt").display()))
            .arg(format!("--engine-path={}", directory.path().join("engine").display()))
            .arg(format!("--sqlite-path={}", directory.path().join("influxd.sqlite").display()))
            .arg("--reporting-disabled")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let influxd = Self { process, address, _directory: directory };
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(PATIENCE, listens).await.expect("influxd does not listen");
        let setup = format!(
            r#"{{"username":"b3lb","password":"password","org":"b3lb","bucket":{BUCKET:?},"token":"devtoken"}}"#
        );
        assert_eq!(influxd.post("/api/v2/setup", &setup).await.status, 201);
        influxd
    }

    async fn post(&self, path: &str, body: &str) -> Answer {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: influxdb\r\nauthorization: Token devtoken\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        );
        send(self.address, request.as_bytes()).await
    }
}

impl Drop for Influxd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_real_influxdb_says_what_was_written_to_it() {
    let Ok(program) = std::env::var(PROGRAM) else {
        println!("not run: {PROGRAM} names no influxd");
        return;
    };
    let influxd = Influxd::start(&program).await;
    let mut settings = settings();
    settings.influxdb.address = Some(format!("http://{}", influxd.address).parse().unwrap());
    settings.influxdb.bucket = BUCKET.to_owned();
    let mut running = Running::start(Metrics::new(&settings, replica()).unwrap());
    let nothing = "InfluxDB knows no measurement of cpu or mem within the range";
    assert_eq!(running.first().await.error.as_deref(), Some(nothing));

    let shift = super::shift_to_now();
    let lines = super::retimed(std::str::from_utf8(recorded!("pool.lp")).unwrap(), |seconds| seconds * 1000 + shift);
    let bucket: String = form_urlencoded::byte_serialize(BUCKET.as_bytes()).collect();
    let written = influxd.post(&format!("/api/v2/write?org=b3lb&bucket={bucket}&precision=ms"), &lines).await;
    assert_eq!(written.status, 204, "{}", written.text());
    let written_at = clock::now();
    let readings = running.when(|readings| readings.read_at > written_at && readings.error.is_none()).await;
    assert_eq!(readings.samples, samples_of_recorded_pool(shift));

    settings.influxdb.bucket = "nope".to_owned();
    let mut nowhere = Running::start(Metrics::new(&settings, replica()).unwrap());
    let error = nowhere.first().await.error.clone().unwrap();
    let unknown = "failed to initialize execute state: could not find bucket \"nope\"";
    assert_eq!(error, format!("InfluxDB refused the query: 404, {unknown}"));

    drop(influxd);
    let last = running.when(|readings| readings.error.is_some()).await;
    assert_eq!(last.samples, readings.samples);
}
