//! Tallies in the text format of Prometheus.

use super::{BUCKETS_MS, Counts, Outcome, Tally};
use bbb::Call;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The sums of all workers.
pub(crate) fn render(tallies: &[Arc<Tally>]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = Sums(tallies).write(&mut text);
    text
}

struct Sums<'a>(&'a [Arc<Tally>]);

impl Sums<'_> {
    fn write(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "# HELP b3lb_calls_total Calls of frontends, by what became of them")?;
        writeln!(text, "# TYPE b3lb_calls_total counter")?;
        for call in Call::all() {
            self.write_outcomes(call, text)?;
        }
        writeln!(text, "# HELP b3lb_call_duration_seconds From the arrival of a call to the head of its answer")?;
        writeln!(text, "# TYPE b3lb_call_duration_seconds histogram")?;
        for call in Call::all() {
            self.write_durations(call, text)?;
        }
        Ok(())
    }

    fn write_outcomes(&self, call: Call, text: &mut String) -> fmt::Result {
        for outcome in Outcome::all() {
            let count = self.sum(call, |counts| &counts.outcomes[outcome.index()]);
            if count > 0 {
                let (call, outcome) = (label(call), outcome.label());
                writeln!(text, "b3lb_calls_total{{call=\"{call}\",outcome=\"{outcome}\"}} {count}")?;
            }
        }
        Ok(())
    }

    fn write_durations(&self, call: Call, text: &mut String) -> fmt::Result {
        let name = "b3lb_call_duration_seconds";
        let counts: Vec<u64> = (0..=BUCKETS_MS.len()).map(|i| self.sum(call, |counts| &counts.buckets[i])).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return Ok(());
        }
        let seconds = self.sum(call, |counts| &counts.nanoseconds) as f64 / 1e9;
        let call = label(call);
        let mut below = 0;
        for (bound, count) in BUCKETS_MS.iter().zip(counts) {
            below += count;
            writeln!(text, "{name}_bucket{{call=\"{call}\",le=\"{}\"}} {below}", *bound as f64 / 1000.0)?;
        }
        writeln!(text, "{name}_bucket{{call=\"{call}\",le=\"+Inf\"}} {total}")?;
        writeln!(text, "{name}_sum{{call=\"{call}\"}} {seconds}")?;
        writeln!(text, "{name}_count{{call=\"{call}\"}} {total}")
    }

    fn sum(&self, call: Call, pick: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.0.iter().map(|tally| pick(&tally.0[call as usize]).load(Relaxed)).sum()
    }
}

fn label(call: Call) -> &'static str {
    match call {
        Call::Root => "root",
        Call::Other => "other",
        _ => call.name(),
    }
}
