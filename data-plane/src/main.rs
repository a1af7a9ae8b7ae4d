//! A proxy that runs until it is told to end.

use b3lb_data_plane::{Listeners, check, run};
use clap::Parser;
use std::process::ExitCode;

/// System allocators are slower, and give less memory back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The proxy of B3LB: takes the calls of BigBlueButton frontends to the instances that their meetings are on.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(flatten)]
    config: b3lb_config::Args,
}

fn main() -> ExitCode {
    let cli: Cli = b3lb_config::args::parse();
    let (live, reload) = match cli.config.start(check) {
        Ok(started) => started,
        Err(exit) => return exit,
    };
    b3lb_config::shutdown::run(async move |shutdown| {
        let listeners = Listeners::bind(&live.now())?;
        reload.beside(run(live, listeners, shutdown)).await
    })
}
