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

    /// The first value of a parameter, decoded: the one that BigBlueButton takes where it takes one of several.
    pub fn first(self, name: &str) -> Option<Cow<'a, [u8]>> {
        self.pairs().find(|pair| pair.is_named(name)).map(|pair| decode(pair.value))
    }

    /// The values of a parameter that is a list separated by commas.
    ///
    /// # Errors
    /// [`Ambiguous`] if there are several different lists.
    pub fn list(self, name: &str) -> Result<Vec<String>, Ambiguous> {
        let value = self.get_one(name)?.unwrap_or_default();
        let items = value.split(|b| *b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty());
        Ok(items.map(|item| String::from_utf8_lossy(item).into_owned()).collect())
    }

    /// The query without the parameters whose decoded names are to be removed. Every other byte stays.
    pub fn without(self, removed: impl Fn(&[u8]) -> bool) -> String {
        let kept = self.0.split('&').filter(|pair| !removed(&decode(pair.split('=').next().unwrap_or_default())));
        kept.collect::<Vec<_>>().join("&")
    }

    /// The query with only some values of a parameter that is a list separated by commas. Every other byte stays.
    pub fn narrowed(self, name: &str, keep: impl Fn(&str) -> bool) -> String {
        let mut narrowed = String::with_capacity(self.0.len());
        let mut rest = 0;
        for pair in self.pairs().filter(|pair| pair.is_named(name)) {
            let value = pair.end - pair.value.len();
            narrowed.push_str(&self.0[rest..value]);
            narrow(pair.value, &keep, &mut narrowed);
            rest = pair.end;
        }
        narrowed.push_str(&self.0[rest..]);
        narrowed
    }
}

/// Appends what is kept of a list, each item with the comma that stood before it, encoded or not.
fn narrow(list: &str, keep: impl Fn(&str) -> bool, out: &mut String) {
    let (mut rest, mut comma, mut first) = (list, "", true);
    loop {
        let next = [",", "%2C", "%2c"].into_iter().filter_map(|comma| Some((rest.find(comma)?, comma.len()))).min();
        let (at, length) = next.unwrap_or((rest.len(), 0));
        let item = &rest[..at];
        if keep(String::from_utf8_lossy(decode(item).trim_ascii()).as_ref()) {
            if !first {
                out.push_str(comma);
            }
            out.push_str(item);
            first = false;
        }
        if length == 0 {
            return;
        }
        comma = &rest[at..at + length];
        rest = &rest[at + length..];
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

    #[test]
    fn a_list_is_narrowed_and_nothing_else_touched() {
        let raw = "&x=a%2Cb&recordID=+a%2Cb,c%2c&publish=true&record%49D=a";
        assert_eq!(Query::new("recordID=+a%2Cb,,c%2c").list("recordID").unwrap(), ["a", "b", "c"]);
        assert_eq!(Query::new(raw).list("recordID"), Err(Ambiguous));
        let narrowed = |keep: &[&str]| Query::new(raw).narrowed("recordID", |id| keep.contains(&id));
        assert_eq!(narrowed(&["a"]), "&x=a%2Cb&recordID=+a&publish=true&record%49D=a");
        assert_eq!(narrowed(&["b", "c"]), "&x=a%2Cb&recordID=b,c&publish=true&record%49D=");
        assert_eq!(narrowed(&["a", "b", "c", ""]), raw);
        assert_eq!(narrowed(&[]), "&x=a%2Cb&recordID=&publish=true&record%49D=");
    }

    #[test]
    fn parameters_are_taken_out_and_nothing_else_touched() {
        let query = Query::new("&meta_%62=1&a=%41&&META_B=2&c");
        let without = |name: &[u8]| query.without(|other| other.eq_ignore_ascii_case(name));
        assert_eq!(without(b"meta_b"), "&a=%41&&c");
        assert_eq!(without(b"a"), "&meta_%62=1&&META_B=2&c");
        assert_eq!(query.first("meta_b").as_deref(), Some(b"1".as_slice()));
    }
}
