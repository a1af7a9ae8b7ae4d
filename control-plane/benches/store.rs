//! What a placement waits for: a claim in every kind of store, and how soon another control plane knows of it. Needs a `redis-server`.
#![allow(missing_docs, reason = "criterion's macros write functions without documentation")]
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

#[path = "../tests/it/redis_server.rs"]
#[allow(dead_code, reason = "tests need more of it")]
mod redis_server;

use b3lb_config::Settings;
use b3lb_control_plane::state::{Admission, Change, Instance, Meeting, Placement};
use b3lb_control_plane::store::{Claim, Claimed, Store};
use bbb::{MeetingKey, Secret};
use criterion::{Criterion, criterion_group, criterion_main};
use redis_server::RedisServer;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const URL: &str = "https://bbb1.example.org/bigbluebutton";

/// Claims under way at the same moment in a burst.
const BURST: usize = 64;

/// Every claim is for a meeting of its own.
static MEETINGS: AtomicUsize = AtomicUsize::new(0);

async fn open(settings: &Settings) -> Store {
    let (store, work) = Store::open(settings).await.unwrap();
    tokio::spawn(work.run(CancellationToken::new()));
    let (secret, admission) = (Secret::new("secret"), Admission::Open);
    let instance = Instance { admission, ..Instance::new(URL, secret) };
    store.commit(&store.replica().state(), vec![Change::Instance(instance)], None).await.unwrap();
    store
}

async fn claim(store: &Store) -> Meeting {
    let id = MEETINGS.fetch_add(1, Ordering::Relaxed).to_string();
    let meeting = Meeting { key: MeetingKey::of(id.as_bytes()), tenant: "*".into() };
    let placement = Placement::new(URL.into(), &id, 0);
    let claimed = store
        .claim(&Claim { meeting: meeting.clone(), placement, leaving: None, bound: false, limit: None })
        .await
        .unwrap();
    assert_eq!(claimed, Claimed::Placed);
    meeting
}

async fn burst(store: &Store) {
    let mut claims = JoinSet::new();
    for _ in 0..BURST {
        let store = store.clone();
        claims.spawn(async move { claim(&store).await });
    }
    claims.join_all().await;
}

fn claims(c: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let server = runtime.block_on(RedisServer::start_forgetful());
    let mut on_redis = Settings::default();
    on_redis.redis.address = Some(server.address());
    let stores = [
        ("memory", Settings::default()),
        ("a file", Settings { state_dir: Some(dir.path().to_owned()), ..Settings::default() }),
        ("redis", on_redis.clone()),
    ];
    for (name, settings) in stores {
        let store = runtime.block_on(open(&settings));
        c.bench_function(&format!("claim in {name}"), |b| b.to_async(&runtime).iter(|| claim(&store)));
        c.bench_function(&format!("{BURST} claims at once in {name}"), |b| b.to_async(&runtime).iter(|| burst(&store)));
    }
    let (here, there) = runtime.block_on(async { (open(&on_redis).await, open(&on_redis).await) });
    c.bench_function("claim until another control plane knows it", |b| {
        b.to_async(&runtime).iter(async || {
            claim(&here).await;
            let known = here.replica().state();
            assert!(there.replica().reached(&known.epoch, known.revision).await);
        });
    });
}

criterion_group!(benches, claims);
criterion_main!(benches);
