//! A call's parameters, as a servlet sees them: those of the query, then those of a form.

use percent_encoding::percent_decode_str;

/// Decoded parameters in the order of their arrival. Names may repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>);

impl Params {
    /// Of a raw query and the body of a form, which is empty for other calls.
    pub(crate) fn of(query: &str, form: &str) -> Self {
        let pairs = query.split('&').chain(form.split('&')).filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(decoded.collect())
    }

    /// Those of a body with parts, whose boundary stands in its content type; files are none.
    pub(crate) fn of_parts(query: &str, content_type: &str, body: &[u8]) -> Self {
        let mut params = Self::of(query, "");
        let boundary = content_type.split("boundary=").nth(1).unwrap_or_default().trim_matches('"');
        let body = String::from_utf8_lossy(body);
        for part in body.split(&format!("--{boundary}")).filter(|_| !boundary.is_empty()) {
            let Some((head, value)) = part.split_once("\r\n\r\n") else { continue };
            let quoted = |name: &str| head.split(&format!(" {name}=\"")).nth(1)?.split('"').next();
            if let (Some(name), None) = (quoted("name"), quoted("filename")) {
                let value = value.strip_suffix("\r\n").unwrap_or(value);
                params.0.push((name.to_owned(), value.to_owned()));
            }
        }
        params
    }

    /// What was signed of a form before 2.6.18 and 2.7.8: all but the checksum, in the order of the names.
    pub(crate) fn signed_of_old(&self) -> String {
        let mut pairs: Vec<_> = self.0.iter().filter(|(name, _)| name != "checksum").collect();
        pairs.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<_>>());
        let encode = |value: &str| url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>();
        let texts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        texts.join("&")
    }

    /// The first value of a name.
    pub(crate) fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name, unless it is empty.
    pub(crate) fn given(&self, name: &str) -> Option<&str> {
        self.first(name).filter(|value| !value.is_empty())
    }

    /// Every value of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The values of a name that holds a list, separated by commas.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.first(name).unwrap_or_default().split(',').map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Names that begin with `prefix`, without it and in lower case, and their values.
    pub(crate) fn prefixed(&self, prefix: &str) -> Vec<(String, String)> {
        let matching = self.0.iter().filter_map(|(name, value)| {
            let name = name.strip_prefix(prefix).filter(|name| !name.is_empty())?;
            Some((name.to_lowercase(), value.clone()))
        });
        matching.collect()
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// What validators see of a value: without control characters and blanks at its ends.
pub(crate) fn sanitized(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned()
}

/// The four spellings of a boolean that validators take, besides none at all.
pub(crate) fn boolean(value: &str) -> Option<bool> {
    match value.to_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" | "" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_the_query_come_before_those_of_the_form() {
        let params = Params::of("&meetingID=a+b%2Fc&&meta_Bbb-Origin=x&flag", "meetingID=other&recordID=1,,2");
        assert_eq!(params.first("meetingID"), Some("a b/c"));
        assert_eq!(params.all("meetingID").collect::<Vec<_>>(), ["a b/c", "other"]);
        assert_eq!(params.first("flag"), Some(""));
        assert_eq!(params.given("flag"), None);
        assert_eq!(params.list("recordID"), ["1", "2"]);
        assert_eq!(params.prefixed("meta_"), [("bbb-origin".to_owned(), "x".to_owned())]);
    }
}
