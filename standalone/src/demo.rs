//! The demo: a pool in this process, and a tour of what B3LB does with it.
//!
//! - [`pool`]: what is started;
//! - [`tour`]: the steps of the tour, each checked against the instances themselves;
//! - [`steps`]: how steps are told;
//! - [`operator`]: calls to the control plane.

mod operator;
mod pool;
mod steps;
mod tour;

use crate::planes::{Parts, all_end, first_end};
use anyhow::Result;
use b3lb_config::settings::{Log, LogFormat};
use pool::{OLD_USERS, Pool};
use std::io::{self, Write};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tour::Tour;

/// Runs the demo until `shutdown`, or with `once` until the end of the tour.
///
/// # Errors
/// A step of the tour did not hold, or the demo could not be started.
pub(crate) async fn run(once: bool, shutdown: CancellationToken) -> Result<()> {
    // Instances that go away belong to the tour; only what is wrong with the demo itself may break into it.
    b3lb_config::logging::start(&Log { level: "error".to_owned(), format: LogFormat::Text, access: false })?;
    b3lb_config::tls::install_provider();
    let mut parts = JoinSet::new();
    let shown = tokio::select! {
        // Once told to end, parts may end.
        biased;
        () = shutdown.cancelled() => Ok(()),
        shown = show(once, &mut parts, &shutdown) => shown,
    };
    shutdown.cancel();
    shown.and(all_end(parts, &shutdown).await)
}

async fn show(once: bool, parts: &mut Parts, shutdown: &CancellationToken) -> Result<()> {
    let pool = Pool::start(parts, shutdown).await?;
    introduce(&pool)?;
    let tour = async {
        let steps = Tour { pool: &pool }.take().await?;
        writeln!(io::stdout(), "All {steps} steps held.")?;
        if !once {
            invite(&pool)?;
            std::future::pending().await
        }
        Ok(())
    };
    tokio::select! {
        told = tour => told,
        ended = first_end(parts) => Err(ended),
    }
}

fn introduce(pool: &Pool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "B3LB with three simulated BigBlueButton instances, all in this process; nothing is written to disk.\n"
    )?;
    for (index, frontend) in pool.frontends.iter().enumerate() {
        writeln!(out, "  proxy {}        http://{}/bigbluebutton", index + 1, frontend.authority)?;
    }
    writeln!(out, "  control plane  {}", pool.control_plane)?;
    for (index, instance) in pool.instances.iter().enumerate() {
        writeln!(out, "  instance {}     {}", index + 1, instance.url())?;
    }
    writeln!(out, "\nInstance 1 held a meeting with {OLD_USERS} users before; B3LB has found and adopted it.\n")
}

fn invite(pool: &Pool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "The demo stays up until Ctrl-C. For example:\n")?;
    writeln!(out, "     $ {}", pool.curl(0, "create", &[("meetingID", "physics"), ("name", "Physics")]))?;
    writeln!(out, "     $ {}", pool.curl(1, "getMeetings", &[]))?;
    writeln!(out, "     $ {}", pool.operator.grpcurl("Status", ""))?;
    writeln!(out, "     $ {}", pool.operator.grpcurl("ListMeetings", ""))
}
