//! Sheets in the text format of Prometheus.

use super::named::{Label, Shown};
use super::requests::{Requests, Sent};
use super::{BUCKETS_MS, Durations, Outcome, Outcomes, Sheet};
use crate::trace::call_name as label;
use bbb::Call;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The tenant of calls that belong to none.
const NOBODY: &str = "none";

/// The sums of all workers.
pub(crate) fn render(sheets: &[Arc<Sheet>]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_calls(sheets, &mut text);
    let _ = write_requests(sheets, &mut text);
    text
}

fn write_calls(sheets: &[Arc<Sheet>], text: &mut String) -> fmt::Result {
    head(text, "b3lb_calls_total", "counter", "Calls of frontends, by what became of them")?;
    let nobodys: Vec<&Outcomes> = sheets.iter().map(|sheet| &sheet.nobodys).collect();
    write_outcomes(text, NOBODY, &nobodys)?;
    for (tenant, outcomes) in by_name(sheets, |sheet| &sheet.tenants) {
        let outcomes: Vec<&Outcomes> = outcomes.iter().map(|outcomes| &**outcomes).collect();
        write_outcomes(text, &tenant, &outcomes)?;
    }
    let name = "b3lb_call_duration_seconds";
    head(text, name, "histogram", "From the arrival of a call to the head of its answer")?;
    for call in Call::all() {
        let durations: Vec<&Durations> = sheets.iter().map(|sheet| &sheet.durations[call as usize]).collect();
        write_durations(text, name, format_args!("call=\"{}\"", label(call)), &durations)?;
    }
    head(text, "b3lb_calls_under_way", "gauge", "Calls that are not answered yet")?;
    writeln!(text, "b3lb_calls_under_way {}", sum(sheets, |sheet| &sheet.under_way))
}

fn write_requests(sheets: &[Arc<Sheet>], text: &mut String) -> fmt::Result {
    let instances = by_name(sheets, |sheet| &sheet.instances);
    let name = "b3lb_upstream_requests_total";
    head(text, name, "counter", "Requests to an instance, by what became of them")?;
    for (instance, counts) in &instances {
        for sent in Sent::ALL {
            let count: u64 = counts.iter().map(|requests| requests.get(sent)).sum();
            if count > 0 {
                let (instance, outcome) = (Label(instance), sent.label());
                writeln!(text, "{name}{{instance=\"{instance}\",outcome=\"{outcome}\"}} {count}")?;
            }
        }
    }
    let name = "b3lb_upstream_errors_total";
    head(text, name, "counter", "Requests that failed by the instance's fault, by what went wrong")?;
    for (instance, counts) in &instances {
        write_errors(text, name, instance, counts)?;
    }
    let name = "b3lb_upstream_duration_seconds";
    head(text, name, "histogram", "From a request to an instance to the head of its answer")?;
    for (instance, counts) in &instances {
        let durations: Vec<&Durations> = counts.iter().map(|requests| &requests.durations).collect();
        write_durations(text, name, format_args!("instance=\"{}\"", Label(instance)), &durations)?;
    }
    Ok(())
}

fn write_outcomes(text: &mut String, tenant: &str, outcomes: &[&Outcomes]) -> fmt::Result {
    for call in Call::all() {
        for outcome in Outcome::all() {
            let count: u64 = outcomes.iter().map(|outcomes| outcomes.get(call, outcome)).sum();
            if count > 0 {
                let (call, tenant, outcome) = (label(call), Label(tenant), outcome.label());
                writeln!(
                    text,
                    "b3lb_calls_total{{call=\"{call}\",tenant=\"{tenant}\",outcome=\"{outcome}\"}} {count}"
                )?;
            }
        }
    }
    Ok(())
}

fn write_errors(text: &mut String, name: &str, instance: &str, counts: &[Arc<Requests>]) -> fmt::Result {
    let mut sums = BTreeMap::new();
    for (error, count) in counts.iter().flat_map(|requests| requests.errors()) {
        *sums.entry(error).or_insert(0) += count;
    }
    for (error, count) in sums.into_iter().filter(|(_, count)| *count > 0) {
        writeln!(text, "{name}{{instance=\"{}\",error=\"{error}\"}} {count}", Label(instance))?;
    }
    Ok(())
}

/// Nothing, if nothing was observed.
fn write_durations(text: &mut String, name: &str, labels: fmt::Arguments<'_>, durations: &[&Durations]) -> fmt::Result {
    let counts: Vec<u64> = (0..=BUCKETS_MS.len()).map(|i| sum(durations, |durations| &durations.buckets[i])).collect();
    let total: u64 = counts.iter().sum();
    if total == 0 {
        return Ok(());
    }
    let mut below = 0;
    for (bound, count) in BUCKETS_MS.iter().zip(counts) {
        below += count;
        writeln!(text, "{name}_bucket{{{labels},le=\"{}\"}} {below}", *bound as f64 / 1000.0)?;
    }
    let seconds = sum(durations, |durations| &durations.nanoseconds) as f64 / 1e9;
    writeln!(text, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}")?;
    writeln!(text, "{name}_sum{{{labels}}} {seconds}")?;
    writeln!(text, "{name}_count{{{labels}}} {total}")
}

fn head(text: &mut String, name: &str, kind: &str, meaning: &str) -> fmt::Result {
    writeln!(text, "# HELP {name} {meaning}\n# TYPE {name} {kind}")
}

/// What all workers counted, by name.
fn by_name<T: Default>(sheets: &[Arc<Sheet>], pick: impl Fn(&Sheet) -> &Shown<T>) -> BTreeMap<String, Vec<Arc<T>>> {
    let mut named: BTreeMap<String, Vec<Arc<T>>> = BTreeMap::new();
    for sheet in sheets {
        pick(sheet).each(|name, counts| named.entry(name.to_owned()).or_default().push(Arc::clone(counts)));
    }
    named
}

fn sum<T>(all: &[T], pick: impl Fn(&T) -> &AtomicU64) -> u64 {
    all.iter().map(|one| pick(one).load(Relaxed)).sum()
}
