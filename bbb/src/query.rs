//! The raw query of a call. Its bytes are what is signed, so that it is read but never decoded and encoded again.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use std::borrow::Cow;

/// A query as it came, without the `?`. Empty pairs (`&&`, a leading `&`) are tolerated: real clients send them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a>(&'a str);

/// One parameter of a query, undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// Where it starts in the query.
    pub start: usize,
    /// What stands before the first `=`.
    pub name: &'a str,
    /// What stands after it; empty without one.
    pub value: &'a str,
    /// Where it ends in the query.
    pub end: usize,
}

/// A parameter that stands in a query more than once, with different values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the parameter has several different values")]
pub struct Ambiguous;

impl<'a> Query<'a> {
    /// The query of a url, without the `?`.
    pub fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    /// As it came.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// All parameters in their order.
    pub fn pairs(self) -> impl Iterator<Item = Pair<'a>> {
        let ends = memchr::memchr_iter(b'&', self.0.as_bytes()).chain([self.0.len()]);
        ends.scan(0, |next, end| Some((std::mem::replace(next, end + 1), end))).filter_map(move |(start, end)| {
            let text = &self.0[start..end];
            let (name, value) = match memchr::memchr(b'=', text.as_bytes()) {
                Some(at) => (&text[..at], &text[at + 1..]),
                None => (text, ""),
            };
            (!text.is_empty()).then_some(Pair { start, name, value, end })
        })
    }

    /// The value of a parameter, decoded, where all its occurrences agree. Names are decoded too, as instances do: otherwise a tenant
    /// could name one of its meetings to us, and in an encoded parameter a meeting of somebody else to the instance.
    ///
    /// # Errors
    /// [`Ambiguous`] if they do not: instances differ in which one they take.
    pub fn get_one(self, name: &str) -> Result<Option<Cow<'a, [u8]>>, Ambiguous> {
        let mut values = self.pairs().filter(|pair| pair.is_named(name)).map(|pair| pair.value);
        let Some(first) = values.next() else { return Ok(None) };
        let value = decode(first);
        if values.any(|other| other != first && decode(other) != value) { Err(Ambiguous) } else { Ok(Some(value)) }
    }
}

impl Pair<'_> {
    fn is_named(&self, name: &str) -> bool {
        // A name is longer encoded than decoded.
        self.name == name || self.name.len() > name.len() && *decode(self.name) == *name.as_bytes()
    }
}

/// What a name or a value of a query says: `+` is a space, `%XX` a byte, and a `%` that is neither stands for itself.
pub fn decode(value: &str) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'+', b'%', value.as_bytes()).is_none() {
        return Cow::Borrowed(value.as_bytes());
    }
    let spaced: Vec<u8> = value.bytes().map(|b| if b == b'+' { b' ' } else { b }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

/// A text as a value or a name of a query. Whatever means something in a url or to a client library is encoded.
pub fn encode(text: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_as_a_servlet_does() {
        let query = Query::new("&a=1+2%2b%zz&&b&c=%C3%A9&=x");
        let get = |name| query.get_one(name).unwrap();
        assert_eq!(get("a").as_deref(), Some(b"1 2+%zz".as_slice()));
        assert_eq!(get("b").as_deref(), Some(b"".as_slice()));
        assert_eq!(get("c").as_deref(), Some("é".as_bytes()));
        assert_eq!(get("d"), None);
        assert_eq!(query.pairs().count(), 4);
    }

    #[test]
    fn a_value_is_one_only_if_all_agree() {
        assert_eq!(Query::new("a=%41&a=A").get_one("a"), Ok(Some(Cow::Borrowed(b"A".as_slice()))));
        assert_eq!(Query::new("a=1&a=2").get_one("a"), Err(Ambiguous));
        assert_eq!(Query::new("b=1").get_one("a"), Ok(None));
        assert_eq!(Query::new("%61=2&a=1").get_one("a"), Err(Ambiguous));
        assert_eq!(Query::new("b=1&%61=2").get_one("a"), Ok(Some(Cow::Borrowed(b"2".as_slice()))));
    }
}
