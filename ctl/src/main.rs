//! `b3lbctl`: what operators do with a pool, over the control plane's gRPC interface.
//!
//! - [`args`]: the command line; [`completion`]: what shells are told of it;
//! - [`context`]: which control plane, and who we are there; [`client`]: the connection to it;
//! - [`commands`]: what each command asks;
//! - [`resources`]: the files that describe instances and tenants;
//! - [`output`]: how answers are printed; [`terminal`]: what a terminal may be shown of them.
//!
//! Data goes to stdout, messages to stderr. Exit codes: 0 done, 1 the command failed, 2 the command line or a file that it names is wrong.

mod args;
mod client;
mod commands;
mod completion;
mod context;
mod output;
mod resources;
mod terminal;

use clap::Parser;
use std::process::ExitCode;

/// The exit code of a command that was not even tried.
const REFUSED: u8 = 2;

/// Something is wrong with what the user wrote, before anybody was asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Mistake(String);

fn main() -> ExitCode {
    completion::answer();
    let args = args::Args::parse();
    b3lb_config::tls::install_provider();
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::run(args)));
    let Err(error) = done else { return ExitCode::SUCCESS };
    // Some mistakes in a file are told on several lines.
    for line in format!("b3lbctl: {}", told(&error)).lines() {
        terminal::say(line);
    }
    if error.is::<Mistake>() { ExitCode::from(REFUSED) } else { ExitCode::FAILURE }
}

/// What failed and what is at the root of it. What lies between tells both again, in other words.
fn told(error: &anyhow::Error) -> String {
    let (text, root) = (error.to_string(), error.root_cause().to_string());
    if text.ends_with(&root) { text } else { format!("{text}: {root}") }
}
