//! Several implementations of the same rules, one of them in Lua: given the same random wishes, they must answer the same.

use super::{Running, on_redis};
use crate::random_changes::RandomChanges;
use crate::redis_server::RedisServer;
use b3lb_config::Settings;
use b3lb_control_plane::state::{Change, Revision, State};
use b3lb_control_plane::store::{Claim, StoreError};

/// Wishes in a sequence.
const STEPS: u32 = 80;

#[tokio::test(flavor = "multi_thread")]
async fn redis_decides_as_memory_does() {
    let server = RedisServer::start_forgetful().await;
    for seed in 0..24 {
        server.run::<()>(&["FLUSHALL"]).await;
        compare(seed, &on_redis(&server)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_keeps_what_memory_would() {
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        compare(seed, &Settings { state_dir: Some(dir.path().to_owned()), ..Settings::default() }).await;
    }
}

/// Asks a store and one in memory for the same; then opens the store again, to see what it really kept.
async fn compare(seed: u64, settings: &Settings) {
    let (store, memory) = (Running::open(settings).await, Running::open(&Settings::default()).await);
    let mut random = RandomChanges::of_seed(seed);
    // What both knew at the same time.
    let mut seen = vec![(store.state(), memory.state())];
    for step in 0..STEPS {
        let about = format!("seed {seed}, step {step}");
        if random.once_in(2) {
            let claim = claim(&mut random, &memory.state());
            let answers = (store.claim(&claim).await.unwrap(), memory.claim(&claim).await.unwrap());
            assert_eq!(answers.0, answers.1, "{about}: {claim:?}");
        } else {
            // Mostly on what is known now, sometimes on an older view.
            let back = if random.once_in(3) { random.below(4) as usize } else { 0 };
            let (store_seen, memory_seen) = &seen[seen.len().saturating_sub(1 + back)];
            let changes: Vec<Change> = (0..=random.below(3)).map(|_| random.change(memory_seen)).collect();
            let of_store = store.commit(store_seen, changes.clone(), None).await;
            let of_memory = memory.commit(memory_seen, changes.clone(), None).await;
            assert_eq!(told(of_store), told(of_memory), "{about}: {changes:?}");
        }
        let now = (store.state(), memory.state());
        assert_eq!(timeless(&now.0), timeless(&now.1), "{about}");
        seen.push(now);
    }
    let before = store.state();
    store.close().await;
    assert_eq!(Running::open(settings).await.state(), before, "seed {seed}");
}

fn claim(random: &mut RandomChanges, state: &State) -> Claim {
    let url = random.url();
    let meeting = random.meeting();
    let current = state.placements.get(&meeting).map(|placement| placement.instance.clone());
    let leaving = if random.once_in(2) { current } else { random.once_in(4).then(|| random.url()) };
    Claim { meeting, placement: random.placement(url), leaving, bound: random.once_in(4), limit: None }
}

/// An answer without the revision, which is each store's own.
fn told(answer: Result<Revision, StoreError>) -> Result<(), String> {
    answer.map(drop).map_err(|error| error.to_string())
}

fn timeless(state: &State) -> State {
    State { epoch: "".into(), revision: Revision::default(), ..state.clone() }
}
