//! A simulated telegraf: reads its machine's load at an interval and writes it to InfluxDB, or to what stands in for it, as
//! telegraf does with the configuration that B3LB's users have.

mod backlog;
mod machine;
mod output;

use crate::instance::Shared;
use backlog::Backlog;
use bbb::Secret;
use machine::Machine;
use output::{Output, Verdict};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use url::Url;

/// The longest wait that an answer can ask for.
const WAIT_MAX: Duration = Duration::from_secs(10 * 60);

/// Where and how often an instance's load is written.
#[derive(Debug, Clone)]
pub struct Telegraf {
    /// The base url of InfluxDB, without TLS.
    pub url: Url,
    /// An API token.
    pub token: Secret,
    /// The organization's name.
    pub organization: String,
    /// The bucket's name.
    pub bucket: String,
    /// Time between readings, and between writes.
    pub interval: Duration,
    /// The tag `b3lb_host`: the instance's url as its administrator typed it; `None`: as the instance knows itself.
    pub b3lb_host: Option<String>,
}

impl Telegraf {
    /// One that writes to `url` every ten seconds.
    pub fn new(url: Url, token: Secret) -> Self {
        let interval = Duration::from_secs(10);
        Self { url, token, organization: "b3lb".to_owned(), bucket: "bucket".to_owned(), interval, b3lb_host: None }
    }

    /// Reads and writes for ever.
    pub(crate) async fn run(&self, shared: &Shared, url: &str, seed: u64) {
        let mut machine = Machine::new(self.b3lb_host.as_deref().unwrap_or(url), seed);
        let output = Output::new(self);
        let mut backlog = Backlog::default();
        let (mut attempts, mut not_before) = (0, Instant::now());
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = crate::clock::now();
            backlog.add(machine.read(shared.census(now), now, self.interval));
            if Instant::now() < not_before {
                continue;
            }
            attempts += 1;
            match flush(&output, &mut backlog).await {
                None => attempts = 0,
                Some(wait) => not_before = Instant::now() + wait.unwrap_or_else(|| backoff(attempts)).min(WAIT_MAX),
            }
        }
    }
}

/// Writes what has gathered, batch by batch. `Some`: it is to be tried again, after this time if the answer said one.
async fn flush(output: &Output, backlog: &mut Backlog) -> Option<Option<Duration>> {
    loop {
        let batch = backlog.batch();
        if batch.is_empty() {
            return None;
        }
        match output.write(&batch.concat()).await {
            Verdict::Delivered => backlog.drop_batch(batch.len()),
            Verdict::Refused => {
                tracing::warn!("telegraf: a batch of {} metrics was refused", batch.len());
                backlog.drop_batch(batch.len());
            }
            Verdict::TooLarge => backlog.split_batch(batch.len()),
            Verdict::Later(wait) => return Some(wait),
        }
    }
}

/// Grows with the square of the attempts, slowly: a tenth of a second after two, a second after six.
fn backoff(attempts: u32) -> Duration {
    Duration::from_secs(u64::from(attempts.pow(2)).min(60 * 40)) / 40
}
