//! A live pool: a control plane, a proxy, two simulated instances, and a Redis that an original might have used.

use b3lb_config::settings::Settings;
use b3lb_data_plane::Listeners;
use b3lb_sim::options::{Options, Rules};
use b3lb_sim::{Frontend, Instance};
use bbb::Secret;
use regex::Regex;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// Where the control plane keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Embedded,
    /// The Redis of the pool, in a database beside the original's.
    Redis,
}

pub(crate) const KEY: &str = "the-admin-key";

/// How long a test waits for what should come at once.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the instances are looked at: sessions wait for that.
const INTERVAL: Duration = Duration::from_millis(100);
/// Looks after which the control plane has drawn its conclusions from what it saw.
const LOOKS: usize = 3;

pub(crate) struct Pool {
    instances: Vec<Instance>,
    /// What transcripts call something, and what it is.
    names: Vec<(&'static str, String)>,
    redis_port: u16,
    _redis: Redis,
    _end: DropGuard,
}

struct Redis(Child);

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Pool {
    pub(crate) async fn start(store: Store) -> Self {
        let rules = Rules { listed: Duration::ZERO, processing: Duration::ZERO, ..Rules::default() };
        let mut instances = Vec::new();
        for _ in 0..2 {
            let options =
                Options { rules: rules.clone(), secret: Secret::new("instances-secret"), ..Options::default() };
            instances.push(Instance::local(options).await.unwrap());
        }
        instances.sort_by_key(Instance::url);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let control_plane = format!("http://{}", listener.local_addr().unwrap());
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = Listeners::bind_to(any, any, 1).unwrap();
        let proxy = format!("http://{}", listeners.public_addr());
        let redis_port = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut redis = Command::new("redis-server");
        redis.args([
            "--port",
            &redis_port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--requirepass",
            "redis-key",
        ]);
        let redis = Redis(redis.stdout(Stdio::null()).spawn().unwrap());
        let mut settings = Settings::default();
        if store == Store::Redis {
            settings.redis.address = Some(format!("127.0.0.1:{redis_port}"));
            settings.redis.password = Some(Secret::new("redis-key"));
            settings.redis.database = 5;
        }
        settings.admin.api_key = Some(Secret::new(KEY));
        settings.bigbluebutton.secret = Some(Secret::new("global-secret"));
        settings.control_plane.check_interval = INTERVAL;
        settings.data_plane.control_planes = vec![Url::parse(&control_plane).unwrap()];
        let shutdown = CancellationToken::new();
        let end = shutdown.clone();
        let own = settings.clone();
        tokio::spawn(async move { b3lb_control_plane::run(own, listener, end).await.unwrap() });
        let (end, admin) = (shutdown.clone(), format!("{}", listeners.admin_addr()));
        tokio::spawn(async move { b3lb_data_plane::run(settings, listeners, end).await.unwrap() });
        let pool = Self {
            names: vec![
                ("http://INSTANCE-A", instances[0].url().trim_end_matches("/bigbluebutton").to_owned()),
                ("http://INSTANCE-B", instances[1].url().trim_end_matches("/bigbluebutton").to_owned()),
                ("http://CONTROL-PLANE", control_plane),
                ("http://PROXY", proxy),
                ("REDIS", format!("127.0.0.1:{redis_port}")),
            ],
            instances,
            redis_port,
            _redis: redis,
            _end: shutdown.drop_guard(),
        };
        pool.ready(&admin, redis_port).await;
        pool
    }

    async fn ready(&self, admin: &str, redis_port: u16) {
        let up = |address: String| async move {
            while tokio::net::TcpStream::connect(&address).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        let ready = async {
            up(format!("127.0.0.1:{redis_port}")).await;
            let proxy = Frontend::new(&format!("http://{admin}"), Secret::new("")).unwrap();
            while !proxy.get("/readyz").await.is_ok_and(|answer| answer.status == 200) {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, ready).await.expect("the pool does not start");
    }

    /// Waits until the instances were looked at, and what was seen has been drawn conclusions from.
    pub(crate) async fn checked(&self) {
        for instance in self.instances.iter().filter(|instance| instance.received("getMeetings") > 0) {
            let seen = instance.received("getMeetings");
            let looked = instance.until_received("getMeetings", seen + LOOKS);
            timeout(PATIENCE, looked).await.expect("the instances are not looked at");
        }
    }

    /// Creates a meeting on an instance behind the pool's back.
    pub(crate) async fn create(&self, instance: usize, id: &str, label: &str) {
        let instance = &self.instances[instance];
        let frontend = Frontend::new(&instance.url(), instance.secret().clone()).unwrap();
        let mut params = vec![("meetingID", id), ("name", id)];
        params.extend((!label.is_empty()).then_some(("meta_bigblueswarm-tenant", label)));
        assert!(frontend.call("create", &params).await.unwrap().succeeded());
    }

    /// A text of a transcript with real addresses.
    pub(crate) fn filled(&self, text: &str) -> String {
        let text = text.replace("REDIS_PORT", &self.redis_port.to_string());
        self.names.iter().fold(text, |text, (name, real)| text.replace(name, real))
    }

    /// The other way round, and without what is another one each time.
    pub(crate) fn blanked(&self, text: &str) -> String {
        let text = self.names.iter().fold(text.to_owned(), |text, (name, real)| text.replace(real, name));
        [
            (r"checksum=[0-9a-f]{64}", "checksum=SUM"),
            (r"b3lbctl-test-[0-9a-f]{8}", "b3lbctl-test-NUMBER"),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "YYYY-MM-DDThh:mm:ssZ"),
            (r"revision \d+-\d+ of [0-9a-f]{16}", "revision REVISION of EPOCH"),
            (r#""epoch": "[0-9a-f]{16}""#, r#""epoch": "EPOCH""#),
            (r#""revision": "\d+-\d+""#, r#""revision": "REVISION""#),
            (r"store (embedded|redis)", "store STORE"),
            (r#""store": "(embedded|redis)""#, r#""store": "STORE""#),
            (r"[0-9a-f]{40}-\d{13}", "RECORDING"),
        ]
        .into_iter()
        .fold(text, |text, (pattern, blank)| Regex::new(pattern).unwrap().replace_all(&text, blank).into_owned())
    }
}
