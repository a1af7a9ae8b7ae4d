//! One trace from the frontend's call to the instance, what the access log says of it, and what neither of them nor the log says.

use crate::planes::{PATIENCE, Running, free_ports};
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{AddInstanceRequest, Instance, StatusRequest};
use b3lb_sim::frontend::{Frontend, query};
use b3lb_sim::instance::Instance as Simulated;
use b3lb_sim::options::Options;
use bbb::Secret;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

const ADMIN_KEY: &str = "the-admin-key";
const FRONTEND_SECRET: &str = "the-frontend-secret";
const INSTANCE_SECRET: &str = "the-instance-secret";
const PASSWORD: &str = "moderators-only";
const NAME: &str = "Ada Lovelace";

/// The frontend's part of the trace.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// Takes what is exported.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

/// A span, as the collector sees it.
#[derive(Debug, Clone)]
struct Seen {
    service: String,
    trace: String,
    id: String,
    parent: String,
    kind: SpanKind,
    attributes: BTreeMap<String, String>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Serves, until the test ends.
    async fn start(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = TraceServiceServer::new(self.clone());
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        address
    }

    /// The spans of the frontend's trace so far, by their names. What was asked to get there is traced as well.
    fn spans(&self) -> BTreeMap<String, Seen> {
        let mut spans = BTreeMap::new();
        for resource in self.0.lock().unwrap().iter().flat_map(|request| &request.resource_spans) {
            let of = resource.resource.clone().unwrap_or_default();
            let service = texts(&of.attributes).remove("service.name").unwrap_or_default();
            let spans_of_trace = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            for span in spans_of_trace.filter(|span| hex(&span.trace_id) == TRACE) {
                let seen = Seen {
                    service: service.clone(),
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    kind: span.kind(),
                    attributes: texts(&span.attributes),
                };
                assert!(spans.insert(span.name.clone(), seen).is_none(), "{} is there twice", span.name);
            }
        }
        spans
    }
}

fn texts(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Option<Value>| match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    let pairs = attributes.iter().map(|pair| (pair.key.clone(), text(&pair.value.clone().unwrap_or_default().value)));
    pairs.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A `redis-server` in a directory, which ends with it.
fn redis(dir: &Path) -> Running {
    let socket = dir.join("redis.sock");
    let child = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(&socket)
        .current_dir(dir)
        .stdout(Stdio::null())
        .spawn();
    Running(child.expect("redis-server is installed"))
}

/// A `b3lb` that traces and writes its access log.
struct Site {
    dir: TempDir,
    _redis: Running,
    running: Running,
    ports: [u16; 3],
    frontend: Frontend,
    instance: Simulated,
}

impl Site {
    /// Starts one, and waits until it can create meetings.
    async fn start(collector: Option<SocketAddr>, log: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let redis = redis(dir.path());
        let ports = free_ports();
        let [port, control, admin] = ports;
        let tracing = collector.map(|at| format!("tracing: {{otlp_endpoint: 'http://{at}'}}\n")).unwrap_or_default();
        let configuration = format!(
            "bigbluebutton: {{secret: {FRONTEND_SECRET}}}\nadmin: {{api_key: {ADMIN_KEY}}}\nport: {port}\n\
             redis: {{address: 'unix://{}'}}\ncontrol_plane: {{listen: '127.0.0.1:{control}', check_interval: 1s}}\n\
             data_plane: {{admin_listen: '127.0.0.1:{admin}', workers: 1, shutdown_grace: 0s}}\nlog: {log}\n{tracing}",
            dir.path().join("redis.sock").display(),
        );
        let file = dir.path().join("b3lb.yaml");
        std::fs::write(&file, configuration).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_b3lb"));
        // Files, which take whatever is written to them.
        let [out, err] = ["out", "err"].map(|name| File::create(dir.path().join(name)).unwrap());
        command.arg("--config").arg(&file).env_clear().stdout(out).stderr(err);
        let running = Running(command.spawn().unwrap());
        let secret = Secret::new(INSTANCE_SECRET);
        let instance = Simulated::local(Options { secret, ..Options::default() }).await.unwrap();
        let url = format!("http://127.0.0.1:{port}/bigbluebutton");
        let frontend = Frontend::new(&url, Secret::new(FRONTEND_SECRET)).unwrap();
        let site = Self { dir, _redis: redis, running, ports, frontend, instance };
        site.fill().await;
        site
    }

    async fn fill(&self) {
        let member = Instance { url: self.instance.url(), secret: INSTANCE_SECRET.to_owned(), ..Instance::default() };
        until("the instance is in the pool", async || {
            let Ok(mut admin) = AdminClient::connect(format!("http://127.0.0.1:{}", self.ports[1])).await else {
                return false;
            };
            // Added already, if the answer to the first attempt was lost.
            let _ = admin.add_instance(keyed(AddInstanceRequest { instance: Some(member.clone()) })).await;
            let status = admin.status(keyed(StatusRequest {})).await;
            status.is_ok_and(|status| status.into_inner().instances.iter().any(|known| known.ineligible.is_empty()))
        })
        .await;
        until("the proxy is ready", async || self.get(2, "/readyz", "").await.starts_with("HTTP/1.1 200")).await;
        until("the proxy knows the pool", async || {
            self.frontend.meetings().await.is_ok_and(|answer| answer.succeeded())
        })
        .await;
    }

    async fn get(&self, port: usize, path: &str, headers: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.ports[port])).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nHost: b3lb.example.org\r\nConnection: close\r\n{headers}\r\n");
        let mut answer = String::new();
        stream.write_all(request.as_bytes()).await.unwrap();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    /// Ends it in order; what it wrote to stdout, and to stderr.
    async fn end(mut self) -> [String; 2] {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let ended = tokio::task::spawn_blocking(move || {
            assert!(self.running.0.wait().unwrap().success());
            ["out", "err"].map(|name| std::fs::read_to_string(self.dir.path().join(name)).unwrap())
        });
        ended.await.unwrap()
    }
}

fn keyed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {ADMIN_KEY}").parse().unwrap());
    request
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never happened: {what}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// No secret, checksum, password or name of a user, and nothing of the query.
fn assert_discreet(text: &str, checksum: &str) {
    for secret in [ADMIN_KEY, FRONTEND_SECRET, INSTANCE_SECRET, PASSWORD, NAME, "Lovelace", checksum, "checksum="] {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
}

/// A create with everything in its query that is nobody's business, and its checksum.
fn create(site: &Site, meeting: &str) -> (String, String) {
    let parameters = [("meetingID", meeting), ("name", NAME), ("moderatorPW", PASSWORD), ("welcome", NAME)];
    let target = site.frontend.target("create", &query(&parameters));
    let checksum = target.rsplit('=').next().unwrap().to_owned();
    (target, checksum)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_one_trace_from_the_frontend_to_the_instance() {
    let collector = Collector::default();
    let at = collector.start().await;
    let site = Site::start(Some(at), "{level: debug, access: true, format: json}").await;
    let (target, checksum) = create(&site, "traced");
    let answer = site.get(0, &target, &format!("traceparent: 00-{TRACE}-{PARENT}-01\r\n")).await;
    assert!(answer.contains("<returncode>SUCCESS</returncode>"), "{answer}");
    let called = site.instance.calls().into_iter().find(|call| call.action == "create").unwrap();
    let url = site.instance.url();
    let [access, log] = site.end().await;

    let spans = collector.spans();
    let span = |name: &str| spans.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", spans.keys())).clone();
    let (call, ask, rpc) =
        (span("create"), spans_of_place(&spans, SpanKind::Client), spans_of_place(&spans, SpanKind::Server));
    let (script, request) = (span("redis claim"), span("request create"));
    let parents = [&call, &ask, &rpc, &script, &request].map(|span| (&*span.trace, &*span.parent));
    let expected = [PARENT, &call.id, &ask.id, &rpc.id, &call.id].map(|parent| (TRACE, parent));
    assert_eq!(parents, expected, "{spans:#?}");
    let services = [&call, &ask, &rpc, &script, &request].map(|span| &*span.service);
    let [data, control] = ["b3lb-data-plane", "b3lb-control-plane"];
    assert_eq!(services, [data, data, control, control, data]);
    let kinds = [&call, &ask, &rpc, &script, &request].map(|span| span.kind);
    use SpanKind::{Client, Server};
    assert_eq!(kinds, [Server, Client, Server, Client, Client]);
    let told = |span: &Seen, name: &str| span.attributes.get(name).cloned().unwrap_or_default();
    let of_call = ["b3lb.call", "b3lb.tenant", "b3lb.outcome", "b3lb.instance", "http.response.status_code"];
    assert_eq!(of_call.map(|name| told(&call, name)), ["create", "*", "answered", &url, "200"]);
    let of_rpc = ["rpc.method", "b3lb.tenant", "b3lb.outcome", "b3lb.instance"];
    assert_eq!(of_rpc.map(|name| told(&rpc, name)), ["Place", "*", "placed", &url]);
    assert_eq!(told(&script, "db.stored_procedure.name"), "claim");
    assert_eq!([told(&request, "b3lb.instance"), told(&request, "b3lb.outcome")], [&url, "answered"]);

    let passed_on = called.headers.get("traceparent").unwrap().to_str().unwrap();
    assert_eq!(passed_on, format!("00-{TRACE}-{}-01", request.id));

    let line = access.lines().find(|line| line.contains(TRACE)).unwrap_or_else(|| panic!("no line in {access}"));
    let line: BTreeMap<String, serde_json::Value> = serde_json::from_str(line).unwrap();
    let says = ["client", "tenant", "call", "outcome", "instance"].map(|key| line[key].as_str().unwrap().to_owned());
    assert_eq!(says, ["127.0.0.1", "*", "create", "answered", &url]);
    assert_eq!((line["status"].as_u64(), line["trace_id"].as_str()), (Some(200), Some(TRACE)));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0 && line["time"].is_string() && line.len() == 9);

    for text in [format!("{:?}", collector.0.lock().unwrap()), access, log] {
        assert_discreet(&text, &checksum);
    }
}

/// Both sides of the same call have the same name, so that the later one would take the place of the other.
fn spans_of_place(spans: &BTreeMap<String, Seen>, kind: SpanKind) -> Seen {
    let name = if kind == SpanKind::Client { "ask b3lb.v1.Placement/Place" } else { "b3lb.v1.Placement/Place" };
    spans.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", spans.keys())).clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_collector_a_traceparent_passes_untouched() {
    let site = Site::start(None, "{level: trace, access: true}").await;
    let (target, checksum) = create(&site, "untraced");
    let traceparent = format!("00-{TRACE}-{PARENT}-01");
    let answer = site.get(0, &target, &format!("traceparent: {traceparent}\r\ntracestate: a=b\r\n")).await;
    assert!(answer.contains("<returncode>SUCCESS</returncode>"), "{answer}");
    let called = site.instance.calls().into_iter().find(|call| call.action == "create").unwrap();
    assert_eq!(
        ["traceparent", "tracestate"].map(|name| called.headers[name].to_str().unwrap()),
        [&*traceparent, "a=b"]
    );
    let url = site.instance.url();
    let [access, log] = site.end().await;
    let line = access.lines().find(|line| line.contains(TRACE)).unwrap_or_else(|| panic!("no line in {access}"));
    let words: Vec<&str> = line.split(' ').collect();
    assert_eq!(words[1..6], ["127.0.0.1", "*", "create", "answered", "200"]);
    assert_eq!(words[7..], [&*url, TRACE]);
    assert_discreet(&access, &checksum);
    assert_discreet(&log, &checksum);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_collector_is_said_once_and_holds_nobody_up() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let site = Site::start(Some(nobody), "{level: info}").await;
    let lost = "b3lb_trace_spans_total{outcome=\"lost\"}";
    let losses = async || {
        let metrics = site.get(2, "/metrics", "").await;
        metrics.lines().find_map(|line| line.strip_prefix(lost)?.trim().parse::<u64>().ok()).unwrap_or_default()
    };
    let mut before = 0;
    for _ in 0..3 {
        assert!(site.frontend.meetings().await.unwrap().succeeded());
        until("spans are lost", async || losses().await > before).await;
        before = losses().await;
    }
    let [_, log] = site.end().await;
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
}
