//! Parameters that come in the body of a call: forms, as browsers and client libraries post them.
//!
//! The bytes of a form are passed on as they came. What is read of it is where each parameter stands, so that one can be replaced
//! without touching the others.

mod multipart;

use crate::query::{Ambiguous, Query, decode, encode};
use std::borrow::Cow;
use std::ops::Range;

/// The media type of a form whose parameters are written like those of a query.
pub const ENCODED: &str = "application/x-www-form-urlencoded";

/// The media type of a form that can carry files.
pub const MULTIPART: &str = "multipart/form-data";

/// The parameters of a body, and the bytes that they stand in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    layout: Layout,
    bytes: Vec<u8>,
    fields: Vec<Field>,
}

/// How parameters are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Like a query.
    Encoded,
    /// Each as a part of its own, between lines with this boundary.
    Multipart(String),
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    /// Decoded.
    name: Vec<u8>,
    /// Its value, as it is written.
    value: Range<usize>,
    /// All that goes if it is taken out.
    whole: Range<usize>,
}

impl Layout {
    /// The layout that a `Content-Type` says; `None` if it is none of a form.
    pub fn of(content_type: &str) -> Option<Self> {
        let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
        match essence.trim() {
            essence if essence.eq_ignore_ascii_case(ENCODED) => Some(Self::Encoded),
            essence if essence.eq_ignore_ascii_case(MULTIPART) => {
                multipart::parameter(parameters, "boundary").map(Self::Multipart)
            }
            _ => None,
        }
    }
}

impl Form {
    /// Reads the beginning of a body. False says that more of it may hold more parameters: of an encoded form all is needed, of one with
    /// parts what comes before the first file.
    pub fn read(layout: &Layout, bytes: &[u8], ended: bool) -> (Self, bool) {
        let (fields, complete) = match layout {
            Layout::Encoded => (encoded(bytes), ended),
            Layout::Multipart(boundary) => multipart::fields(bytes, boundary),
        };
        (Self { layout: layout.clone(), bytes: bytes.to_vec(), fields }, complete || ended)
    }

    /// The bytes that were read.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Every parameter, decoded.
    pub fn pairs(&self) -> impl Iterator<Item = (&[u8], Cow<'_, [u8]>)> {
        self.fields.iter().map(|field| (&*field.name, self.decoded(field)))
    }

    /// The value of a parameter, where all its occurrences agree.
    ///
    /// # Errors
    /// [`Ambiguous`] if they do not.
    pub fn get_one(&self, name: &str) -> Result<Option<Cow<'_, [u8]>>, Ambiguous> {
        let mut values = self.pairs().filter(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value);
        let Some(first) = values.next() else { return Ok(None) };
        if values.any(|other| other != first) { Err(Ambiguous) } else { Ok(Some(first)) }
    }

    /// How often there is a parameter of this name.
    pub fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|field| field.name == name.as_bytes()).count()
    }

    /// The same form with another value where the parameters are that `is_meant` says, all but the first of which are taken out; all of
    /// them without a value. `None` if there is none.
    pub fn with(&self, is_meant: impl Fn(&[u8]) -> bool, value: Option<&str>) -> Option<Self> {
        let mut meant = self.fields.iter().filter(|field| is_meant(&field.name)).peekable();
        meant.peek()?;
        let (mut bytes, mut copied, mut value) = (Vec::with_capacity(self.bytes.len()), 0, value);
        for field in meant {
            match value.take() {
                Some(value) => {
                    bytes.extend_from_slice(&self.bytes[copied..field.value.start]);
                    match self.layout {
                        Layout::Encoded => bytes.extend_from_slice(encode(value).as_bytes()),
                        Layout::Multipart(_) => bytes.extend_from_slice(value.as_bytes()),
                    }
                    copied = field.value.end;
                }
                None => {
                    bytes.extend_from_slice(&self.bytes[copied..field.whole.start]);
                    copied = field.whole.end;
                }
            }
        }
        bytes.extend_from_slice(&self.bytes[copied..]);
        let (form, _) = Self::read(&self.layout, &bytes, true);
        Some(form)
    }

    /// The parameters as they would stand in a query, in their order, without the checksum.
    pub fn as_query(&self) -> String {
        let pairs = self.fields.iter().filter(|field| field.name != b"checksum").map(|field| match self.layout {
            Layout::Encoded => String::from_utf8_lossy(&self.bytes[field.whole.clone()]).trim_matches('&').to_owned(),
            Layout::Multipart(_) => {
                let name = encode(&String::from_utf8_lossy(&field.name));
                format!("{name}={}", encode(&String::from_utf8_lossy(&self.bytes[field.value.clone()])))
            }
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// What BigBlueButton signed before 2.6.18 and 2.7.8 when a form came without a query: its parameters in the order of their names,
    /// the values as Java's `URLEncoder` writes them.
    pub fn as_signed_of_old(&self) -> String {
        let texts = self.pairs().filter(|(name, _)| *name != b"checksum").map(|(name, value)| {
            (String::from_utf8_lossy(name).into_owned(), String::from_utf8_lossy(&value).into_owned())
        });
        let mut texts: Vec<(String, String)> = texts.collect();
        // Java compares UTF-16 units.
        texts.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        let pairs: Vec<String> = texts.iter().map(|(name, value)| format!("{name}={}", url_encoder(value))).collect();
        pairs.join("&")
    }

    fn decoded(&self, field: &Field) -> Cow<'_, [u8]> {
        let value = &self.bytes[field.value.clone()];
        match self.layout {
            Layout::Encoded => decode(std::str::from_utf8(value).unwrap_or_default()),
            Layout::Multipart(_) => Cow::Borrowed(value),
        }
    }
}

/// The parameters of a body that is written like a query. One that is no text has none.
fn encoded(bytes: &[u8]) -> Vec<Field> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let field = |pair: crate::query::Pair<'_>| {
        // With a separator, so that none is left over.
        let whole = match pair.start {
            0 => 0..(pair.end + 1).min(bytes.len()),
            start => start - 1..pair.end,
        };
        Field { name: decode(pair.name).into_owned(), value: pair.end - pair.value.len()..pair.end, whole }
    };
    Query::new(text).pairs().map(field).collect()
}

/// Java's `URLEncoder`.
fn url_encoder(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'.' | b'-' | b'*' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
