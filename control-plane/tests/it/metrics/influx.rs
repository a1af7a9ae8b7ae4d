//! The source that asks InfluxDB, against recorded answers.

use super::wire::Answer;
use super::{Running, recorded, replica, samples_of_recorded_pool, settings, url};
use b3lb_control_plane::metrics::{Metrics, Readings, Unusable};
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

/// What the scripted InfluxDB does with a request.
#[derive(Clone)]
enum Act {
    Answer(Vec<u8>),
    Hang,
}

/// A program that answers one request after another as the script says, each on a connection of its own, the last act for ever.
struct Scripted {
    address: String,
    requests: mpsc::UnboundedReceiver<String>,
}

impl Scripted {
    async fn start(script: Vec<Act>) -> Self {
        Self::listen("http", script, None).await
    }

    /// With `tls`, it answers to those who trust its certificate.
    async fn listen(scheme: &str, script: Vec<Act>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("{scheme}://localhost:{}", listener.local_addr().unwrap().port());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut acts = 0;
            loop {
                let (connection, _) = listener.accept().await.unwrap();
                let act = script[acts.min(script.len() - 1)].clone();
                match &tls {
                    None => drop(tokio::spawn(perform(connection, act, sender.clone()))),
                    Some(tls) => match tls.accept(connection).await {
                        Ok(connection) => drop(tokio::spawn(perform(connection, act, sender.clone()))),
                        Err(_) => continue,
                    },
                }
                acts += 1;
            }
        });
        Self { address, requests }
    }

    fn read(&self) -> Running {
        let mut settings = settings();
        settings.influxdb.address = Some(self.address.parse().unwrap());
        settings.influxdb.bucket = "po\"ol".to_owned();
        Running::start(Metrics::new(&settings, replica()).unwrap())
    }
}

async fn perform<S: AsyncRead + AsyncWrite + Unpin>(
    mut connection: S,
    act: Act,
    requests: mpsc::UnboundedSender<String>,
) {
    let _ = requests.send(read_request(&mut connection).await);
    match act {
        Act::Answer(bytes) => {
            connection.write_all(&bytes).await.unwrap();
            connection.shutdown().await.unwrap();
        }
        Act::Hang => std::future::pending().await,
    }
}

async fn read_request<S: AsyncRead + Unpin>(connection: &mut S) -> String {
    let mut request = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        let length = connection.read(&mut buffer).await.unwrap();
        request.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                return text.into_owned();
            }
        }
        assert!(length > 0, "half a request");
    }
}

fn answer(recorded: &[u8]) -> Act {
    Act::Answer(Answer::parse(recorded).chunked())
}

/// A recorded answer in which something is replaced.
fn edited(recorded: &[u8], replace: &[(&str, &str)]) -> Act {
    let mut answer = Answer::parse(recorded);
    let text = replace.iter().fold(answer.text().to_owned(), |text, (old, new)| text.replace(old, new));
    assert_ne!(text, answer.text());
    answer.body = text.into_bytes();
    Act::Answer(answer.chunked())
}

/// The reading after a good one that fails with `bad`.
async fn after_good(bad: Act) -> (Arc<Readings>, Arc<Readings>) {
    let influxdb = Scripted::start(vec![answer(recorded!("answer.http")), bad]).await;
    let mut running = influxdb.read();
    let good = running.first().await;
    assert_eq!((&good.samples, &good.error), (&samples_of_recorded_pool(0), &None));
    let failed = running.when(|readings| readings.error.is_some()).await;
    running.stop().await;
    (good, failed)
}

#[tokio::test]
async fn a_reading_holds_what_influxdb_knows_of_the_pool() {
    let mut influxdb = Scripted::start(vec![answer(recorded!("answer.http"))]).await;
    let mut running = influxdb.read();
    let readings = running.first().await;
    let expected = Readings { read_at: readings.read_at, samples: samples_of_recorded_pool(0), ..Readings::default() };
    assert_eq!(*readings, expected);

    let request = influxdb.requests.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/v2/query?org=b3lb HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("\r\nauthorization: Token devtoken"), "{head}");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let query = body["query"].as_str().unwrap();
    assert!(query.starts_with("bucket = \"po\\\"ol\"\nstart = -300000ms\n"), "{query}");
}

#[tokio::test]
async fn hosts_match_instances_however_they_are_spelt() {
    let spelling = [
        (",https://bbb1.example.org/bigbluebutton", ",https://BBB1.example.org:443/bigbluebutton/api/"),
        (",https://bbb2.example.org/bigbluebutton", ",https://bbb22.example.org/bigbluebutton"),
        (",https://bbb3.example.org/bigbluebutton", ",BBB 3"),
        (",https://bbb4.example.org/bigbluebutton", ","),
    ];
    let influxdb = Scripted::start(vec![edited(recorded!("answer.http"), &spelling)]).await;
    let readings = influxdb.read().first().await;
    let mut samples = samples_of_recorded_pool(0);
    samples.retain(|instance, _| *instance == url(1));
    assert_eq!(readings.samples, samples);
    assert_eq!(readings.unmatched, ["(no b3lb_host tag)", "BBB 3", "https://bbb22.example.org/bigbluebutton"]);
}

#[tokio::test]
async fn a_tag_that_was_corrected_leaves_the_sample_of_its_last_spelling() {
    // bbb4 fell silent two minutes before the answer, when it was renamed to what bbb1 is.
    let renamed = [("https://bbb4.example.org/bigbluebutton", "https://bbb1.example.org/bigbluebutton/")];
    let influxdb = Scripted::start(vec![edited(recorded!("answer.http"), &renamed)]).await;
    let readings = influxdb.read().first().await;
    let mut samples = samples_of_recorded_pool(0);
    samples.remove(&url(4));
    assert_eq!((&readings.samples, &readings.unmatched), (&samples, &Vec::new()));
}

#[tokio::test]
async fn integers_are_numbers_and_what_is_not_finite_is_absent() {
    let other = [
        ("RFC3339,string,string,double", "RFC3339,string,string,long"),
        ("86.54", "86"),
        ("59.04", "-7"),
        ("27.79", "28"),
        ("94.07692307692308", "250"),
        (",87.5\r", ",87\r"),
        (",28.75\r", ",28\r"),
        (",63.5\r", ",63\r"),
        (",18.25\r", ",18\r"),
    ];
    let unending = [("86.54", "NaN"), ("59.04", "+Inf")];
    let script = vec![edited(recorded!("answer.http"), &other), edited(recorded!("answer.http"), &unending)];
    let influxdb = Scripted::start(script).await;
    let mut running = influxdb.read();
    let means = |readings: &Readings| [1, 2, 3, 4].map(|number| readings.samples[&url(number)].cpu_mean);
    let integers = running.first().await;
    assert_eq!(means(&integers), [Some(14.0), Some(100.0), Some(72.0), Some(0.0)]);
    let changed = running.when(|readings| readings.samples != integers.samples).await;
    assert_eq!(means(&changed), [None, None, Some(100.0 - 27.79), Some(100.0 - 94.07692307692308)]);
}

#[tokio::test]
async fn a_failed_reading_says_why_and_keeps_the_last_samples() {
    let page = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\ncontent-type: text/html\r\n\r\n<html>";
    let proxy = b"HTTP/1.1 502 Bad Gateway\r\nconnection: close\r\ncontent-length: 14\r\n\r\nToken devtoken";
    let redirect = b"HTTP/1.1 307 X\r\nconnection: close\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n";
    let unreadable = "InfluxDB answered what its client cannot read";
    let nothing = "InfluxDB knows no measurement of cpu or mem within the range";
    let cases: [(&str, Act, &str); 11] = [
        ("a null", answer(recorded!("answer-null-value.http")), unreadable),
        ("nothing found", answer(recorded!("answer-empty.http")), nothing),
        ("a page", Act::Answer(page.to_vec()), nothing),
        (
            "an error while executing",
            answer(recorded!("answer-runtime-error.http")),
            "InfluxDB failed to answer the query: runtime error @3:94-3:140: map: failed to evaluate map function: cannot \
             convert string \"x\" to int due to invalid syntax",
        ),
        (
            "bad Flux",
            answer(recorded!("answer-syntax-error.http")),
            "InfluxDB refused the query: 400, compilation failed: error @1:1-2:1: expected RPAREN, got EOF  error @1:6-1:12: \
             missing property value",
        ),
        (
            "an unknown bucket",
            answer(recorded!("answer-unknown-bucket.http")),
            "InfluxDB refused the query: 404, failed to initialize execute state: could not find bucket \"nobucket\"",
        ),
        (
            "an unknown organization",
            answer(recorded!("answer-unknown-org.http")),
            "InfluxDB refused the query: 400, failed to decode request body: organization name \"nope\" not found",
        ),
        (
            "a wrong token",
            answer(recorded!("answer-wrong-token.http")),
            "InfluxDB refused the query: 401, unauthorized access",
        ),
        ("a proxy that shows the request", Act::Answer(proxy.to_vec()), "InfluxDB refused the query: 502"),
        ("a redirect", Act::Answer(redirect.to_vec()), "InfluxDB refused the query: 307"),
        (
            "no HTTP",
            Act::Answer(b"SSH-2.0-OpenSSH\r\n".to_vec()),
            "InfluxDB cannot be asked: error sending request: invalid HTTP version parsed",
        ),
    ];
    for (case, act, error) in cases {
        let (good, failed) = after_good(act).await;
        assert_eq!(*failed, Readings { error: Some(error.to_owned()), ..Readings::clone(&good) }, "{case}");
    }
}

#[tokio::test]
async fn half_an_answer_is_a_failed_reading() {
    let whole = Answer::parse(recorded!("answer.http"));
    let chunked = whole.chunked();
    let mut counted = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", whole.body.len()).into_bytes();
    counted.extend_from_slice(&whole.body[..1000]);
    for half in [chunked[..1500].to_vec(), chunked[..chunked.len() - 5].to_vec(), counted] {
        let (good, failed) = after_good(Act::Answer(half)).await;
        let error = failed.error.clone().unwrap();
        assert!(error.starts_with("InfluxDB cannot be asked: "), "{error}");
        assert_eq!(*failed, Readings { error: Some(error), ..Readings::clone(&good) });
    }
}

#[tokio::test]
async fn readings_come_back_with_influxdb() {
    let script = vec![answer(recorded!("answer-wrong-token.http")), answer(recorded!("answer.http"))];
    let influxdb = Scripted::start(script).await;
    let mut running = influxdb.read();
    assert_eq!(running.first().await.samples, [].into());
    let good = running.when(|readings| readings.error.is_none() && readings.read_at > 0).await;
    assert_eq!(good.samples, samples_of_recorded_pool(0));
}

#[tokio::test(start_paused = true)]
async fn an_influxdb_that_hangs_is_given_up() {
    let influxdb = Scripted::start(vec![Act::Hang]).await;
    let readings = influxdb.read().first().await;
    assert_eq!(readings.error.as_deref(), Some("InfluxDB did not answer within 8 s"));
}

#[tokio::test]
async fn an_influxdb_that_is_not_there_is_a_failed_reading() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut settings = settings();
    settings.influxdb.address = Some(format!("http://{}", listener.local_addr().unwrap()).parse().unwrap());
    drop(listener);
    let mut running = Running::start(Metrics::new(&settings, replica()).unwrap());
    let error = running.first().await.error.clone().unwrap();
    assert_eq!(
        error,
        "InfluxDB cannot be asked: error sending request: error trying to connect: tcp connect error: Connection refused (os error 111)"
    );
}

#[test]
fn an_address_that_would_not_be_asked_is_refused() {
    for address in ["http://influx/path", "http://user@influx/", "http://influx/?a=b", "ftp://influx/"] {
        let mut settings = settings();
        settings.influxdb.address = Some(address.parse().unwrap());
        assert!(matches!(Metrics::new(&settings, replica()), Err(Unusable::Address)), "{address}");
    }
}

#[tokio::test]
async fn an_influxdb_with_a_certificate_of_its_own_is_trusted_by_configuration() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = own.signing_key.serialize_der().try_into().unwrap();
    let tls = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let script = vec![answer(recorded!("answer.http"))];
    let influxdb = Scripted::listen("https", script, Some(TlsAcceptor::from(Arc::new(tls)))).await;

    let error = influxdb.read().first().await.error.clone().unwrap();
    assert!(error.contains("invalid peer certificate"), "{error}");

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let mut settings = settings();
    settings.influxdb.address = Some(influxdb.address.parse().unwrap());
    settings.upstream.ca_file = Some(path.clone());
    let unusable = |settings| Metrics::new(settings, replica()).err().unwrap().to_string();
    let of_file = |reason: &str| format!("upstream.ca_file {} cannot be read: {reason}", path.display());
    assert_eq!(unusable(&settings), of_file("No such file or directory (os error 2)"));
    std::fs::write(&path, "nothing\n").unwrap();
    assert_eq!(unusable(&settings), of_file("it holds no certificate"));
    std::fs::write(&path, own.cert.pem()).unwrap();
    let readings = Running::start(Metrics::new(&settings, replica()).unwrap()).first().await;
    assert_eq!((&readings.samples, &readings.error), (&samples_of_recorded_pool(0), &None));
}
