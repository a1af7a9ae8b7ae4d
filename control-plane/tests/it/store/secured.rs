//! Sentinels and clusters that speak TLS to those only who have a certificate.

use super::suite;
use crate::redis_sets::secured::Secured;

#[tokio::test]
async fn every_promise_holds_through_a_sentinel_over_tls() {
    let secured = Secured::start().await;
    let (_sentinel, address) = secured.watched().await;
    let mut settings = secured.settings();
    settings.redis.address = Some(address);
    suite::on(&settings, &secured.server).await;
}

#[tokio::test]
async fn every_promise_holds_in_a_cluster_over_tls() {
    let options = [
        ["--save", ""],
        ["--cluster-enabled", "yes"],
        ["--tls-cluster", "yes"],
        ["--cluster-announce-hostname", "localhost"],
        ["--cluster-preferred-endpoint-type", "hostname"],
    ];
    let secured = Secured::start_with(options.as_flattened()).await;
    secured.server.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    let mut settings = secured.settings();
    settings.redis.address = Some(secured.of_cluster());
    suite::on(&settings, &secured.server).await;
}
