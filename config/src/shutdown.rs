//! How a program runs and ends.

use crate::{logging, traces};
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// For what blocks a thread when the program has ended, such as reading a file that a network file system does not give.
const BLOCKED_DEADLINE: Duration = Duration::from_secs(1);

/// Runs a program to its end on a runtime with a thread for each core. SIGTERM and SIGINT cancel the token that the program was given;
/// a second one ends the process at once. An error is written to stderr.
pub fn run<F: Future<Output = anyhow::Result<()>>>(program: impl FnOnce(CancellationToken) -> F) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(until_signal(program));
        runtime.shutdown_timeout(BLOCKED_DEADLINE);
        result
    });
    traces::finish();
    if let Err(error) = &result {
        logging::say(&told(error));
    }
    logging::finish();
    if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An error and its causes, but for those that it tells itself.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn until_signal<F: Future<Output = anyhow::Result<()>>>(
    program: impl FnOnce(CancellationToken) -> F,
) -> anyhow::Result<()> {
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signals = async {
        for last in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if last {
                logging::finish();
                std::process::exit(INTERRUPTED);
            }
            tracing::info!("shutting down; a second signal ends at once");
            shutdown.cancel();
        }
        std::future::pending().await
    };
    tokio::select! {
        result = program(shutdown.clone()) => result,
        result = signals => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::client_config;
    use anyhow::Context;
    use std::path::Path;

    #[test]
    fn an_error_is_told_without_repeating_its_causes() {
        let error = client_config(Some(Path::new("/nowhere"))).context("a worker").unwrap_err();
        assert_eq!(
            told(&error),
            "a worker: /nowhere: no certificates can be read: I/O error: No such file or directory (os error 2)"
        );
        let error = std::io::Error::other("taken");
        assert_eq!(told(&anyhow::Error::from(error).context("cannot listen")), "cannot listen: taken");
    }
}
