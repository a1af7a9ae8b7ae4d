//! InfluxDB's line protocol: `measurement,tag=value field=1.5,other=2i 1795401390000000000`.
//!
//! Own code, since an agent is to be told what is wrong with a line in InfluxDB's words, which the existing parsers do not distinguish.

use std::borrow::Cow;
use std::fmt;

/// How much of a bad line is quoted; InfluxDB quotes all of it, and an agent logs it.
const QUOTED_LENGTH: usize = 256;

/// One point, as it was sent. Names and values are unescaped.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line<'a> {
    pub(super) measurement: Cow<'a, str>,
    pub(super) tags: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) fields: Vec<(Cow<'a, str>, Value)>,
    /// In the unit that the request names.
    pub(super) timestamp: Option<i64>,
}

/// The value of a field. The content of a text is left out: nothing that is measured is one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// Finite.
    Float(f64),
    Integer(i64),
    Unsigned(u64),
    Boolean,
    Text,
}

/// A line that is no point, and why, in InfluxDB's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to parse '{line}': {flaw}")]
pub(super) struct BadLine {
    line: String,
    flaw: Flaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    Encoding,
    MissingMeasurement,
    MissingTagKey,
    MissingTagValue,
    TagFormat,
    DuplicateTags,
    MissingFields,
    MissingFieldKey,
    MissingFieldValue,
    FieldFormat,
    Number,
    Boolean,
    UnbalancedQuotes,
    Timestamp,
    Trailing,
}

/// The points of a request, each good or bad by itself. Empty lines and comments are left out.
pub(super) fn parse(text: &[u8]) -> impl Iterator<Item = Result<Line<'_>, BadLine>> {
    let mut rest = text;
    let lines = std::iter::from_fn(move || {
        let (line, after) = split_line(rest)?;
        rest = after;
        Some(line.trim_ascii())
    });
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#")).map(|line| {
        let parsed = std::str::from_utf8(line).map_err(|_| Flaw::Encoding).and_then(parse_line);
        parsed.map_err(|flaw| {
            let line = String::from_utf8_lossy(line).chars().take(QUOTED_LENGTH).collect();
            BadLine { line, flaw }
        })
    })
}

/// The first line and what follows it. A quoted text may contain line breaks.
fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if text.is_empty() {
        return None;
    }
    let (mut in_fields, mut quoted, mut previous) = (false, false, b'\n');
    for (index, &byte) in text.iter().enumerate() {
        let escaped = previous == b'\\';
        match byte {
            b'\n' if !quoted => return Some((&text[..index], &text[index + 1..])),
            b' ' if !escaped => in_fields = true,
            b'"' if quoted => quoted = escaped,
            b'"' => quoted = in_fields && previous == b'=',
            _ => {}
        }
        // What is escaped means nothing itself; a backslash can be escaped within quotes only.
        let plain = escaped && (byte == b'=' || byte == b'\\' && quoted);
        previous = if plain { b' ' } else { byte };
    }
    Some((text, &[]))
}

/// Parses a line without blanks around it.
fn parse_line(line: &str) -> Result<Line<'_>, Flaw> {
    let (measurement, mut rest) = take(line, b", ");
    if measurement.is_empty() {
        return Err(Flaw::MissingMeasurement);
    }
    let mut tags = Vec::new();
    while let Some(after) = rest.strip_prefix(',') {
        let (tag, after) = parse_tag(after)?;
        tags.push(tag);
        rest = after;
    }
    if repeats(&tags) {
        return Err(Flaw::DuplicateTags);
    }
    let mut rest = rest.trim_start_matches(' ');
    if rest.is_empty() {
        return Err(Flaw::MissingFields);
    }
    let mut fields = Vec::new();
    loop {
        let (field, after) = parse_field(rest)?;
        fields.push(field);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => break rest = after,
        }
    }
    let timestamp = parse_timestamp(rest)?;
    Ok(Line { measurement: unescape(measurement, b", "), tags, fields, timestamp })
}

type Tag<'a> = (Cow<'a, str>, Cow<'a, str>);

fn parse_tag(text: &str) -> Result<(Tag<'_>, &str), Flaw> {
    let (key, rest) = take(text, b",= ");
    if key.is_empty() {
        return Err(Flaw::MissingTagKey);
    }
    let (value, rest) = take(rest.strip_prefix('=').ok_or(Flaw::MissingTagValue)?, b",= ");
    if rest.starts_with('=') {
        return Err(Flaw::TagFormat);
    }
    if value.is_empty() {
        return Err(Flaw::MissingTagValue);
    }
    Ok(((unescape(key, b",= "), unescape(value, b",= ")), rest))
}

fn parse_field(text: &str) -> Result<((Cow<'_, str>, Value), &str), Flaw> {
    let (key, rest) = take(text, b",= ");
    let rest = rest.strip_prefix('=').ok_or(Flaw::FieldFormat)?;
    if key.is_empty() {
        return Err(Flaw::MissingFieldKey);
    }
    let key = unescape(key, b",= ");
    if let Some(text) = rest.strip_prefix('"') {
        let after = after_quote(text).ok_or(Flaw::UnbalancedQuotes)?;
        let ends = after.is_empty() || after.starts_with([',', ' ']);
        return if ends { Ok(((key, Value::Text), after)) } else { Err(Flaw::FieldFormat) };
    }
    let end = rest.find([',', ' ']).unwrap_or(rest.len());
    let (value, rest) = rest.split_at(end);
    Ok(((key, parse_value(value)?), rest))
}

/// Parses a value that is not quoted.
fn parse_value(text: &str) -> Result<Value, Flaw> {
    if text.is_empty() {
        return Err(Flaw::MissingFieldValue);
    }
    if matches!(text, "t" | "T" | "true" | "True" | "TRUE" | "f" | "F" | "false" | "False" | "FALSE") {
        return Ok(Value::Boolean);
    }
    // `NaN` is a number to InfluxDB, if none that it takes, and `inf` is not one.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.' | 'N' | 'n')) {
        return Err(Flaw::Boolean);
    }
    let value = if let Some(digits) = text.strip_suffix('i') {
        digits.parse().ok().map(Value::Integer)
    } else if let Some(digits) = text.strip_suffix('u') {
        digits.parse().ok().map(Value::Unsigned)
    } else {
        text.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float)
    };
    value.ok_or(Flaw::Number)
}

fn parse_timestamp(text: &str) -> Result<Option<i64>, Flaw> {
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let Some(time) = words.next() else { return Ok(None) };
    if !time.strip_prefix('-').unwrap_or(time).bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Flaw::Timestamp);
    }
    let time = time.parse().map_err(|_| Flaw::Timestamp)?;
    if words.next().is_some() { Err(Flaw::Trailing) } else { Ok(Some(time)) }
}

/// What stands before the first delimiter that no backslash precedes, and the rest from that on.
fn take<'a>(text: &'a str, delimiters: &[u8]) -> (&'a str, &'a str) {
    let bytes = text.as_bytes();
    let ends = |index: &usize| delimiters.contains(&bytes[*index]) && (*index == 0 || bytes[*index - 1] != b'\\');
    text.split_at((0..bytes.len()).find(ends).unwrap_or(bytes.len()))
}

/// Removes the backslashes that stand before one of `escaped`; any other one stands for itself.
fn unescape<'a>(text: &'a str, escaped: &[u8]) -> Cow<'a, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let escapes = c == '\\' && chars.peek().is_some_and(|next| escaped.iter().any(|e| char::from(*e) == *next));
        if !escapes {
            plain.push(c);
        }
    }
    Cow::Owned(plain)
}

/// What follows the closing quote of a text whose opening one has been read.
fn after_quote(text: &str) -> Option<&str> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some(&text[end + 1..])
}

/// Agents send a handful of tags in order, so that this costs nothing.
fn repeats(tags: &[Tag<'_>]) -> bool {
    let mut keys: Vec<&str> = tags.iter().map(|(key, _)| &**key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "invalid UTF-8",
            Self::MissingMeasurement => "missing measurement",
            Self::MissingTagKey => "missing tag key",
            Self::MissingTagValue => "missing tag value",
            Self::TagFormat => "invalid tag format",
            Self::DuplicateTags => "duplicate tags",
            Self::MissingFields => "missing fields",
            Self::MissingFieldKey => "missing field key",
            Self::MissingFieldValue => "missing field value",
            Self::FieldFormat => "invalid field format",
            Self::Number => "invalid number",
            Self::Boolean => "invalid boolean",
            Self::UnbalancedQuotes => "unbalanced quotes",
            Self::Timestamp => "bad timestamp",
            Self::Trailing => "point is invalid",
        })
    }
}

#[cfg(test)]
mod tests;
