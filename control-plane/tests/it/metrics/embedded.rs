//! The endpoint that telegraf writes to, against recorded requests.

use super::wire::{chunks, send, serve};
use super::{Running, recorded, replica, retimed, samples_of_recorded_pool, settings, shift_to_now, url};
use b3lb_config::Settings;
use b3lb_control_plane::clock;
use b3lb_control_plane::metrics::{Metrics, Readings, Sample};
use bbb::Secret;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

/// An endpoint and what is read from it.
pub(super) struct Embedded {
    pub(super) address: SocketAddr,
    pub(super) running: Running,
}

impl Embedded {
    pub(super) async fn start(settings: &Settings) -> Self {
        let metrics = Metrics::new(settings, replica()).unwrap();
        let address = serve(metrics.router()).await;
        let running = Running::start(metrics);
        let mut embedded = Self { address, running };
        embedded.running.first().await;
        embedded
    }

    /// Writes lines, as plain text; the status of the answer.
    async fn write(&self, parameters: &str, lines: &str) -> u16 {
        let request = format!(
            "POST /api/v2/write?{parameters} HTTP/1.1\r\nhost: b3lb\r\nauthorization: Token devtoken\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{lines}",
            lines.len()
        );
        send(self.address, request.as_bytes()).await.status
    }

    /// The readings once they contain what was written, which is at the next one.
    async fn readings(&mut self) -> Arc<Readings> {
        let seen = clock::now();
        self.running.when(|readings| readings.read_at > seen).await
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A recorded request with another body.
fn request(headers: &[u8], body: &[u8]) -> Vec<u8> {
    let headers = std::str::from_utf8(headers).unwrap().trim_end();
    let mut request = format!("{headers}\r\nConnection: close\r\n\r\n").into_bytes();
    request.extend(chunks(body));
    request
}

const TO_BUCKET: &str = "org=b3lb&bucket=bucket";

#[tokio::test]
async fn what_telegraf_sends_is_taken() {
    let mut embedded = Embedded::start(&settings()).await;
    for (headers, body) in [
        (recorded!("telegraf/request-1.headers"), recorded!("telegraf/request-1.body.gz")),
        (recorded!("telegraf/request-2.headers"), recorded!("telegraf/request-2.body.gz")),
        (recorded!("telegraf/request-3.headers"), recorded!("telegraf/request-3.body.gz")),
    ] {
        let answer = send(embedded.address, &request(headers, body)).await;
        assert_eq!((answer.status, answer.text()), (204, ""));
    }
    // The same lines, had they been sent now.
    let now = clock::now();
    for (lines, age) in [
        (recorded!("telegraf/request-1.lp"), 20_000),
        (recorded!("telegraf/request-2.lp"), 10_000),
        (recorded!("telegraf/request-3.lp"), 0),
    ] {
        let lines = retimed(std::str::from_utf8(lines).unwrap(), |_| (now - age) * 1_000_000);
        let request = request(recorded!("telegraf/request-1.headers"), &gzip(&lines));
        assert_eq!(send(embedded.address, &request).await.status, 204);
    }
    let cpu = 100.0 - (99.59879638916786 + 99.59899749373697) / 2.0;
    let sample = Sample {
        cpu_mean: Some(cpu),
        cpu_recent: Some(cpu),
        mem_mean: Some((1.9703378191914047 + 1.9887950506747423 + 1.981681157240866) / 3.0),
        measured_at: Some(now),
    };
    assert_eq!(embedded.readings().await.samples, [(url(1), sample)].into());
}

#[tokio::test]
async fn readings_are_those_of_influxdb_for_the_same_lines() {
    let mut embedded = Embedded::start(&settings()).await;
    let shift = shift_to_now();
    let lines = retimed(std::str::from_utf8(recorded!("pool.lp")).unwrap(), |seconds| seconds * 1000 + shift);
    assert_eq!(embedded.write("org=b3lb&bucket=bucket&precision=ms", &lines).await, 204);
    let readings = embedded.readings().await;
    let samples = samples_of_recorded_pool(shift);
    assert_eq!(*readings, Readings { read_at: readings.read_at, samples, ..Readings::default() });
}

#[tokio::test]
async fn good_lines_count_although_others_are_bad() {
    let mut embedded = Embedded::start(&settings()).await;
    let lines = "nonsense\n\
                 mem,b3lb_host=https://bbb1.example.org used_percent=40\n\
                 mem,b3lb_host=https://bbb2.example.org used_percent=NaN\n\
                 mem,b3lb_host=https://bbb3.example.org used_percent=\"half\"\n\
                 mem,bigblueswarm_host=https://bbb4.example.org used_percent=41i\n";
    assert_eq!(embedded.write(TO_BUCKET, lines).await, 400);
    let readings = embedded.readings().await;
    let mem = |number| readings.samples.get(&url(number)).map(|sample| sample.mem_mean);
    assert_eq!([1, 2, 3, 4].map(mem), [Some(Some(40.0)), None, None, Some(Some(41.0))]);
}

#[tokio::test]
async fn every_precision_tells_the_same_time() {
    let now = clock::now() / 1000 * 1000;
    for (precision, timestamp) in [
        ("", now * 1_000_000),
        ("&precision=ns", now * 1_000_000),
        ("&precision=us", now * 1000),
        ("&precision=ms", now),
        ("&precision=s", now / 1000),
    ] {
        let mut embedded = Embedded::start(&settings()).await;
        let line = format!("mem,b3lb_host=https://bbb1.example.org used_percent=40 {timestamp}");
        assert_eq!(embedded.write(&format!("{TO_BUCKET}{precision}"), &line).await, 204);
        assert_eq!(embedded.readings().await.samples[&url(1)].measured_at, Some(now), "{precision}");
    }
}

#[tokio::test]
async fn hosts_that_are_no_instance_are_reported() {
    let mut embedded = Embedded::start(&settings()).await;
    let lines = "mem,b3lb_host=https://BBB1.example.org/bigbluebutton/api/ used_percent=40\n\
                 mem,b3lb_host=https://bbb9.example.org/ used_percent=40\n\
                 mem,b3lb_host=$B3LB_HOST used_percent=40\n\
                 mem,host=vm used_percent=40\n";
    assert_eq!(embedded.write(TO_BUCKET, lines).await, 204);
    let readings = embedded.readings().await;
    assert_eq!(readings.samples.keys().collect::<Vec<_>>(), [&url(1)]);
    assert_eq!(readings.unmatched, ["$B3LB_HOST", "(no b3lb_host tag)", "https://bbb9.example.org/"]);
}

#[tokio::test]
async fn any_destination_will_do_where_none_is_configured() {
    let mut settings = settings();
    settings.influxdb.organization.clear();
    settings.influxdb.bucket.clear();
    let embedded = Embedded::start(&settings).await;
    assert_eq!(embedded.write("orgID=0123&bucket=anything", "").await, 204);
}

#[tokio::test]
async fn the_admin_key_is_the_token_where_there_is_no_other() {
    let mut settings = settings();
    settings.influxdb.token = None;
    let closed = Embedded::start(&settings).await;
    assert_eq!(closed.write(TO_BUCKET, "").await, 401);
    settings.admin.api_key = Some(Secret::new("devtoken"));
    let open = Embedded::start(&settings).await;
    assert_eq!(open.write(TO_BUCKET, "").await, 204);
}

#[tokio::test]
async fn agents_keep_their_points_until_somebody_reads_them_and_after() {
    let metrics = Metrics::new(&settings(), replica()).unwrap();
    let address = serve(metrics.router()).await;
    let early = Embedded { address, running: Running::start(Metrics::new(&settings(), replica()).unwrap()) };
    assert_eq!(early.write(TO_BUCKET, "nonsense").await, 503);
    let mut running = Running::start(metrics);
    running.first().await;
    assert_eq!(early.write(TO_BUCKET, "").await, 204);
    running.stop().await;
    assert_eq!(early.write(TO_BUCKET, "nonsense").await, 503);
}
