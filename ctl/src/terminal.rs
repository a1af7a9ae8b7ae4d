//! What a terminal is shown. Ids of meetings come from frontends, and messages from instances: what a terminal would take for a command
//! is written out.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{Write, stderr};

/// On one line, and without what moves the cursor, colours, or turns the direction of what follows.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_command) {
        return Cow::Borrowed(text);
    }
    let written = |c: char| if is_command(c) { c.escape_default().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(written).collect())
}

/// Whether a terminal does something at this character instead of showing it.
pub(crate) fn is_command(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Writes a line to stderr. Where nobody reads it, the exit code still tells how it ended.
pub(crate) fn say(text: impl Display) {
    let _ = writeln!(stderr(), "{}", harmless(&text.to_string()));
}

/// Whether the terminal shows text and nothing else.
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|name| name == "dumb")
}

/// Whether colours are not wanted.
pub(crate) fn is_plain() -> bool {
    is_dumb() || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}
