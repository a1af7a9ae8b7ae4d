//! Finds the tags of a document of which only a part may have arrived.
//!
//! quick-xml reads a whole document or waits for the rest of it in the middle of a read; neither suits a body that comes in chunks and
//! must be passed on in its own bytes. This knows no more of XML than where tags begin and end.

use memchr::{memchr, memchr3, memmem};

/// Where the scan is. Positions are those in the buffer it is given.
#[derive(Debug, Default)]
pub(super) struct Scan {
    position: usize,
    /// How many bytes of the token there were searched for its end in vain. None is searched twice, however small the chunks are.
    searched: usize,
    /// The quote in which that search ended.
    quote: Option<u8>,
}

/// A tag, by the positions of its `<`, of the end of its name, and behind its `>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Open { start: usize, name_end: usize, end: usize },
    Empty { start: usize, name_end: usize, end: usize },
    Close { end: usize },
}

/// What cannot be XML.
#[derive(Debug)]
pub(super) struct Malformed;

impl Scan {
    /// Everything before has been read.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// So many bytes were taken away from the start of the buffer.
    pub(super) fn rewind(&mut self, bytes: usize) {
        self.position -= bytes;
    }

    /// The next tag that is there whole.
    pub(super) fn next(&mut self, buffer: &[u8]) -> Result<Option<Token>, Malformed> {
        loop {
            let rest = &buffer[self.position..];
            let Some(start) = memchr(b'<', rest) else {
                self.position = buffer.len();
                return Ok(None);
            };
            self.position += start;
            let start = self.position;
            let rest = &buffer[start..];
            let skipped = match rest {
                [_, b'?', ..] => self.behind(rest, 2, b"?>"),
                [_, b'!', ..] if rest.starts_with(b"<!--") => self.behind(rest, 4, b"-->"),
                [_, b'!', ..] if rest.starts_with(b"<![CDATA[") => self.behind(rest, 9, b"]]>"),
                [_, b'!', ..] if b"<!--".starts_with(rest) || b"<![CDATA[".starts_with(rest) => None,
                // A document type could redefine what everything else means.
                [_, b'!', ..] => return Err(Malformed),
                _ => return self.tag(buffer),
            };
            match skipped {
                Some(length) => self.position = start + length,
                None => return Ok(None),
            }
        }
    }

    fn tag(&mut self, buffer: &[u8]) -> Result<Option<Token>, Malformed> {
        let start = self.position;
        let Some(end) = self.tag_end(&buffer[start..]).map(|length| start + length) else { return Ok(None) };
        self.position = end;
        let inner = &buffer[start + 1..end - 1];
        let name = inner.iter().position(|b| b.is_ascii_whitespace() || *b == b'/').unwrap_or(inner.len());
        let name_end = start + 1 + name;
        match (inner.first(), inner.last()) {
            (Some(b'/'), _) => Ok(Some(Token::Close { end })),
            (Some(_), Some(b'/')) if name > 0 => Ok(Some(Token::Empty { start, name_end, end })),
            (Some(_), _) if name > 0 => Ok(Some(Token::Open { start, name_end, end })),
            _ => Err(Malformed),
        }
    }

    /// How many bytes there are up to and with `end`, which follows an opening of so many bytes.
    fn behind(&mut self, bytes: &[u8], opening: usize, end: &[u8]) -> Option<usize> {
        // It may have begun in what was searched.
        let from = opening.max(self.searched.saturating_sub(end.len() - 1));
        let found = memmem::find(&bytes[from..], end).map(|at| from + at + end.len());
        self.searched = if found.is_some() { 0 } else { bytes.len() };
        found
    }

    /// How many bytes the tag at the start has, up to and with its `>`. Quoted attribute values may contain one.
    fn tag_end(&mut self, bytes: &[u8]) -> Option<usize> {
        loop {
            let rest = &bytes[self.searched..];
            let found = match self.quote {
                Some(quote) => memchr(quote, rest),
                None => memchr3(b'>', b'"', b'\'', rest),
            };
            let Some(found) = found else {
                self.searched = bytes.len();
                return None;
            };
            self.searched += found + 1;
            match (self.quote.take(), rest[found]) {
                (Some(_), _) => {}
                (None, b'>') => return Some(std::mem::take(&mut self.searched)),
                (None, quote) => self.quote = Some(quote),
            }
        }
    }
}
