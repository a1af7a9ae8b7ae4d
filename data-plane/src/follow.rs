//! Follows one control plane's stream, and moves on to another when it ends. What was learned last stays in use meanwhile.

use crate::control::ControlPlanes;
use crate::meters::Meters;
use crate::routes::Routes;
use crate::table::{Assembly, OutOfStep, Part};
use crate::wire::Garbled;
use b3lb_config::pulse::Pulse;
use b3lb_proto::v1::{Update, WatchRequest};
use std::error::Error;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::{sleep, timeout};
use tonic::{Status, Streaming};

/// A control plane says something every three seconds. One that misses three times is looked for elsewhere.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// For the stream to open. Connecting has its own limit, which is shorter.
const OPEN_DEADLINE: Duration = Duration::from_secs(2);
/// After all control planes were tried in vain: the first pause, and the longest.
const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// Reasons that are logged until a control plane is followed again: a few of each.
const REASONS_MAX: usize = 16;

/// Keeps the table up to date.
pub(crate) struct Follower {
    pub(crate) control: ControlPlanes,
    pub(crate) routes: Routes,
    pub(crate) meters: Meters,
    pub(crate) pulse: Pulse,
    /// A name for the control plane's logs.
    pub(crate) proxy: String,
}

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the control plane ended it")]
    Closed,
    #[error("the control plane fell silent")]
    Silent(#[from] Elapsed),
    #[error("{}: {}", .0.code(), reason(.0))]
    Failed(#[from] Status),
    #[error(transparent)]
    OutOfStep(#[from] OutOfStep),
    #[error(transparent)]
    Garbled(#[from] Garbled),
}

impl Follower {
    /// Follows for ever.
    pub(crate) async fn run(self) {
        let mut failures = 0;
        let mut resync = false;
        let mut said: Vec<(String, String)> = Vec::new();
        loop {
            let mut applied = false;
            self.pulse.beat();
            let Err(end) = self.follow(resync, &mut applied).await;
            self.meters.connected.set(0.0);
            let (url, _) = self.control.preferred();
            if applied {
                said.clear();
            }
            // Once is enough; the log would be full of it.
            let what = (url, end.to_string());
            if !said.contains(&what) && said.len() < REASONS_MAX {
                tracing::warn!(url = what.0, end = what.1, "no longer following the control plane");
                said.push(what);
            }
            resync = matches!(end, End::OutOfStep(_));
            if resync {
                self.meters.resyncs.increment(1);
            } else {
                self.control.pass_over();
            }
            failures = if applied { 0 } else { failures + 1 };
            if failures >= self.control.count() {
                self.control.note_away();
            }
            sleep(self.pause(failures)).await;
        }
    }

    /// Follows one stream to its end. `applied` tells whether it was any good.
    async fn follow(&self, resync: bool, applied: &mut bool) -> Result<std::convert::Infallible, End> {
        let mut assembly = Assembly::default();
        let mut updates = self.open(resync).await?;
        loop {
            let update = timeout(SILENCE_MAX, updates.message()).await??.ok_or(End::Closed)?;
            self.pulse.beat();
            let last = update.last;
            self.routes.take(&mut assembly, Part::try_from(update)?)?;
            if last && !*applied {
                *applied = true;
                self.meters.connected.set(1.0);
                let (url, _) = self.control.preferred();
                let [instances, tenants, meetings, _] = self.routes.table().sizes();
                tracing::info!(url, instances, tenants, meetings, "following the control plane");
            }
            self.meters.updated();
        }
    }

    async fn open(&self, resync: bool) -> Result<Streaming<Update>, End> {
        let table = self.routes.table();
        let (epoch, revision) = if resync { Default::default() } else { (&*table.epoch, &*table.revision) };
        let request =
            WatchRequest { proxy: self.proxy.clone(), epoch: epoch.to_owned(), revision: revision.to_owned() };
        let (_, mut client) = self.control.preferred();
        Ok(timeout(OPEN_DEADLINE, client.watch(request)).await??.into_inner())
    }

    /// No pause while there is a control plane that was not tried; then longer and longer ones, of random length, so that many proxies
    /// do not come back at the same moment.
    fn pause(&self, failures: usize) -> Duration {
        let rounds = failures / self.control.count();
        if rounds == 0 {
            return Duration::ZERO;
        }
        let [first, longest] = BACKOFF;
        let pause = longest.min(first * 2u32.saturating_pow(u32::try_from(rounds - 1).unwrap_or(u32::MAX)));
        pause.mul_f64(rand::random_range(0.5..1.0))
    }
}

/// What a status says, and what it comes from if it was made here: that a certificate is not taken stands at the end of it.
fn reason(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        cause = error.source();
    }
    text
}
