//! The configuration file as a list of keys and texts.
//!
//! A text is what stands in the file, not what YAML takes it for: a secret made of digits keeps its leading zeros. serde-saphyr's own
//! messages are left out where they could show a value, and its excerpts of the file always.

use crate::keys::{Key, RETIRED, Set, names_in};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Error, Spanned};
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

/// Bytes of a configuration: hundreds of times what the example has, which names every key.
pub(crate) const FILE_MAX: u64 = 1024 * 1024;

/// Reads a text of so many bytes at most.
///
/// # Errors
/// It cannot be read, is no UTF-8, or is longer.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    if text.len() as u64 > most {
        return Err(io::Error::new(ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(text)
}

/// A key and what stands behind it.
#[derive(Debug, PartialEq)]
pub(crate) struct Entry {
    /// As written, behind its section.
    pub(crate) written: String,
    /// The name it has here: sections and keys of the successor, and camelCase, mean the same.
    pub(crate) name: String,
    pub(crate) line: u64,
    pub(crate) value: Value,
}

/// What stands behind a key.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    /// Nothing; the key keeps its default.
    Empty,
    One(String),
    Many(Vec<String>),
    /// Keys, which follow as entries of their own.
    Section,
    /// The original systems knew it; here it has no meaning, and this is why.
    Retired(&'static str),
    /// There is no such key, and what stands there was skipped.
    Unknown,
}

/// Why the text is no configuration file.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed {
    pub(crate) line: Option<u64>,
    /// The key that was being read, as written; empty before the first.
    pub(crate) key: String,
    pub(crate) reason: String,
}

/// Reads the whole text; an empty list if there is nothing in it.
pub(crate) fn entries(text: &str) -> Result<Vec<Entry>, Malformed> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        reject_unsupported_tags: true,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
    };
    let mut entries = Vec::new();
    let outermost = Level { section: None, entries: &mut entries };
    match serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| outermost.deserialize(yaml)) {
        Ok(()) => Ok(entries),
        Err(Error::Eof { .. }) if entries.is_empty() => Ok(entries),
        Err(error) => Err(malformed(&error, entries.last())),
    }
}

/// The keys of the file, or of one section.
struct Level<'a> {
    /// As written, and by the name it has here.
    section: Option<(String, String)>,
    entries: &'a mut Vec<Entry>,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<(), D::Error> {
        yaml.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keys")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let line = key.referenced.line();
            let (written, name) = self.paths(&shown(&key.value));
            let index = self.entries.len();
            // Entered before its value is read, so that an error can name it.
            let value = Value::Empty;
            self.entries.push(Entry { written: written.clone(), name: name.clone(), line, value });
            let value = if let Some((_, reason)) = RETIRED.iter().find(|(retired, _)| *retired == name) {
                map.next_value::<IgnoredAny>()?;
                Value::Retired(reason)
            } else if let Some(key) = Key::named(&name) {
                map.next_value_seed(key)?
            } else if !names_in(Some(&name)).is_empty() {
                map.next_value_seed(Level { section: Some((written, name)), entries: &mut *self.entries })?;
                Value::Section
            } else {
                map.next_value::<IgnoredAny>()?;
                Value::Unknown
            };
            self.entries[index].value = value;
        }
        Ok(())
    }
}

impl Level<'_> {
    /// The path of a key in this level, as written and by the name it has here.
    fn paths(&self, key: &str) -> (String, String) {
        match &self.section {
            Some((written, name)) => (format!("{written}.{key}"), format!("{name}.{}", snake_case(key))),
            None if key == "bigblueswarm" => (key.to_owned(), "bigbluebutton".to_owned()),
            None => (key.to_owned(), snake_case(key)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &Key {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, yaml: D) -> Result<Value, D::Error> {
        match self.set {
            Set::One(_) => {
                let text: Option<String> = serde::Deserialize::deserialize(yaml)?;
                Ok(text.filter(|text| !text.is_empty()).map_or(Value::Empty, Value::One))
            }
            Set::Many(_) => yaml.deserialize_any(List),
        }
    }
}

/// A list, or its elements in one text with commas between them; or names and values, which are elements such as `name=value`.
struct List;

impl<'de> Visitor<'de> for List {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Empty)
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Many(split(text)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Option<String>>()? {
            elements.push(format!("{name}={}", value.unwrap_or_default()));
        }
        Ok(Value::Many(elements))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Value::Many(elements))
    }
}

/// The elements of a list that is written as one text.
pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty()).map(str::to_owned).collect()
}

/// As much of a key as could be one: where the colon or the space behind it is missing, its value is part of it.
fn shown(key: &str) -> String {
    match key.find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-' | '.')) {
        Some(end) => format!("{}…", &key[..end]),
        None => key.to_owned(),
    }
}

fn snake_case(key: &str) -> String {
    let mut name = String::new();
    for letter in key.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn malformed(error: &Error, last: Option<&Entry>) -> Malformed {
    let line = error.location().map(|location| location.line());
    let (key, reason) = match error {
        // What the parser says of a text that is no YAML; its messages are fixed texts.
        Error::ExternalMessage { msg, .. } => (String::new(), format!("no valid YAML: {msg}")),
        Error::MultipleDocuments { .. } => {
            (String::new(), "a second document begins here; a configuration is one".to_owned())
        }
        Error::UnknownAnchor { .. } => {
            (String::new(), "an alias whose anchor does not exist; texts that begin with * need quotes".to_owned())
        }
        Error::UnsupportedTag { .. } => {
            (String::new(), "a tag that means nothing; texts that begin with ! need quotes".to_owned())
        }
        Error::Budget { .. } => (String::new(), "larger or deeper than any configuration".to_owned()),
        _ => match last {
            Some(entry) => (entry.written.clone(), format!("{} here", belongs(&entry.name))),
            None => (String::new(), "a configuration consists of keys and values, such as `port: 8080`".to_owned()),
        },
    };
    Malformed { line, key, reason }
}

fn belongs(name: &str) -> &'static str {
    match Key::named(name).map(|key| &key.set) {
        Some(Set::One(_)) => "one value belongs",
        Some(Set::Many(_)) => "a list of values belongs",
        None => "a section with keys belongs",
    }
}
