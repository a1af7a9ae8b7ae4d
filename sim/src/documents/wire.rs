//! How BigBlueButton's templates write: no declaration, no indentation, one element a line, no line break at the end.

use std::fmt::{Display, Write};

pub(super) fn say(out: &mut String, key: &str, message: &str) {
    element(out, "messageKey", key);
    element(out, "message", message);
}

pub(super) fn respond(success: bool, content: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    open(&mut out, "response");
    element(&mut out, "returncode", if success { "SUCCESS" } else { "FAILED" });
    content(&mut out);
    out.push_str("</response>");
    compress(&out)
}

pub(super) fn open(out: &mut String, tag: &str) {
    out.extend(["<", tag, ">\n"]);
}

pub(super) fn close(out: &mut String, tag: &str) {
    out.extend(["</", tag, ">\n"]);
}

pub(super) fn element(out: &mut String, tag: &str, value: impl Display) {
    // Writing into a text cannot fail, short of a value that cannot show itself.
    let _ = writeln!(out, "<{tag}>{}</{tag}>", escape(&value.to_string()));
}

/// Writes the five characters that XML reserves as entities.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What FreeMarker's `compress` leaves: each run of white space, within values too, is one line break if it had one, else one blank.
fn compress(text: &str) -> String {
    let mut compressed = String::with_capacity(text.len());
    let mut run: Option<char> = None;
    for c in text.chars() {
        if c.is_ascii_whitespace() {
            let broken = run == Some('\n') || matches!(c, '\n' | '\r');
            run = Some(if broken { '\n' } else { ' ' });
        } else {
            compressed.extend(run.take());
            compressed.push(c);
        }
    }
    compressed
}
