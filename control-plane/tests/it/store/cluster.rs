//! A Redis that is part of a cluster.

use super::stream::Stream;
use super::{suite, user};
use crate::redis_sets::cluster::{Cluster, NEXT, OWNER, REPLICA, SLOT};
use b3lb_config::Settings;

fn within(cluster: &Cluster) -> Settings {
    let mut settings = Settings::default();
    settings.redis.address = Some(cluster.address());
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_in_a_cluster() {
    let cluster = Cluster::start().await;
    let slot: u16 = cluster.servers[OWNER].run(&["CLUSTER", "KEYSLOT", "{b3lb}:epoch"]).await;
    assert_eq!(slot.to_string(), SLOT);
    for server in &cluster.servers {
        user::introduce(server, &[]).await;
    }
    suite::on(&user::of_user(within(&cluster)), &cluster.servers[OWNER]).await;
}

/// Once because their slot is moved, once to a replica on purpose, and once to a replica because its master is dead.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_new_owners() {
    let mut cluster = Cluster::start().await;
    let claims = Stream::start(&within(&cluster)).await;
    cluster.migrate(OWNER, NEXT).await;
    cluster.until_owned_by(NEXT, &[0, 1, 2, 3]).await;
    claims.goes_on().await;
    cluster.servers[REPLICA].run::<()>(&["CLUSTER", "FAILOVER"]).await;
    cluster.until_owned_by(REPLICA, &[0, 1, 2, 3]).await;
    cluster.until_replica(NEXT).await;
    claims.goes_on().await;
    cluster.servers[REPLICA].kill();
    cluster.until_owned_by(NEXT, &[0, 1, 2]).await;
    claims.goes_on().await;
    claims.ends_complete().await;
}
