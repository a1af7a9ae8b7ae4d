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
    let settings = match program.configuration.start_if(b3lb_control_plane::check) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    b3lb_config::shutdown::run(|shutdown| async move {
        let address = settings.control_plane.listen;
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        b3lb_control_plane::run(&settings, listener, shutdown).await
    })
}
