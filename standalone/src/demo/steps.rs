//! The steps of the tour as they are told: what was tried, what came of it, and what to paste to try it again.

use anyhow::{Context, Result};
use std::future::Future;
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::timeout;

/// A step that takes longer has failed: each is a handful of calls, or waits for checks that are made every second.
const STEP_DEADLINE: Duration = Duration::from_secs(20);

/// Counts and prints steps.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    pub(crate) taken: usize,
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// What happened, for people.
    pub(crate) told: Vec<String>,
    /// Lines for a shell.
    pub(crate) paste: Vec<String>,
}

impl Steps {
    /// Takes one step and prints what came of it.
    ///
    /// # Errors
    /// The step did not hold; the error names it.
    pub(crate) async fn take(&mut self, title: &str, step: impl Future<Output = Result<Outcome>>) -> Result<()> {
        self.taken += 1;
        let number = self.taken;
        let outcome = match timeout(STEP_DEADLINE, step).await {
            Ok(outcome) => outcome,
            Err(_) => Err(anyhow::anyhow!("nothing came of it in {} seconds", STEP_DEADLINE.as_secs())),
        };
        let mut out = io::stdout().lock();
        let mark = if outcome.is_ok() { '✓' } else { '✗' };
        writeln!(out, "{number:2} {mark} {title}")?;
        let Outcome { told, paste } = outcome.with_context(|| format!("step {number} did not hold ({title})"))?;
        for line in told {
            writeln!(out, "     {line}")?;
        }
        for line in paste {
            writeln!(out, "     $ {line}")?;
        }
        writeln!(out)?;
        Ok(())
    }
}

impl Outcome {
    pub(crate) fn told(line: impl Into<String>) -> Self {
        Self { told: Vec::from([line.into()]), paste: Vec::new() }
    }

    pub(crate) fn paste(mut self, line: String) -> Self {
        self.paste.push(line);
        self
    }
}
