//! What can be changed while everything runs, under load and without one failed call: a tenant's secrets, certificates, the configuration.

use crate::planes::{PATIENCE, Running, free_ports};
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{AddInstanceRequest, GetConfigurationRequest, Instance, PutTenantRequest, Tenant};
use b3lb_sim::instance::Instance as Simulated;
use b3lb_sim::options::Options;
use bbb::Secret;
use bbb::checksum::Algorithm;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::Request;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

const HOST: &str = "localhost";
/// Frontends at a time.
const FRONTENDS: usize = 4;

type Admin = AdminClient<InterceptedService<Channel, fn(Request<()>) -> Result<Request<()>, tonic::Status>>>;

/// A `b3lb` with TLS on both ports, a control plane that lets only those in who show a certificate, and one simulated instance.
struct Site {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: TempDir,
    ports: [u16; 3],
    running: Running,
    instance: Simulated,
}

impl Site {
    async fn start() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let (dir, ports) = (tempfile::tempdir().unwrap(), free_ports());
        fs::write(dir.path().join("ca.pem"), issuer.pem()).unwrap();
        for name in ["public", "control", "client"] {
            write_pair(&dir, &issuer, name);
        }
        fs::write(dir.path().join("b3lb.yaml"), configuration(&dir, ports, "90")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_b3lb"));
        command
            .arg("--config")
            .arg(dir.path().join("b3lb.yaml"))
            .env_clear()
            .stderr(Stdio::from(fs::File::create(dir.path().join("log")).unwrap()));
        let running = Running(command.spawn().unwrap());
        let instance = Simulated::local(Options::default()).await.unwrap();
        let site = Self { issuer, dir, ports, running, instance };
        let (url, secret) = (site.instance.url(), site.instance.secret().reveal().to_owned());
        let added = AddInstanceRequest { instance: Some(Instance { url, secret, ..Instance::default() }) };
        until("the control plane is up", async || site.admin().await.add_instance(added.clone()).await.is_ok()).await;
        site
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A new connection of an operator who shows the certificate of the moment.
    async fn admin(&self) -> Admin {
        let read = |name: &str| fs::read_to_string(self.file(name)).unwrap();
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.issuer.pem()))
            .identity(Identity::from_pem(read("client.pem"), read("client.key")));
        let url = format!("https://{HOST}:{}", self.ports[1]);
        let channel = Endpoint::from_shared(url).unwrap().tls_config(tls).unwrap().connect_lazy();
        AdminClient::with_interceptor(channel, |mut request| {
            request.metadata_mut().insert("authorization", AsciiMetadataValue::from_static("Bearer key"));
            Ok(request)
        })
    }

    async fn put_tenant(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        let tenant = Tenant { host: format!("{HOST}:{}", self.ports[0]), secrets, ..Tenant::default() };
        let request = PutTenantRequest { tenant: Some(tenant), dry_run: false };
        self.admin().await.put_tenant(request).await.unwrap();
    }

    /// A frontend that trusts this authority; with `fresh`, each call comes on a connection of its own.
    fn client(&self, fresh: bool) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(self.issuer.pem().as_bytes()).unwrap();
        let client = reqwest::Client::builder().add_root_certificate(root).timeout(PATIENCE).tls_info(true);
        client.pool_max_idle_per_host(if fresh { 0 } else { 1 }).build().unwrap()
    }

    fn url(&self, action: &str, query: &str, secret: &str) -> String {
        let query = Algorithm::Sha256.sign_query(action, query, &Secret::new(secret));
        format!("https://{HOST}:{}/bigbluebutton/api/{action}?{query}", self.ports[0])
    }

    /// The certificate that the public port shows now.
    async fn shown(&self) -> Vec<u8> {
        let url = format!("https://{HOST}:{}/bigbluebutton/api", self.ports[0]);
        let answer = self.client(true).get(url).send().await.unwrap();
        answer.extensions().get::<reqwest::tls::TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
    }

    /// When the certificate ends that the public port shows, as the proxy's metrics tell it.
    async fn told_end(&self) -> String {
        let metrics = reqwest::get(format!("http://127.0.0.1:{}/metrics", self.ports[2])).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let name = "b3lb_certificate_expiry_timestamp_seconds{certificate=\"data_plane.tls\"} ";
        metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
    }

    fn hang_up(&self) {
        let pid = self.running.0.id().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }

    async fn cpu_limit(&self) -> String {
        let request = GetConfigurationRequest::default();
        let yaml = self.admin().await.get_configuration(request).await.unwrap().into_inner().yaml;
        yaml.lines().find_map(|line| line.trim().strip_prefix("cpu_limit: ")).unwrap().to_owned()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.file("log")).unwrap()
    }
}

fn write_pair(dir: &TempDir, issuer: &CertifiedIssuer<'static, KeyPair>, name: &str) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new([HOST.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().pem();
    fs::write(dir.path().join(format!("{name}.pem")), certificate).unwrap();
    fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn configuration(dir: &TempDir, [port, control, admin]: [u16; 3], cpu_limit: &str) -> String {
    let d = dir.path().display();
    format!(
        "bigbluebutton: {{secret: s}}\nadmin: {{api_key: key}}\nport: {port}\nbalancer: {{cpu_limit: {cpu_limit}}}\n\
         upstream: {{ca_file: {d}/ca.pem}}\ncontrol_plane:\n  listen: '127.0.0.1:{control}'\n  check_interval: 1s\n  \
         tls: {{certificate: {d}/control.pem, key: {d}/control.key, client_ca: {d}/ca.pem}}\ndata_plane:\n  \
         control_planes: ['https://{HOST}:{control}']\n  admin_listen: '127.0.0.1:{admin}'\n  workers: 2\n  \
         tls: {{certificate: {d}/public.pem, key: {d}/public.key}}\n  \
         client_tls: {{certificate: {d}/client.pem, key: {d}/client.key}}\n"
    )
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}

/// Frontends that call again and again, half of them on new connections, with the secret of the moment.
struct Load {
    secret: watch::Sender<&'static str>,
    calls: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
    frontends: JoinSet<()>,
}

impl Load {
    fn start(site: &Arc<Site>, secret: &'static str) -> Self {
        let (secret, _) = watch::channel(secret);
        let (calls, over): (Arc<AtomicUsize>, Arc<AtomicBool>) = Default::default();
        let mut frontends = JoinSet::new();
        for number in 0..FRONTENDS {
            let client = site.client(number % 2 == 0);
            let (site, secret, calls, over) = (site.clone(), secret.subscribe(), calls.clone(), over.clone());
            frontends.spawn(async move {
                let mut round = 0;
                while !over.load(Ordering::Relaxed) {
                    // Each meeting is created once and asked for twice, so that control planes are asked all the time as well.
                    let id = format!("m-{number}-{}", round / 3);
                    round += 1;
                    let secret = *secret.borrow();
                    let url = match round % 3 {
                        1 => site.url("create", &format!("meetingID={id}&name={id}"), secret),
                        _ => site.url("getMeetingInfo", &format!("meetingID={id}"), secret),
                    };
                    let text = client.get(url).send().await.unwrap().text().await.unwrap();
                    assert!(text.contains("<returncode>SUCCESS</returncode>"), "{text}");
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Self { secret, calls, over, frontends }
    }

    /// Waits until every frontend has called again.
    async fn goes_on(&mut self) {
        let target = self.calls.load(Ordering::Relaxed) + 8 * FRONTENDS;
        until("the frontends go on", async || {
            assert!(self.frontends.try_join_next().is_none(), "a call failed");
            self.calls.load(Ordering::Relaxed) >= target
        })
        .await;
    }

    async fn end(mut self) {
        self.over.store(true, Ordering::Relaxed);
        while let Some(ended) = timeout(PATIENCE, self.frontends.join_next()).await.unwrap() {
            ended.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_certificates_are_rotated_under_load_without_one_failed_call() {
    let site = Arc::new(Site::start().await);
    site.put_tenant(&["old"]).await;
    let works = async |secret: &'static str| {
        let answer = site.client(true).get(site.url("getMeetings", "", secret)).send().await;
        answer.unwrap().text().await.unwrap().contains("SUCCESS")
    };
    until("the tenant is known", async || works("old").await).await;
    let mut load = Load::start(&site, "old");
    load.goes_on().await;

    site.put_tenant(&["old", "new"]).await;
    until("both secrets are good", async || works("new").await).await;
    load.secret.send_replace("new");
    load.goes_on().await;
    site.put_tenant(&["new"]).await;
    until("the old one is not", async || !works("old").await).await;
    load.goes_on().await;

    let before = site.shown().await;
    for name in ["public", "control", "client"] {
        write_pair(&site.dir, &site.issuer, name);
        load.goes_on().await;
    }
    site.hang_up();
    until("the new certificate is shown", async || site.shown().await != before).await;
    load.goes_on().await;
    load.end().await;
    assert!(site.log().contains("the configuration was read again and is in force"), "{}", site.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_read_again_and_a_bad_one_changes_nothing() {
    let site = Site::start().await;
    let file = site.file("b3lb.yaml");
    fs::write(&file, configuration(&site.dir, site.ports, "80")).unwrap();
    // Nobody says so: it is noticed.
    until("the limit is another one", async || site.cpu_limit().await == "80").await;
    let bad = configuration(&site.dir, site.ports, "lots").replace("api_key: key", "api_key: hunter 2");
    fs::write(&file, bad).unwrap();
    site.hang_up();
    let metric = format!("http://127.0.0.1:{}/readyz", site.ports[2]);
    assert_eq!(reqwest::get(metric).await.unwrap().status(), 200);
    until("the bad one is refused", async || site.log().contains("the configuration stays as it is")).await;
    assert_eq!(site.cpu_limit().await, "80");
    fs::write(&file, configuration(&site.dir, [1, site.ports[1], site.ports[2]], "70")).unwrap();
    until("what can be changed is", async || site.cpu_limit().await == "70").await;
    assert!(!site.shown().await.is_empty());
    assert!(site.log().contains("port can only change with the next start"), "{}", site.log());
    assert!(!site.log().contains("hunter"), "{}", site.log());
    until("it waits for the next start", async || {
        site.hang_up();
        site.log().matches("port can only change with the next start").count() > 1
    })
    .await;
    assert_eq!(site.log().matches("the configuration stays as it is").count(), 1, "{}", site.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_without_its_key_is_neither_shown_nor_told_of() {
    let site = Site::start().await;
    let (shown, end) = (site.shown().await, site.told_end().await);
    let mut params = CertificateParams::new([HOST.to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2099, 1, 1);
    let other = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&other, &site.issuer).unwrap().pem();
    fs::write(site.file("public.pem"), certificate).unwrap();
    site.hang_up();
    until("it is refused", async || site.log().contains("the configuration stays as it is")).await;
    assert_eq!((site.shown().await, site.told_end().await), (shown, end.clone()));
    fs::write(site.file("public.key"), other.serialize_pem()).unwrap();
    site.hang_up();
    until("with its key it is shown", async || site.told_end().await != end).await;
}
