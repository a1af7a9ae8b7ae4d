//! Reads the few texts of an element that matter, and passes over the rest.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

/// Hands each text in an element to `each`, with the names on the way to it, that of the element itself left out. What is `skipped`, right
/// below the element, is not looked into. `None` if the element is damaged.
pub(crate) fn read(element: &[u8], skipped: &[&str], mut each: impl FnMut(&[String], &str)) -> Option<()> {
    let mut reader = Reader::from_str(std::str::from_utf8(element).ok()?);
    let mut path: Vec<String> = Vec::new();
    let mut value = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) if path.len() == 1 && skipped.contains(&tag.name().as_ref()) => {
                reader.read_to_end(tag.to_end().name()).ok()?;
            }
            Event::Start(tag) => {
                path.push(tag.name().as_ref().to_owned());
                value.clear();
            }
            Event::Text(text) => value.push_str(&text),
            Event::CData(text) => value.push_str(&text),
            Event::GeneralRef(reference) => push_reference(&reference, &mut value)?,
            Event::End(_) => {
                each(path.get(1..).unwrap_or_default(), &value);
                path.pop();
                value.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    path.is_empty().then_some(())
}

fn push_reference(reference: &BytesRef<'_>, value: &mut String) -> Option<()> {
    match reference.resolve_char_ref().ok()? {
        Some(c) => value.push(c),
        None => value.push_str(resolve_predefined_entity(reference)?),
    }
    Some(())
}
