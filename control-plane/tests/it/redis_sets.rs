//! Real `redis-server`s that need more than themselves: others, or certificates.

pub(crate) mod cluster;
pub(crate) mod secured;
pub(crate) mod sentinels;

use crate::redis_server::RedisServer;
use redis::FromRedisValue;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long they may take to agree; far more than they do, for machines that are busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the answer is as wished.
async fn until<T: FromRedisValue>(server: &RedisServer, command: &[&str], wished: impl Fn(&T) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !server.try_run(command).await.is_ok_and(|answer| wished(&answer)) {
        assert!(Instant::now() < end, "{command:?} does not answer as it should");
        sleep(Duration::from_millis(5)).await;
    }
}
