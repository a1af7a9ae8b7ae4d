//! A Redis that sentinels watch.

use super::stream::Stream;
use super::{Running, instances, suite, user};
use crate::redis_sets::sentinels::Sentinels;
use b3lb_config::Settings;
use bbb::Secret;

fn through(set: &Sentinels) -> Settings {
    let mut settings = Settings::default();
    settings.redis.address = Some(set.address());
    settings
}

/// The first sentinel is not there, and the second wants to know who asks.
#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_through_sentinels_that_ask_who_we_are() {
    let lines = [
        "user default off",
        "user b3lb on \">a secret\" +sentinel|get-master-addr-by-name",
        "sentinel down-after-milliseconds mymaster 30000",
    ];
    let set = Sentinels::start(1, 1, &lines).await;
    for server in &set.servers {
        user::introduce(server, &[]).await;
    }
    let mut settings = user::of_user(through(&set));
    settings.redis.address = Some(set.address().replace("://", "://127.0.0.1:1,"));
    suite::on(&settings, &set.servers[0]).await;
}

#[tokio::test]
async fn sentinels_may_have_a_password_of_their_own() {
    let set = Sentinels::start(0, 1, &["requirepass sentinels"]).await;
    let mut settings = through(&set);
    settings.redis.sentinel_password = Some(Secret::new("sentinels"));
    Running::open(&settings).await.put(instances(&["https://one.example.org/bigbluebutton"])).await;
}

/// Once on purpose, while the old master goes on taking writes, and once because it is dead.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_new_masters() {
    let mut set = Sentinels::start(2, 3, &[]).await;
    let claims = Stream::start(&through(&set)).await;
    set.fail_over().await;
    claims.goes_on().await;
    let second = set.master().await;
    set.servers[second].kill();
    set.until_replaced(second).await;
    claims.goes_on().await;
    claims.ends_complete().await;
}
