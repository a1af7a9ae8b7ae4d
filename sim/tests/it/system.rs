//! The whole system: real control planes and proxies on a real Redis, between simulated frontends and simulated instances.
//!
//! Each test has a [`Pool`] of its own, of the shape it asks for. Everything listens on the loopback interface.

mod abuse;
mod alone;
mod burst;
mod control_planes;
mod hooks;
mod instances;
mod limits;
mod lists;
mod metrics;
mod past;
mod planes;
mod recordings;
mod redis;
mod sharing;
mod store;
pub(crate) mod tenants;

use crate::wait::{until, within};
use b3lb_config::Settings;
use b3lb_config::settings::Policy;
use b3lb_proto::v1::{Instance as Member, PutInstancesRequest};
use b3lb_sim::frontend::{Answer, CallError};
use b3lb_sim::options::Rules;
use b3lb_sim::{Frontend, Instance, Options, Telegraf};
use bbb::Secret;
use futures::future::join_all;
use planes::{ControlPlane, Proxy};
use redis::Redis;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use tempfile::NamedTempFile;
use url::Url;

/// The secret that frontends share with B3LB.
const SECRET: &str = "frontend-secret";

/// The secret that B3LB shares with the instances.
pub(crate) const INSTANCE_SECRET: &str = "instance-secret";

const ADMIN_KEY: &str = "admin-key";

/// A running system. Its parts end with it.
pub(crate) struct Pool {
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) control_planes: Vec<ControlPlane>,
    pub(crate) redis: Redis,
    pub(crate) instances: Vec<Instance>,
    pub(crate) settings: Settings,
    _ca_file: NamedTempFile,
}

/// What a test needs.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) control_planes: usize,
    pub(crate) proxies: usize,
    pub(crate) instances: usize,
    pub(crate) call_timeout: Duration,
    pub(crate) create_timeout: Duration,
    pub(crate) https: bool,
    pub(crate) recordings_interval: Duration,
    /// For which meetings that have ended are still listed.
    pub(crate) listed: Duration,
}

impl Default for Shape {
    fn default() -> Self {
        // Patient: only where a test is about it may a busy machine run into one of these.
        let (call_timeout, create_timeout) = (Duration::from_secs(30), Duration::from_secs(30));
        Self {
            control_planes: 1,
            proxies: 1,
            instances: 3,
            call_timeout,
            create_timeout,
            https: false,
            recordings_interval: Duration::from_secs(15 * 60),
            listed: Rules::default().listed,
        }
    }
}

impl Pool {
    /// Starts everything, and returns when every proxy can create meetings on every instance.
    pub(crate) async fn start(shape: Shape) -> Self {
        let redis = Redis::start().await;
        let addresses: Vec<_> = (0..shape.control_planes).map(|_| reserved_address()).collect();
        let control_planes = addresses.iter().map(|address| format!("http://{address}").parse().unwrap());
        let mut settings = settings(shape, &redis, control_planes.collect());
        let mut instances = Vec::new();
        for number in 0..shape.instances {
            let telegraf = Telegraf {
                interval: Duration::from_secs(1),
                ..Telegraf::new(settings.data_plane.control_planes[0].clone(), Secret::new(ADMIN_KEY))
            };
            let secret = Secret::new(INSTANCE_SECRET);
            // A recording is there when its meeting has ended.
            let rules = Rules { processing: Duration::ZERO, listed: shape.listed, ..Rules::default() };
            let (seed, https, telegraf) = (number as u64, shape.https, Some(telegraf));
            instances.push(
                Instance::local(Options { seed, secret, https, telegraf, rules, ..Options::default() }).await.unwrap(),
            );
        }
        let certificates: String = instances.iter().filter_map(Instance::certificate).collect();
        let ca_file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&ca_file, &certificates).unwrap();
        settings.upstream.ca_file = (!certificates.is_empty()).then(|| ca_file.path().to_owned());
        let control_planes = addresses.iter().map(|at| ControlPlane::start(*at, settings.clone())).collect();
        let proxies = (0..shape.proxies).map(|_| Proxy::start(&settings)).collect();
        let pool = Self { proxies, control_planes, redis, instances, settings, _ca_file: ca_file };
        pool.fill().await;
        pool
    }

    async fn fill(&self) {
        let members = self.instances.iter().map(|instance| Member {
            url: instance.url(),
            secret: INSTANCE_SECRET.to_owned(),
            ..Member::default()
        });
        let request = PutInstancesRequest { instances: members.collect(), ..Default::default() };
        until("the pool is put", async || {
            let put = async { self.control_planes[0].admin().await?.put_instances(request.clone()).await };
            put.await.is_ok()
        })
        .await;
        self.until_complete().await;
    }

    /// Waits until every control plane would place on every instance, and every proxy knows the pool.
    pub(crate) async fn until_complete(&self) {
        for control_plane in &self.control_planes {
            until("all instances are eligible", async || {
                let status = control_plane.status().await;
                status.is_ok_and(|status| {
                    let eligible = status.instances.iter().filter(|instance| instance.ineligible.is_empty()).count();
                    eligible == self.instances.len()
                })
            })
            .await;
        }
        for frontend in self.frontends() {
            until("the proxy lists meetings", async || succeeded(frontend.meetings().await)).await;
        }
    }

    /// One frontend for each proxy.
    pub(crate) fn frontends(&self) -> Vec<Frontend> {
        self.proxies.iter().map(|proxy| proxy.frontend.clone()).collect()
    }

    /// The instances that have a meeting of this id which has not ended.
    pub(crate) fn holders(&self, meeting_id: &str) -> Vec<usize> {
        let holds = |instance: &Instance| {
            let meetings = instance.meetings();
            meetings.iter().any(|meeting| meeting.meeting_id == meeting_id && !meeting.has_been_forcibly_ended)
        };
        (0..self.instances.len()).filter(|&index| holds(&self.instances[index])).collect()
    }

    /// The instances that were told to create a meeting of this id.
    pub(crate) fn creates(&self, meeting_id: &str) -> Vec<usize> {
        let told = |index: &usize| self.instances[*index].creates().contains_key(meeting_id);
        (0..self.instances.len()).filter(told).collect()
    }

    /// How often an action was called on all instances together.
    pub(crate) fn received(&self, action: &str) -> usize {
        self.instances.iter().map(|instance| instance.received(action)).sum()
    }

    /// Waits until each instance has been asked for its meetings `times` more, by anyone.
    pub(crate) async fn until_polled(&self, times: usize) {
        let polled = self
            .instances
            .iter()
            .map(|instance| instance.until_received("getMeetings", instance.received("getMeetings") + times));
        within("instances are polled", join_all(polled)).await;
    }
}

fn settings(shape: Shape, redis: &Redis, control_planes: Vec<Url>) -> Settings {
    let mut settings = Settings::default();
    settings.bigbluebutton.secret = Some(Secret::new(SECRET));
    settings.admin.api_key = Some(Secret::new(ADMIN_KEY));
    settings.influxdb.token = Some(Secret::new(ADMIN_KEY));
    settings.balancer.policy = Policy::Ledger;
    settings.redis.address = Some(redis.address.to_string());
    settings.bigbluebutton.recordings_poll_interval = shape.recordings_interval;
    settings.control_plane.check_interval = Duration::from_millis(200);
    settings.data_plane.control_planes = control_planes;
    settings.upstream.call_timeout = shape.call_timeout;
    settings.upstream.create_timeout = shape.create_timeout;
    settings
}

/// An address that nobody else takes while its owner is away: its port is below those that the system gives out.
pub(crate) fn reserved_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = u16::try_from(std::process::id() % 10_000).unwrap();
    loop {
        let port = 20_000 + (first + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// Whether a call was answered with SUCCESS.
pub(crate) fn succeeded(answer: Result<Answer, CallError>) -> bool {
    answer.is_ok_and(|answer| answer.succeeded())
}
