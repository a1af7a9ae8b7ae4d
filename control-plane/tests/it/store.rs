//! The stores, on a real Redis and on real files.

mod cluster;
mod embedded;
mod history;
mod parity;
mod redis;
mod refusals;
mod secured;
mod sentinels;
mod stream;
mod suite;
mod user;

use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use b3lb_control_plane::state::{Change, Instance, Meeting, Placement, State};
use b3lb_control_plane::store::{Claim, Store};
use bbb::{MeetingKey, Secret};
use std::ops::Deref;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long anything may take; far more than it does, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// The instances that most tests begin with.
const ONE: &str = "https://one.example.org/bigbluebutton";
const TWO: &str = "https://two.example.org/bigbluebutton";

/// A store with its work running. Both end with the value.
struct Running {
    store: Store,
    shutdown: CancellationToken,
    work: JoinHandle<()>,
}

impl Running {
    async fn open(settings: &Settings) -> Self {
        let (store, work) = timeout(PATIENCE, Store::open(settings)).await.unwrap().unwrap();
        let shutdown = CancellationToken::new();
        let work = tokio::spawn(work.run(shutdown.clone()));
        Self { store, shutdown, work }
    }

    /// Ends it as a control plane does, and waits for its end.
    async fn close(mut self) {
        self.shutdown.cancel();
        timeout(PATIENCE, &mut self.work).await.unwrap().unwrap();
    }

    fn state(&self) -> State {
        self.replica().state()
    }

    /// Writes what nobody else has touched.
    async fn put(&self, changes: Vec<Change>) {
        self.commit(&self.state(), changes, None).await.unwrap();
    }

    /// Waits until the state is as wished.
    async fn until(&self, wished: impl Fn(&State) -> bool) {
        eventually(|| wished(&self.state())).await;
    }
}

impl Deref for Running {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

async fn eventually(wished: impl Fn() -> bool) {
    let poll = async {
        while !wished() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, poll).await.expect("what was waited for");
}

fn on_redis(server: &RedisServer) -> Settings {
    let mut settings = Settings::default();
    settings.redis.address = Some(server.address());
    settings
}

fn instance(url: &str) -> Instance {
    Instance::new(url, Secret::new("of-the-instance"))
}

fn instances(urls: &[&str]) -> Vec<Change> {
    urls.iter().map(|url| Change::Instance(instance(url))).collect()
}

fn meeting(tenant: &str, id: &str) -> Meeting {
    Meeting { key: MeetingKey::of(id.as_bytes()), tenant: tenant.into() }
}

fn placement(url: &str) -> Placement {
    Placement::new(url.into(), "a meeting", 1_795_000_000_000)
}

/// The wish to place a meeting of the tenant `t` that is nowhere yet.
fn claim(id: &str, url: &str) -> Claim {
    Claim { meeting: meeting("t", id), placement: placement(url), leaving: None, bound: false, limit: None }
}

/// Where the state has a meeting of the tenant `t`.
fn place_of(state: &State, id: &str) -> Option<String> {
    state.placements.get(&meeting("t", id)).map(|placement| placement.instance.to_string())
}
