//! Pages of recordings: what is asked for, what an instance tells of it, and how the pages of several instances become one.

use super::{List, Recording};
use crate::{Query, document};
use memchr::memmem;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The most bytes of recordings that are sorted: 6,000 of them are as large, or sixty of the largest pages.
const SORTED_MAX: usize = 16 << 20;

/// A part of all recordings, the newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many are left out before it.
    pub offset: usize,
    /// How many it has at most, from 1 to [`Page::LIMIT_MAX`].
    pub limit: usize,
}

/// How an instance says how many recordings there are without paging. Releases differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// In a `pagination` of Java's making: 2.6, early 2.7 and early 3.0.
    Pagination,
    /// In `totalElements`, right in the response: later releases.
    Total,
}

/// What an instance says of the page it answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// How it says so.
    pub shape: Shape,
    /// How many there are without paging.
    pub total: usize,
}

/// Recordings of one or several instances, of which those up to the end of a page are kept.
#[derive(Debug)]
pub struct Sorted {
    page: Page,
    /// The oldest of those kept comes first.
    kept: BinaryHeap<Reverse<Item>>,
    bytes: usize,
    total: usize,
}

/// The recordings before the end of a page are more than can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page is too far from the beginning")]
pub struct TooFar;

/// One recording. The larger one stands first in a page: the newer one, or, so that no two pages have the same, the one with the lower id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Item {
    start_time: u64,
    id: Reverse<String>,
    element: Vec<u8>,
}

impl Page {
    /// The most recordings that BigBlueButton puts on a page.
    pub const LIMIT_MAX: usize = 100;

    /// The page that a query asks for; `None`: all there is. What makes no sense counts as not said, as it does to BigBlueButton.
    pub fn of(query: Query<'_>) -> Option<Self> {
        let number = |name| std::str::from_utf8(&query.first(name)?).ok()?.trim().parse::<usize>().ok();
        let limit = number("limit").filter(|limit| (1..=Self::LIMIT_MAX).contains(limit))?;
        Some(Self { offset: number("offset").unwrap_or(0), limit })
    }

    /// A query without paging.
    pub fn remove_from(query: Query<'_>) -> String {
        query.without(|name| matches!(name, b"offset" | b"limit"))
    }

    /// A query without paging, with this page added.
    pub fn add_to(self, mut query: String) -> String {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(&format!("offset={}&limit={}", self.offset, self.limit));
        query
    }

    fn end(self) -> usize {
        self.offset.saturating_add(self.limit)
    }
}

impl Paging {
    /// Finds it in what stands before or behind the list.
    pub(super) fn find(text: &[u8]) -> Option<Self> {
        let at = memmem::find(text, TOTAL)? + TOTAL.len();
        let rest = text[at..].trim_ascii_start();
        let digits = rest.iter().position(|b| !b.is_ascii_digit())?;
        let total = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        let shape = if memmem::find(&text[..at], b"<pagination").is_some() { Shape::Pagination } else { Shape::Total };
        Some(Self { shape, total })
    }
}

const TOTAL: &[u8] = b"<totalElements>";

impl Sorted {
    /// None yet.
    pub fn new(page: Page) -> Self {
        Self { page, kept: BinaryHeap::new(), bytes: 0, total: 0 }
    }

    /// Adds a recording; `element` is how its instance wrote it.
    ///
    /// # Errors
    /// [`TooFar`] if there is no room; nothing can be said of the page then.
    pub fn add(&mut self, recording: &Recording, element: &[u8]) -> Result<(), TooFar> {
        let (start_time, id) = (recording.start_time, Reverse(recording.id.clone()));
        self.total += 1;
        self.bytes += element.len();
        self.kept.push(Reverse(Item { start_time, id, element: element.to_vec() }));
        if self.kept.len() > self.page.end()
            && let Some(Reverse(oldest)) = self.kept.pop()
        {
            self.bytes -= oldest.element.len();
        }
        if self.bytes > SORTED_MAX { Err(TooFar) } else { Ok(()) }
    }

    /// The answer to `getRecordings`, with the total as instances of this shape write it.
    pub fn document(self, shape: Shape) -> Vec<u8> {
        let Self { page, kept, total, .. } = self;
        // `Reverse` turns the order around: the newest comes first.
        let items = kept.into_sorted_vec().into_iter().skip(page.offset).map(|Reverse(item)| item.element);
        let mut out = Vec::new();
        let mut count = 0;
        List::Recordings.open(&mut out);
        for element in items {
            out.extend_from_slice(&element);
            count += 1;
        }
        out.extend_from_slice(b"</recordings>");
        out.extend_from_slice(page.told(shape, count, total).as_bytes());
        if count == 0 {
            out.extend_from_slice(document::NO_RECORDINGS.as_bytes());
        }
        out.extend_from_slice(document::END.as_bytes());
        out
    }
}

impl Page {
    fn told(self, shape: Shape, count: usize, total: usize) -> String {
        let Self { offset, limit } = self;
        match shape {
            Shape::Total => format!("{}<totalElements>{total}</totalElements>", document::INDENT),
            Shape::Pagination => format!(
                "{}<pagination><pageable><offset>{offset}</offset><limit>{limit}</limit><paged>true</paged>\
                 <unpaged>false</unpaged></pageable><totalElements>{total}</totalElements><empty>{}</empty></pagination>",
                document::INDENT,
                count == 0
            ),
        }
    }
}
