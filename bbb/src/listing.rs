//! Lists that instances answer with: taken apart while they arrive, one item at a time, and put together again without touching a byte
//! of an item.
//!
//! A listing is evidence of what is absent only if it is complete, which [`Splitter::finish`] tells.

pub(crate) mod element;
mod meeting;
mod page;
mod recording;
mod scan;

pub use meeting::Meeting;
pub use page::{Page, Paging, Shape, Sorted, TooFar};
pub use recording::Recording;

use crate::Call;
use crate::document::{self, Outcome};
use memchr::memmem;
use scan::{Scan, Token};

/// The most bytes one item may have: a meeting of a thousand attendees has 340 kB.
pub const ITEM_MAX: usize = 4 << 20;

/// The most bytes that may stand before the list. BigBlueButton needs fifty.
const HEAD_MAX: usize = 64 << 10;

/// Takes a document apart that consists of a `response` with a return code and a list of items.
#[derive(Debug)]
pub struct Splitter {
    list: List,
    /// What has arrived and is still needed: the head, or the item that is not complete yet.
    pending: Vec<u8>,
    scan: Scan,
    /// How many elements are open.
    depth: usize,
    place: Place,
    paging: Option<Paging>,
    /// The list is left out of a document that says SUCCESS.
    left_out: bool,
}

/// What is listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum List {
    /// `getMeetings`.
    #[default]
    Meetings,
    /// `getRecordings`.
    Recordings,
    /// `getSessions`: the users in meetings.
    Sessions,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    /// Before the list; `pending` starts with the document.
    Head,
    /// In the list, or in the item that starts there in `pending`.
    List { item: Option<usize> },
    /// Behind the list, or in the element that starts there in `pending`.
    Tail { item: Option<usize> },
    /// Behind the whole document.
    End,
}

/// Why a document is no complete list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListingError {
    /// It is no answer of BigBlueButton, or a damaged one.
    #[error("the answer is no list of BigBlueButton's")]
    NotAListing,
    /// BigBlueButton refused the call.
    #[error("the instance answered FAILED")]
    Failed,
    /// It ends before its end.
    #[error("the answer is cut off")]
    CutOff,
    /// One item, or what comes before the list, is larger than any that BigBlueButton writes.
    #[error("an item of the answer is too large")]
    TooLarge,
    /// The instance does not list all its recordings at once (`allowFetchAllRecordings=false`); it has to be asked for pages.
    #[error("the instance lists recordings in pages only")]
    LeftOut,
}

impl List {
    /// The call that asks for it.
    pub fn call(self) -> Call {
        match self {
            Self::Meetings => Call::GetMeetings,
            Self::Recordings => Call::GetRecordings,
            Self::Sessions => Call::GetSessions,
        }
    }

    /// The element that holds the items.
    fn tag(self) -> &'static str {
        match self {
            Self::Meetings => "meetings",
            Self::Recordings => "recordings",
            Self::Sessions => "sessions",
        }
    }

    /// What a document says that leaves the list out.
    fn none(self) -> &'static [u8] {
        match self {
            Self::Meetings => b"<messageKey>noMeetings</messageKey>",
            Self::Recordings => b"<messageKey>noRecordings</messageKey>",
            Self::Sessions => b"<messageKey>noSessions</messageKey>",
        }
    }

    /// Appends what stands before the items.
    fn open(self, out: &mut Vec<u8>) {
        match self {
            Self::Meetings => out.extend_from_slice(b"<response>\n<returncode>SUCCESS</returncode>\n<meetings>\n"),
            Self::Recordings => out.extend_from_slice(document::RECORDINGS.as_bytes()),
            Self::Sessions => out.extend_from_slice(b"<response>\n<returncode>SUCCESS</returncode>\n<sessions>\n"),
        }
    }
}

impl Splitter {
    /// For an answer to `getMeetings`.
    pub fn meetings() -> Self {
        Self::of(List::Meetings)
    }

    /// For an answer to `getRecordings`.
    pub fn recordings() -> Self {
        Self::of(List::Recordings)
    }

    /// For a list of this kind.
    pub fn of(list: List) -> Self {
        Self {
            list,
            pending: Vec::new(),
            scan: Scan::default(),
            depth: 0,
            place: Place::Head,
            paging: None,
            left_out: false,
        }
    }

    /// What has been said so far of the page that the list is.
    pub fn paging(&self) -> Option<Paging> {
        self.paging
    }

    /// Takes the next bytes, and hands each item that is complete to `each`, from its start tag to its end tag as it came.
    ///
    /// # Errors
    /// [`ListingError::NotAListing`] and [`ListingError::TooLarge`]; nothing that comes later can be relied on then.
    pub fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&[u8])) -> Result<(), ListingError> {
        self.pending.extend_from_slice(bytes);
        while let Some(token) = self.scan.next(&self.pending).map_err(|_| ListingError::NotAListing)? {
            self.step(token, &mut each)?;
        }
        self.forget();
        let limit = if self.place == Place::Head { HEAD_MAX } else { ITEM_MAX };
        if self.pending.len() > limit { Err(ListingError::TooLarge) } else { Ok(()) }
    }

    /// The document has ended; `Ok` if all of it was there and it says SUCCESS.
    ///
    /// # Errors
    /// Why what was handed out is not all there is.
    pub fn finish(self) -> Result<(), ListingError> {
        match (self.place, self.left_out) {
            (Place::End, false) => Ok(()),
            (Place::End, true) => Err(ListingError::LeftOut),
            _ => Err(ListingError::CutOff),
        }
    }

    fn step(&mut self, token: Token, each: &mut impl FnMut(&[u8])) -> Result<(), ListingError> {
        match token {
            _ if self.place == Place::End => Err(ListingError::NotAListing),
            Token::Open { start, name_end, .. } => {
                self.opened(start, name_end)?;
                self.depth += 1;
                Ok(())
            }
            Token::Empty { start, name_end, end } => {
                self.opened(start, name_end)?;
                self.depth += 1;
                self.closed(end, each)
            }
            Token::Close { end } => self.closed(end, each),
        }
    }

    fn opened(&mut self, start: usize, name_end: usize) -> Result<(), ListingError> {
        let name = &self.pending[start + 1..name_end];
        match (self.depth, self.place) {
            (0, _) if name != b"response" => Err(ListingError::NotAListing),
            (1, Place::Head) if name == self.list.tag().as_bytes() => {
                self.check_outcome()?;
                self.paging = Paging::find(&self.pending[..start]);
                self.place = Place::List { item: None };
                Ok(())
            }
            (2, Place::List { item: None }) => {
                self.place = Place::List { item: Some(start) };
                Ok(())
            }
            (1, Place::Tail { item: None }) => {
                self.place = Place::Tail { item: Some(start) };
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn closed(&mut self, end: usize, each: &mut impl FnMut(&[u8])) -> Result<(), ListingError> {
        self.depth = self.depth.checked_sub(1).ok_or(ListingError::NotAListing)?;
        match (self.depth, self.place) {
            (2, Place::List { item: Some(start) }) => {
                each(&self.pending[start..end]);
                self.place = Place::List { item: None };
            }
            (1, Place::List { .. }) => self.place = Place::Tail { item: None },
            (1, Place::Tail { item: Some(start) }) => {
                self.paging = self.paging.or_else(|| Paging::find(&self.pending[start..end]));
                self.place = Place::Tail { item: None };
            }
            (0, Place::Head) => {
                self.check_outcome()?;
                // A success without a list answers some other call, unless it says that there is nothing to list.
                if memmem::find(&self.pending[..end], self.list.none()).is_none() {
                    return Err(ListingError::NotAListing);
                }
                self.left_out = self.list == List::Recordings;
                self.place = Place::End;
            }
            (0, _) => self.place = Place::End,
            _ => {}
        }
        Ok(())
    }

    fn check_outcome(&self) -> Result<(), ListingError> {
        match Outcome::of(&self.pending) {
            Some(Outcome::Success) => Ok(()),
            Some(Outcome::Failed) => Err(ListingError::Failed),
            None => Err(ListingError::NotAListing),
        }
    }

    /// Drops what has been read and is not needed any more.
    fn forget(&mut self) {
        let keep = match self.place {
            Place::Head => return,
            Place::List { item: Some(start) } | Place::Tail { item: Some(start) } => start,
            _ => self.scan.position(),
        };
        self.pending.drain(..keep);
        self.scan.rewind(keep);
        if let Place::List { item: Some(start) } | Place::Tail { item: Some(start) } = &mut self.place {
            *start = 0;
        }
    }
}

/// Writes an answer from the items of several instances; by default from meetings.
#[derive(Debug, Default)]
pub struct Merger {
    list: List,
    started: bool,
}

impl Merger {
    /// For a list of this kind.
    pub fn of(list: List) -> Self {
        Self { list, started: false }
    }

    /// Appends one item to `out`, as its instance wrote it.
    pub fn add(&mut self, item: &[u8], out: &mut Vec<u8>) {
        if !self.started {
            self.started = true;
            self.list.open(out);
        }
        out.extend_from_slice(item);
        if self.list != List::Recordings {
            out.push(b'\n');
        }
    }

    /// Appends the end of the document, or the whole of it if there was no item.
    pub fn finish(self, out: &mut Vec<u8>) {
        let end = match (self.list, self.started) {
            (List::Meetings, true) => "</meetings>\n</response>".to_owned(),
            (List::Meetings, false) => document::no_meetings(),
            (List::Sessions, true) => "</sessions>\n</response>".to_owned(),
            (List::Sessions, false) => document::no_sessions(),
            (List::Recordings, true) => ["</recordings>", document::END].concat(),
            (List::Recordings, false) => document::no_recordings(),
        };
        out.extend_from_slice(end.as_bytes());
    }
}

#[cfg(test)]
mod recordings_tests;
#[cfg(test)]
mod tests;
