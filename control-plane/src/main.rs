//! The control plane as a program of its own.

use anyhow::Context;
use b3lb_config::Args;
use clap::Parser;
use std::process::ExitCode;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// B3LB's control plane: owns the state, scores the instances, decides placements and streams them to the proxies.
#[derive(Parser)]
#[command(version)]
struct Program {
    #[command(flatten)]
    configuration: Args,
}

fn main() -> ExitCode {
    let program: Program = b3lb_config::args::parse();
    let (live, reload) = match program.configuration.start(b3lb_control_plane::check) {
        Ok(started) => started,
        Err(code) => return code,
    };
    b3lb_config::shutdown::run(|shutdown| async move {
        let address = live.now().control_plane.listen;
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("control_plane.listen: cannot listen on {address}"))?;
        reload.beside(Box::pin(b3lb_control_plane::run(live, listener, shutdown))).await
    })
}
