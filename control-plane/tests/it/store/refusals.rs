//! A Redis that lets nobody in who has not all that it takes, and what is said to one who has not.

use super::{Running, instances, on_redis, suite, user};
use crate::redis_server::RedisServer;
use crate::redis_sets::secured::Secured;
use crate::redis_sets::sentinels::Sentinels;
use b3lb_config::Settings;
use b3lb_control_plane::store::Store;
use bbb::Secret;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing_subscriber::fmt::MakeWriter;

/// After so long without a line, another attempt is made to hear it.
const HEARING: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_over_tls_for_a_user_with_few_rights() {
    let secured = Secured::start().await;
    user::introduce(&secured.server, &[]).await;
    suite::on(&user::of_user(secured.settings()), &secured.server).await;
}

#[tokio::test]
async fn what_can_never_work_ends_the_start() {
    let secured = Secured::start().await;
    let mut settings = secured.settings();
    settings.redis.certificate_key = Some(secured.file("ca.pem"));
    let refused = Store::open(&settings).await.map(drop).unwrap_err().to_string();
    assert!(refused.starts_with("the store cannot be used: redis.ca_file or redis.certificate: "), "{refused}");
    assert!(refused.contains("ca.pem: no private key can be read"), "{refused}");
}

/// Of each that may be put right while we try, one line tells what is wrong; then it is put right.
#[tokio::test]
async fn what_is_wrong_is_said_in_one_line() {
    let server = RedisServer::start().await;
    user::introduce(&server, &[]).await;
    let good = user::of_user(on_redis(&server));
    let place = server.address();

    let mut settings = good.clone();
    settings.redis.password = Some(Secret::new("hunter2"));
    let wrong = format!("{place} refused the user \"b3lb\": WRONGPASS ");
    said(&settings, &wrong).await;
    settings.redis.username = Some("nobody".to_owned());
    said(&settings, &format!("{place} refused the user \"nobody\": WRONGPASS ")).await;
    settings.redis.username = None;
    said(&settings, &format!("{place} refused the password: ")).await;

    for (rules, wrong) in [
        (["-hincrby", "-hscan"], format!("{place}: its user may not run hincrby, hscan")),
        (["-role", "-role"], format!("{place}: NOPERM ")),
        (["resetkeys", "~other"], format!("{place}: NOPERM ")),
    ] {
        user::introduce(&server, &rules).await;
        said(&good, &wrong).await;
    }
    user::introduce(&server, &[]).await;
    Running::open(&good).await.put(instances(&[super::ONE])).await;
}

#[tokio::test]
async fn what_is_wrong_with_tls_or_the_company_is_said_too() {
    let secured = Secured::start().await;
    let mut settings = secured.settings();
    settings.redis.ca_file = None;
    said(&settings, "TLS failed: invalid peer certificate: UnknownIssuer").await;
    let mut settings = secured.settings();
    let address = settings.redis.address.unwrap().replace("localhost", "127.0.0.1");
    settings.redis.address = Some(address);
    said(&settings, "TLS failed: invalid peer certificate: certificate not valid for name \"127.0.0.1\"").await;
    let mut settings = secured.settings();
    (settings.redis.certificate, settings.redis.certificate_key) = (None, None);
    said(&settings, "received fatal alert: CertificateRequired").await;

    let set = Sentinels::start(1, 1, &[]).await;
    said(&on_redis(&set.servers[1]), &format!("{} is no master", set.servers[1].address())).await;
    let mut settings = Settings::default();
    settings.redis.address = Some(set.address().replace("mymaster", "another"));
    said(&settings, &format!("the sentinel {} knows nothing of another", set.sentinels[0].address())).await;
}

/// Tries to open a store until the log has its reason.
async fn said(settings: &Settings, wrong: &str) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let said = async {
        while !log.text().contains('\n') {
            tokio::task::yield_now().await;
        }
    };
    let heard = async {
        let mut said = std::pin::pin!(said);
        loop {
            tokio::select! {
                opened = Store::open(settings) => panic!("{:?}", opened.map(drop)),
                () = &mut said => return,
                // The line may have been said for the first time by another test, at the very moment when this log began.
                () = sleep(HEARING) => tracing::callsite::rebuild_interest_cache(),
            }
        }
    };
    timeout(super::PATIENCE, heard).await.expect("nothing is said");
    let text = log.text();
    assert!(text.contains("Redis cannot be used") && text.contains(wrong), "{wrong} is not in {text}");
    assert!(!text.contains("hunter2"), "{text}");
}

/// What is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
