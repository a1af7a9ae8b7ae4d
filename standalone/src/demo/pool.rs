//! What the demo runs: a control plane, two proxies and three simulated instances with their telegraf, all in this process.

use crate::demo::operator::Operator;
use crate::planes::{Parts, first_end, spawn_control_plane, spawn_proxy, url};
use anyhow::{Context, Result};
use b3lb_config::Settings;
use b3lb_data_plane::Listeners;
use b3lb_proto::v1::PoolStatus;
use b3lb_sim::{Frontend, Instance, Options, Telegraf};
use bbb::Secret;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Ports that are easy to tell apart; one that is taken is replaced by any that is free.
const CONTROL_PLANE_PORT: u16 = 18090;
const PROXY_PORTS: [u16; 2] = [18080, 18081];
const INSTANCE_PORTS: [u16; 3] = [18001, 18002, 18003];

/// Checks and readings are made so often that nobody has to wait for them.
const INTERVAL: Duration = Duration::from_secs(1);
/// Everything is in this process; what is not up by then never will be.
const START_DEADLINE: Duration = Duration::from_secs(20);

/// The meeting that instance 1 has before B3LB comes, and how many users are in it.
const OLD_MEETING: &str = "staff-room";
pub(crate) const OLD_USERS: usize = 25;

/// The running demo; everything in it ends with its token.
pub(crate) struct Pool {
    pub(crate) instances: Vec<Instance>,
    /// One for each proxy, signing with B3LB's secret.
    pub(crate) frontends: Vec<Frontend>,
    pub(crate) operator: Operator,
    pub(crate) control_plane: SocketAddr,
}

impl Pool {
    /// Starts everything, and returns when the control plane knows the pool and how loaded it is.
    pub(crate) async fn start(parts: &mut Parts, shutdown: &CancellationToken) -> Result<Self> {
        let mut settings = Settings::default();
        settings.bigbluebutton.secret = Some(Secret::new("demo-secret"));
        let key = Secret::new("demo-admin-key");
        settings.admin.api_key = Some(key.clone());
        let token = Secret::new("demo-telegraf-token");
        settings.influxdb.token = Some(token.clone());
        settings.control_plane.check_interval = INTERVAL;
        let listener = bind(CONTROL_PLANE_PORT).await?;
        let control_plane = listener.local_addr()?;
        settings.data_plane.control_planes = Vec::from([format!("http://{control_plane}").parse()?]);
        // Whoever ends the demo waits for it.
        settings.data_plane.shutdown_grace = std::time::Duration::ZERO;

        spawn_control_plane(parts, settings.clone(), listener, shutdown.clone());
        let frontends = start_proxies(parts, &settings, shutdown).await?;
        let instances = start_instances(control_plane, token).await?;
        let pool = Self { instances, frontends, operator: Operator::new(control_plane, &key)?, control_plane };
        tokio::select! {
            filled = timeout(START_DEADLINE, pool.fill()) => filled.context("the demo did not come up in time")??,
            ended = first_end(parts) => return Err(ended),
        }
        Ok(pool)
    }

    /// Adds the instances, and waits until the control plane has measured and asked them.
    async fn fill(&self) -> Result<()> {
        let before = Frontend::new(&self.url(0), self.instances[0].secret().clone())?;
        before.create(OLD_MEETING).await?;
        for user in 1..=OLD_USERS {
            before.join(OLD_MEETING, &format!("Teacher {user}")).await?;
        }
        for instance in &self.instances {
            self.operator.add(instance.url(), instance.secret()).await?;
        }
        let known = |status: &PoolStatus| {
            status.users as usize >= OLD_USERS
                && status.instances.iter().all(|instance| instance.online && instance.cpu.is_some())
        };
        self.operator.until(known).await
    }

    pub(crate) fn url(&self, instance: usize) -> String {
        self.instances[instance].url()
    }

    /// A line to paste into a shell: a call through a proxy, signed.
    pub(crate) fn curl(&self, proxy: usize, action: &str, params: &[(&str, &str)]) -> String {
        let frontend = &self.frontends[proxy];
        let target = frontend.target(action, &b3lb_sim::frontend::query(params));
        format!("curl 'http://{}{target}'", frontend.authority)
    }
}

async fn start_proxies(parts: &mut Parts, settings: &Settings, shutdown: &CancellationToken) -> Result<Vec<Frontend>> {
    let secret = settings.bigbluebutton.secret.clone().context("the demo has a secret")?;
    let mut frontends = Vec::new();
    for port in PROXY_PORTS {
        // Sockets of several workers share a port, and would with those of another demo; one that shares nothing finds a free one.
        let free = bind(port).await?.local_addr()?;
        let listeners = Listeners::bind_to(free, SocketAddr::new(free.ip(), 0), 1)?;
        frontends.push(Frontend::new(url(listeners.public_addr())?.as_str(), secret.clone())?);
        spawn_proxy(parts, settings.clone(), None, listeners, shutdown.clone());
    }
    Ok(frontends)
}

async fn start_instances(control_plane: SocketAddr, token: Secret) -> Result<Vec<Instance>> {
    let mut instances = Vec::new();
    for (seed, port) in (0..).zip(INSTANCE_PORTS) {
        let telegraf = Telegraf { interval: INTERVAL, ..Telegraf::new(url(control_plane)?, token.clone()) };
        let options = Options { seed, telegraf: Some(telegraf), ..Options::default() };
        instances.push(Instance::start(bind(port).await?, options)?);
    }
    Ok(instances)
}

/// Listens on the loopback interface: on this port if it is free, else on any.
async fn bind(port: u16) -> Result<TcpListener> {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
        other => other,
    };
    listener.context("no port is free")
}
