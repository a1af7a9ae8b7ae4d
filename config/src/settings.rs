//! The configuration file, as types: defaults in sight, units in the types.

use bbb::Secret;
use bbb::parameters::Parameters;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

/// The whole file; it serves both planes and the standalone program.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `bigbluebutton`, also `bigblueswarm`.
    pub bigbluebutton: BigBlueButton,
    /// `admin`.
    pub admin: Admin,
    /// `balancer`.
    pub balancer: Balancer,
    /// `port`: where frontends call, on all addresses.
    pub port: u16,
    /// `redis`; without an address the store is embedded.
    pub redis: Redis,
    /// `influxdb`; without an address telegraf writes to the control plane itself.
    pub influxdb: InfluxDb,
    /// `state_dir`: where the embedded store keeps its file; without it, it lives in memory.
    pub state_dir: Option<PathBuf>,
    /// `control_plane`.
    pub control_plane: ControlPlane,
    /// `data_plane`.
    pub data_plane: DataPlane,
    /// `parameters`: what is done to the calls of all tenants, before what is done to those of one.
    pub parameters: Parameters,
    /// `upstream`: calls to instances, by both planes.
    pub upstream: Upstream,
    /// `log`.
    pub log: Log,
    /// `tracing`; without an endpoint there are no traces.
    pub tracing: Tracing,
}

/// What frontends know of B3LB.
#[derive(Debug, Clone, PartialEq)]
pub struct BigBlueButton {
    /// Signs the calls of tenants that have no secret of their own, and of every host while no tenant is defined.
    pub secret: Option<Secret>,
    /// `recordings_poll_interval`, also `recordingsPollInterval`: how often recordings are asked for.
    pub recordings_poll_interval: Duration,
    /// The section is called `bigblueswarm`: its telegraf plugin may count meetings by their `meta_bigblueswarm-tenant`.
    pub labels_for_swarm: bool,
}

/// Who may administer.
#[derive(Debug, Clone, PartialEq)]
pub struct Admin {
    /// `api_key`, also `apiKey`.
    pub api_key: Option<Secret>,
    /// `compat`: whose answers `/admin/api` gives where the originals differ; unless given, those of the system that the section of
    /// [`BigBlueButton`] is named as.
    pub compat: AdminCompat,
}

/// The systems whose command lines call `/admin/api`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AdminCompat {
    /// B3LB 2.0.
    #[default]
    B3lb,
    /// BigBlueSwarm 2.3.
    BigBlueSwarm,
}

/// How an instance is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Balancer {
    /// `policy`.
    pub policy: Policy,
    /// `metrics_range`, also `metricsRange`; `-5m` and `5m` mean the same.
    pub metrics_range: Duration,
    /// `cpu_limit`, also `cpuLimit`: percent; an instance above it takes no new meetings.
    pub cpu_limit: f64,
    /// `mem_limit`, also `memLimit`: percent; an instance above it takes no new meetings.
    pub mem_limit: f64,
    /// `size_hint`: the parameter of `create` in which frontends say how many users will come, such as `meta_expected-users`.
    pub size_hint: Option<String>,
}

/// The placement policies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Policy {
    /// Own book-keeping of expected users, corrected by measurements.
    #[default]
    Ledger,
    /// Lowest mean of cpu + memory over the range, as the original did.
    Classic,
}

/// Where the shared state is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Redis {
    /// What [`crate::RedisAddress`] understands; `None`: the embedded store.
    pub address: Option<String>,
    /// The ACL user.
    pub username: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub database: i64,
    /// `sentinel_username`: the ACL user of the sentinels; without it and its password, sentinels that want a user are shown that of Redis.
    pub sentinel_username: Option<String>,
    /// `sentinel_password`: its password.
    pub sentinel_password: Option<Secret>,
    /// `ca_file`: certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// `certificate`: PEM, shown to a Redis that asks who connects.
    pub certificate: Option<PathBuf>,
    /// `certificate_key`: the certificate's private key, PEM.
    pub certificate_key: Option<PathBuf>,
}

/// Where telegraf writes to.
#[derive(Debug, Clone, PartialEq)]
pub struct InfluxDb {
    /// A url; `None`: telegraf writes to the control plane itself.
    pub address: Option<Url>,
    /// Of an API token that may read the bucket; for the embedded endpoint, the token telegraf must show, without it the admin key.
    pub token: Option<Secret>,
    /// The organization's name; the embedded endpoint takes any if this is empty.
    pub organization: String,
    /// The bucket's name; the embedded endpoint takes any if this is empty.
    pub bucket: String,
}

/// The control plane's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlPlane {
    /// Where gRPC, `/api/v2/write`, `/metrics`, `/livez` and `/readyz` are served.
    pub listen: SocketAddr,
    /// Proxies show it; without it they show the admin key.
    pub proxy_token: Option<Secret>,
    /// How often the pool is asked what runs.
    pub check_interval: Duration,
    /// `tls`: without it, the control plane serves in clear.
    pub tls: Option<Tls>,
}

/// How a program of ours proves who it is, and who may connect to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// `certificate`: PEM, its own certificate first, then the chain.
    pub certificate: PathBuf,
    /// `key`: the certificate's private key, PEM.
    pub key: PathBuf,
    /// `client_ca`: PEM; only clients whose certificate it signed may connect.
    pub client_ca: Option<PathBuf>,
}

/// The data plane's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct DataPlane {
    /// `public_url`: where instances reach the proxies with what they have to tell frontends, without a path; `None`: where the frontend
    /// did.
    pub public_url: Option<Url>,
    /// Urls of control planes, any of which will do.
    pub control_planes: Vec<Url>,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub admin_listen: SocketAddr,
    /// Threads that serve frontends; `None`: one for each core.
    pub workers: Option<usize>,
    /// Addresses whose `X-Forwarded-Host` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// `tls`: without it, frontends are served in clear.
    pub tls: Option<Tls>,
    /// `client_tls`: what a proxy shows to control planes that ask who it is.
    pub client_tls: Option<Tls>,
    /// `shutdown_grace`: how long a proxy that shall end goes on as before, but says that it is not ready.
    pub shutdown_grace: Duration,
}

/// How instances are called.
#[derive(Debug, Clone, PartialEq)]
pub struct Upstream {
    /// Certificates (PEM) to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// How long a call may take, from its arrival to the end of its answer.
    pub call_timeout: Duration,
    /// The same for `create`, which may fetch presentations before it answers.
    pub create_timeout: Duration,
}

/// What is logged, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// A filter such as `info` or `warn,b3lb_data_plane=debug`.
    pub level: String,
    /// How lines look.
    pub format: LogFormat,
    /// `access`: a line for each call is written to stdout.
    pub access: bool,
}

/// Where traces go, and how many.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracing {
    /// `otlp_endpoint`: a collector that takes OTLP over gRPC.
    pub otlp_endpoint: Option<Url>,
    /// `sample_ratio`: the part of all calls that is traced, of those with which the frontend does not say whether they are.
    pub sample_ratio: f64,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Self {
            bigbluebutton: BigBlueButton {
                secret: None,
                recordings_poll_interval: Duration::from_secs(15 * 60),
                labels_for_swarm: false,
            },
            admin: Admin { api_key: None, compat: AdminCompat::default() },
            balancer: Balancer {
                policy: Policy::default(),
                metrics_range: Duration::from_secs(5 * 60),
                cpu_limit: 100.0,
                mem_limit: 100.0,
                size_hint: None,
            },
            port: 8080,
            redis: Redis::default(),
            influxdb: InfluxDb { address: None, token: None, organization: String::new(), bucket: String::new() },
            state_dir: None,
            control_plane: ControlPlane {
                listen: SocketAddr::new(any, 8091),
                proxy_token: None,
                check_interval: Duration::from_secs(15),
                tls: None,
            },
            data_plane: DataPlane {
                public_url: None,
                control_planes: Vec::from(["http://127.0.0.1:8091".parse().expect("a url")]),
                admin_listen: SocketAddr::new(any, 8092),
                workers: None,
                trusted_proxies: Vec::new(),
                tls: None,
                client_tls: None,
                shutdown_grace: Duration::from_secs(5),
            },
            parameters: Parameters::default(),
            upstream: Upstream {
                ca_file: None,
                call_timeout: Duration::from_secs(10),
                create_timeout: Duration::from_secs(60),
            },
            log: Log { level: "info".to_owned(), format: LogFormat::default(), access: false },
            tracing: Tracing { otlp_endpoint: None, sample_ratio: 1.0 },
        }
    }
}

impl Settings {
    /// What proxies and control planes know together: the proxies' token, else the admin key.
    pub fn shared_secret(&self) -> Option<&Secret> {
        self.control_plane.proxy_token.as_ref().or(self.admin.api_key.as_ref())
    }

    /// The certificates that programs show.
    pub(crate) fn certificates(&self) -> Vec<&Path> {
        self.all_tls().map(|tls| tls.certificate.as_path()).collect()
    }

    fn all_tls(&self) -> impl Iterator<Item = &Tls> {
        [&self.control_plane.tls, &self.data_plane.tls, &self.data_plane.client_tls].into_iter().flatten()
    }

    /// The files that are read besides the configuration's own.
    pub(crate) fn files(&self) -> Vec<&Path> {
        let tls = self.all_tls().flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]);
        tls.chain([self.upstream.ca_file.as_ref()]).flatten().map(PathBuf::as_path).collect()
    }

    /// These settings, but with what cannot change while a program runs as it is in `running`; and the keys of what would have changed.
    pub(crate) fn kept_from(mut self, running: &Self) -> (Self, Vec<&'static str>) {
        let mut kept = Vec::new();
        let mut keep = |name, differs: bool| {
            if differs {
                kept.push(name);
            }
        };
        macro_rules! keep {
            ($($name:literal => $($field:ident).+;)*) => {
                $(
                    keep($name, self.$($field).+ != running.$($field).+);
                    self.$($field).+.clone_from(&running.$($field).+);
                )*
            };
        }
        keep! {
            "bigbluebutton.recordings_poll_interval" => bigbluebutton.recordings_poll_interval;
            "balancer.metrics_range" => balancer.metrics_range;
            "port" => port;
            "redis" => redis;
            "influxdb" => influxdb;
            "state_dir" => state_dir;
            "control_plane.listen" => control_plane.listen;
            "control_plane.check_interval" => control_plane.check_interval;
            "data_plane.admin_listen" => data_plane.admin_listen;
            "data_plane.workers" => data_plane.workers;
            "upstream.ca_file" => upstream.ca_file;
            "log.format" => log.format;
            "log.access" => log.access;
            "tracing" => tracing;
        }
        (self, kept)
    }
}
