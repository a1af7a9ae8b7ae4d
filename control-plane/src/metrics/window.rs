//! The measurements of the last `balancer.metrics_range`, in memory.

use super::HOSTS_MAX;
use super::readings::{Sample, busy, percent};
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

/// Points kept of one measurement of one host: a range of two hours at telegraf's ten seconds. More would not change a mean.
const POINTS_MAX: usize = 720;

/// How far ahead of ours an instance's clock may be. Its points count once their time has come, as they do in InfluxDB; those of a
/// clock that is plainly wrong would stay for years.
const FUTURE_MAX: u64 = 60_000;

/// What counts as recent in [`Sample::cpu_recent`], in milliseconds.
const RECENT: u64 = 60_000;

/// What was measured of every host within the range. Times are milliseconds since 1970.
pub(super) struct Window {
    range: u64,
    hosts: HashMap<Box<str>, Measurements>,
}

/// One measured number that matters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Point {
    /// The value of the host tag, as it was sent.
    pub(super) host: Box<str>,
    pub(super) kind: Kind,
    pub(super) time: u64,
    /// Finite.
    pub(super) value: f64,
}

/// What a point measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `cpu.usage_idle` of all cores.
    CpuIdle,
    /// `mem.used_percent`.
    MemUsed,
}

/// What became of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Kept,
    /// It was measured before the range, or by a clock that is behind.
    TooOld,
    /// It was measured by a clock that is ahead by more than [`FUTURE_MAX`].
    TooEarly,
    /// It is of one host more than [`HOSTS_MAX`].
    TooManyHosts,
}

#[derive(Default)]
struct Measurements {
    cpu_idle: Series,
    mem_used: Series,
}

/// Points in the order of time, one for each time.
#[derive(Default)]
struct Series(VecDeque<(u64, f64)>);

impl Window {
    pub(super) fn new(range: Duration) -> Self {
        Self { range: u64::try_from(range.as_millis()).unwrap_or(u64::MAX), hosts: HashMap::new() }
    }

    /// Takes a point, late or early or for the second time.
    pub(super) fn insert(&mut self, point: Point, now: u64) -> Fate {
        if point.time < now.saturating_sub(self.range) {
            return Fate::TooOld;
        }
        if point.time > now.saturating_add(FUTURE_MAX) {
            return Fate::TooEarly;
        }
        if self.hosts.len() >= HOSTS_MAX && !self.hosts.contains_key(&point.host) {
            self.forget(now);
            if self.hosts.len() >= HOSTS_MAX {
                return Fate::TooManyHosts;
            }
        }
        let measurements = self.hosts.entry(point.host).or_default();
        match point.kind {
            Kind::CpuIdle => measurements.cpu_idle.insert(point.time, point.value),
            Kind::MemUsed => measurements.mem_used.insert(point.time, point.value),
        }
        Fate::Kept
    }

    /// One sample for each host of which anything was measured within the range.
    pub(super) fn samples(&mut self, now: u64) -> HashMap<String, Sample> {
        self.forget(now);
        let start = now.saturating_sub(self.range);
        let recent = start.max(now.saturating_sub(RECENT));
        let sample = |host: &Measurements| Sample {
            cpu_mean: host.cpu_idle.mean(start, now).map(busy),
            cpu_recent: host.cpu_idle.mean(recent, now).map(busy),
            mem_mean: host.mem_used.mean(start, now).map(percent),
            measured_at: host.cpu_idle.last(now).max(host.mem_used.last(now)),
        };
        let hosts = self.hosts.iter().map(|(host, measurements)| (host.to_string(), sample(measurements)));
        hosts.filter(|(_, sample)| sample.measured_at.is_some()).collect()
    }

    fn forget(&mut self, now: u64) {
        let start = now.saturating_sub(self.range);
        self.hosts.retain(|_, host| {
            host.cpu_idle.forget_before(start);
            host.mem_used.forget_before(start);
            !(host.cpu_idle.0.is_empty() && host.mem_used.0.is_empty())
        });
    }
}

impl Fate {
    pub(super) const ALL: [Self; 4] = [Self::Kept, Self::TooOld, Self::TooEarly, Self::TooManyHosts];

    /// The word for it in B3LB's own metrics.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::TooOld => "too_old",
            Self::TooEarly => "too_early",
            Self::TooManyHosts => "too_many_hosts",
        }
    }
}

impl Series {
    fn insert(&mut self, time: u64, value: f64) {
        let index = self.0.partition_point(|(other, _)| *other < time);
        match self.0.get_mut(index) {
            Some(known) if known.0 == time => known.1 = value,
            _ => self.0.insert(index, (time, value)),
        }
        if self.0.len() > POINTS_MAX {
            self.0.pop_front();
        }
    }

    fn forget_before(&mut self, start: u64) {
        let kept = self.0.partition_point(|(time, _)| *time < start);
        self.0.drain(..kept);
    }

    fn mean(&self, from: u64, to: u64) -> Option<f64> {
        let within = self.0.range(self.0.partition_point(|(time, _)| *time < from)..);
        let (count, sum) = within
            .take_while(|(time, _)| *time <= to)
            .fold((0_u32, 0.0), |(count, sum), (_, value)| (count + 1, sum + value));
        (count > 0).then(|| sum / f64::from(count))
    }

    fn last(&self, to: u64) -> Option<u64> {
        self.0.iter().rev().map(|(time, _)| *time).find(|time| *time <= to)
    }
}

#[cfg(test)]
mod tests;
