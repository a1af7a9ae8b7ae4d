//! How a program runs and ends.

use std::future::Future;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What a shell reports for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Runs a program to its end on a runtime with a thread for each core. SIGTERM and SIGINT cancel the token that the program was given;
/// a second one ends the process at once. An error is written to stderr.
pub fn run<F: Future<Output = anyhow::Result<()>>>(program: impl FnOnce(CancellationToken) -> F) -> ExitCode {
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(until_signal(program)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
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
