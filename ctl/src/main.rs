//! `b3lbctl`: what operators do with a pool, over the control plane's gRPC interface.
//!
//! - [`args`]: the command line;
//! - [`client`]: the connection to a control plane;
//! - [`commands`]: what each command asks and prints.
//!
//! Data goes to stdout, messages to stderr. Exit codes: 0 done, 1 the command failed, 2 the command line is wrong.

mod args;
mod client;
mod commands;

use clap::Parser;
use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("b3lbctl: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// What failed and what is at the root of it. What lies between tells both again, in other words.
fn told(error: &anyhow::Error) -> String {
    let (text, root) = (error.to_string(), error.root_cause().to_string());
    if text == root { text } else { format!("{text}: {root}") }
}
