//! Many creates at once, and how they fared.

use crate::frontend::Frontend;
use futures::{StreamExt, stream};
use std::fmt;
use std::time::Duration;
use tokio::time::Instant;

/// The reasons of failures that a report keeps.
const REASONS_MAX: usize = 10;

/// What is to be created.
#[derive(Debug, Clone)]
pub struct Load {
    /// Meetings.
    pub creates: usize,
    /// Calls at the same time.
    pub concurrency: usize,
    /// What their ids begin with; a number follows.
    pub prefix: String,
}

/// How it went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Creates that were answered with SUCCESS.
    pub created: usize,
    /// Those that were not.
    pub failed: usize,
    /// Why, for the first few.
    pub reasons: Vec<String>,
    /// How long each call took, shortest first.
    pub latencies: Vec<Duration>,
}

impl Load {
    /// The meetingID with this number.
    pub fn meeting_id(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }

    /// Creates them all through `frontends` in turn.
    pub async fn run(&self, frontends: &[Frontend]) -> Report {
        let calls = (0..self.creates).zip(frontends.iter().cycle()).map(async |(number, frontend)| {
            let start = Instant::now();
            let answer = frontend.create(&self.meeting_id(number)).await;
            let failure = match answer {
                Ok(answer) if answer.succeeded() => None,
                Ok(answer) => Some(format!("{}: {}", answer.status, answer.text())),
                Err(error) => Some(error.to_string()),
            };
            (start.elapsed(), failure)
        });
        let outcomes = stream::iter(calls).buffer_unordered(self.concurrency.max(1));
        let mut report = outcomes.fold(Report::default(), async |report, outcome| report.with(outcome)).await;
        report.latencies.sort_unstable();
        report
    }
}

impl Report {
    fn with(mut self, (latency, failure): (Duration, Option<String>)) -> Self {
        self.latencies.push(latency);
        match failure {
            None => self.created += 1,
            Some(reason) => {
                self.failed += 1;
                if self.reasons.len() < REASONS_MAX {
                    self.reasons.push(reason);
                }
            }
        }
        self
    }

    /// The time within which this share of the calls was answered; zero if there were none.
    pub fn latency(&self, share: f64) -> Duration {
        let rank = (self.latencies.len() as f64 * share).ceil() as usize;
        self.latencies.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [p50, p90, p99, max] = [0.5, 0.9, 0.99, 1.0].map(|share| self.latency(share));
        writeln!(f, "created {}, failed {}", self.created, self.failed)?;
        writeln!(f, "latency p50 {p50:.1?}, p90 {p90:.1?}, p99 {p99:.1?}, max {max:.1?}")?;
        self.reasons.iter().try_for_each(|reason| writeln!(f, "failed: {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_calls_that_were_made() {
        let latencies: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        let report = Report { latencies, ..Report::default() };
        assert_eq!(report.latency(0.5), Duration::from_millis(50));
        assert_eq!(report.latency(0.99), Duration::from_millis(99));
        assert_eq!(report.latency(1.0), Duration::from_millis(100));
        assert_eq!(Report::default().latency(0.5), Duration::ZERO);
    }
}
