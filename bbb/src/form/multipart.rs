//! The first parts of a body of `multipart/form-data` (RFC 7578).

use super::Field;
use memchr::memmem;

/// The parameters that come before the first file, and whether what follows can hold no more of them that matter.
pub(super) fn fields(bytes: &[u8], boundary: &str) -> (Vec<Field>, bool) {
    let delimiter = format!("--{boundary}");
    let between = format!("\r\n{delimiter}");
    let mut fields = Vec::new();
    let Some(mut part) = memmem::find(bytes, delimiter.as_bytes()) else { return (fields, false) };
    loop {
        let start = part + delimiter.len();
        if bytes[start..].starts_with(b"--") {
            return (fields, true);
        }
        let Some(length) = memmem::find(&bytes[start..], b"\r\n\r\n") else { return (fields, false) };
        let value = start + length + 4;
        let disposition = disposition(&bytes[start..start + length]);
        let is_file = parameter(&disposition, "filename").or_else(|| parameter(&disposition, "filename*")).is_some();
        if is_file {
            return (fields, true);
        }
        let Some(length) = memmem::find(&bytes[value..], between.as_bytes()) else { return (fields, false) };
        let end = value + length;
        if let Some(name) = parameter(&disposition, "name") {
            fields.push(Field { name: name.into_bytes(), value: value..end, whole: part..end + 2 });
        }
        part = end + 2;
    }
}

/// The value of the header `Content-Disposition` without its first word.
fn disposition(headers: &[u8]) -> String {
    let headers = String::from_utf8_lossy(headers);
    let value = headers.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    value.and_then(|value| value.split_once(';')).map(|(_, parameters)| parameters.to_owned()).unwrap_or_default()
}

/// A parameter of a header's value: `name=token` or `name="text"`, separated by semicolons.
pub(super) fn parameter(parameters: &str, name: &str) -> Option<String> {
    let mut rest = parameters.trim_start_matches([';', ' ', '\t']);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let (value, after) = value(after)?;
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after.trim_start_matches([';', ' ', '\t']);
    }
    None
}

/// A token or a quoted text, and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Some((text[..end].trim().to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    None
}
