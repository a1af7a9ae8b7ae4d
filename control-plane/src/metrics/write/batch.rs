//! What a write contains: the points that matter, and the first flaw.

use super::refusal::Refusal;
use crate::metrics::line_protocol::{Line, Value, parse};
use crate::metrics::window::{Kind, Point};
use std::borrow::Cow;

/// The longest value of a host tag that is kept, as long as an url may be in practice.
const HOST_LENGTH_MAX: usize = 1024;

/// The unit of a request's timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Precision {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
}

/// One write. Good lines count although others are bad.
#[derive(Debug, PartialEq)]
pub(super) struct Batch {
    pub(super) points: Vec<Point>,
    /// The first bad line; without one, fields that are no numbers.
    pub(super) refusal: Option<Refusal>,
}

/// A field that is no number where one is expected.
struct Conflict {
    measurement: &'static str,
    field: &'static str,
    kind: &'static str,
}

impl Batch {
    /// Points without a time of their own are of `now`, in milliseconds since 1970.
    pub(super) fn parse(text: &[u8], precision: Precision, now: u64) -> Self {
        let (mut points, mut bad, mut conflict, mut dropped) = (Vec::new(), None, None, 0);
        for line in parse(text) {
            match line.map(|line| point(&line, precision, now)) {
                Ok(Ok(point)) => points.extend(point),
                Ok(Err(other)) => {
                    dropped += 1;
                    conflict.get_or_insert(other);
                }
                Err(line) => {
                    bad.get_or_insert(line);
                }
            }
        }
        let conflict = conflict.map(|Conflict { measurement, field, kind }| Refusal::FieldType {
            measurement,
            field,
            kind,
            dropped,
        });
        Self { points, refusal: bad.map(Refusal::Line).or(conflict) }
    }
}

impl Precision {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "ns" => Some(Self::Nanoseconds),
            "us" => Some(Self::Microseconds),
            "ms" => Some(Self::Milliseconds),
            "s" => Some(Self::Seconds),
            _ => None,
        }
    }

    fn milliseconds(self, timestamp: i64) -> i64 {
        match self {
            Self::Nanoseconds => timestamp.div_euclid(1_000_000),
            Self::Microseconds => timestamp.div_euclid(1000),
            Self::Milliseconds => timestamp,
            Self::Seconds => timestamp.saturating_mul(1000),
        }
    }
}

/// The point that a line contains, if it is one of those that matter.
fn point(line: &Line<'_>, precision: Precision, now: u64) -> Result<Option<Point>, Conflict> {
    let tag = |name: &str| line.tags.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    let (kind, measurement, field) = match &*line.measurement {
        "cpu" if tag("cpu").is_some_and(|cpu| cpu == "cpu-total") => (Kind::CpuIdle, "cpu", "usage_idle"),
        "mem" => (Kind::MemUsed, "mem", "used_percent"),
        _ => return Ok(None),
    };
    let Some((_, value)) = line.fields.iter().find(|(key, _)| key == field) else { return Ok(None) };
    let value = match *value {
        Value::Float(value) => value,
        Value::Integer(value) => value as f64,
        Value::Unsigned(value) => value as f64,
        Value::Boolean => return Err(Conflict { measurement, field, kind: "boolean" }),
        Value::Text => return Err(Conflict { measurement, field, kind: "string" }),
    };
    let host = tag("b3lb_host").or_else(|| tag("bigblueswarm_host")).map_or("", Cow::as_ref);
    // Before 1970 is long ago.
    let time = line.timestamp.map_or(now, |time| u64::try_from(precision.milliseconds(time)).unwrap_or(0));
    Ok((host.len() <= HOST_LENGTH_MAX).then(|| Point { host: host.into(), kind, time, value }))
}

#[cfg(test)]
mod tests;
