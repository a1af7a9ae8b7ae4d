//! `b3lb`: both planes of B3LB in one process, and a demo of them.
//!
//! - [`planes`]: both planes from one configuration;
//! - [`demo`]: both planes, a second proxy and three simulated instances, and a tour of what they do.

mod demo;
mod planes;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes a pool of BigBlueButton instances look like one: control plane and proxy in one process.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(flatten)]
    configuration: b3lb_config::Args,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows what B3LB does, with three simulated instances and two proxies. Needs no configuration and leaves nothing behind.
    Demo {
        /// End after the tour, with exit code 0 only if every step of it held; otherwise the demo stays up until Ctrl-C.
        #[arg(long)]
        once: bool,
    },
}

fn main() -> ExitCode {
    let args: Args = b3lb_config::args::parse();
    match args.command {
        Some(Command::Demo { once }) => b3lb_config::shutdown::run(|shutdown| demo::run(once, shutdown)),
        None => match args.configuration.start(planes::check) {
            Ok((live, reload)) => b3lb_config::shutdown::run(|shutdown| reload.beside(planes::run(live, shutdown))),
            Err(end) => end,
        },
    }
}
