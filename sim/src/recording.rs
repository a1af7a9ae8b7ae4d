//! Recordings of a simulated instance, and how BigBlueButton lists them.

use crate::documents::{Breakout, Entry, escape};
use crate::options::Paging;
use std::fmt::Write;

/// A recording, from the end of its meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recording {
    /// Also the internal id of its meeting.
    pub(crate) record_id: String,
    pub(crate) meeting_id: String,
    pub(crate) name: String,
    pub(crate) published: bool,
    pub(crate) start_time: u64,
    pub(crate) end_time: u64,
    pub(crate) participants: usize,
    pub(crate) metadata: Vec<(String, String)>,
    /// What its meeting was a breakout room of.
    pub(crate) breakout: Option<Breakout>,
    pub(crate) tracks: Vec<Track>,
    /// From then on it is listed.
    pub(crate) processed: u64,
    /// Who wanted to know that it is ready has been told.
    pub(crate) told: bool,
}

/// A text track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) kind: String,
    pub(crate) label: String,
    pub(crate) lang: String,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    /// How many there are without it.
    pub(crate) total: usize,
}

impl Recording {
    /// Of a meeting that `participants` came to.
    pub(crate) fn of(meeting: &Entry, participants: usize, processed: u64) -> Self {
        Self {
            record_id: meeting.internal_id.clone(),
            meeting_id: meeting.meeting_id.clone(),
            name: meeting.name.clone(),
            published: true,
            start_time: meeting.start_time,
            end_time: meeting.end_time,
            participants,
            metadata: meeting.metadata.clone(),
            breakout: meeting.breakout.clone(),
            tracks: Vec::new(),
            processed,
            told: false,
        }
    }

    /// `state`.
    pub(crate) fn state(&self) -> &'static str {
        if self.published { "published" } else { "unpublished" }
    }

    /// Sets or, where the value is empty, removes metadata.
    pub(crate) fn describe(&mut self, changes: Vec<(String, String)>) {
        for (key, value) in changes {
            self.metadata.retain(|(known, _)| *known != key);
            if !value.is_empty() {
                self.metadata.push((key, value));
            }
        }
    }

    fn element(&self, origin: &str) -> String {
        let mut out = String::from("<recording>");
        element(&mut out, "recordID", &self.record_id);
        element(&mut out, "meetingID", &self.meeting_id);
        element(&mut out, "internalMeetingID", &self.record_id);
        element(&mut out, "name", &self.name);
        element(&mut out, "isBreakout", &self.breakout.is_some().to_string());
        element(&mut out, "published", &self.published.to_string());
        element(&mut out, "state", self.state());
        element(&mut out, "startTime", &self.start_time.to_string());
        element(&mut out, "endTime", &self.end_time.to_string());
        element(&mut out, "participants", &self.participants.to_string());
        let length = self.end_time.saturating_sub(self.start_time);
        // Ten kilobytes a second, which is what a presentation with two webcams takes.
        let size = (length * 10).to_string();
        element(&mut out, "rawSize", &size);
        out.push_str("<metadata>");
        for (key, value) in &self.metadata {
            element(&mut out, key, value);
        }
        out.push_str("</metadata>");
        if let Some(Breakout { parent, sequence, free_join }) = &self.breakout {
            out.push_str("<breakout>");
            element(&mut out, "parentId", parent);
            element(&mut out, "sequence", &sequence.to_string());
            element(&mut out, "freeJoin", &free_join.to_string());
            out.push_str("</breakout>");
        }
        element(&mut out, "size", &size);
        let url = format!("{origin}/playback/presentation/2.3/{}", self.record_id);
        out.push_str("<playback><format>");
        for (tag, value) in [("type", "presentation"), ("url", &url), ("processingTime", "7177")] {
            element(&mut out, tag, value);
        }
        element(&mut out, "length", &(length / 60_000).to_string());
        element(&mut out, "size", &size);
        out.push_str("</format></playback><data></data></recording>");
        out
    }
}

/// Answers `getRecordings`; `origin` is where recordings are watched, `page` what they are a page of.
pub(crate) fn listing<'a>(
    recordings: impl IntoIterator<Item = &'a Recording>,
    origin: &str,
    page: Option<(Paging, Page)>,
) -> String {
    let listed: String = recordings.into_iter().map(|recording| recording.element(origin)).collect();
    let mut content = format!("<recordings>{listed}</recordings>");
    match page {
        Some((Paging::Total, Page { total, .. })) => content.push_str(&line("totalElements", &total.to_string())),
        Some((Paging::Pagination, Page { offset, limit, total })) => {
            let pageable = format!(
                "<pageable><offset>{offset}</offset><limit>{limit}</limit><paged>true</paged><unpaged>false</unpaged></pageable>"
            );
            let rest = format!("<totalElements>{total}</totalElements><empty>{}</empty>", listed.is_empty());
            content.push_str(&line("pagination", &(pageable + &rest)));
        }
        _ => {}
    }
    if listed.is_empty() {
        content.push_str(&line("messageKey", "noRecordings"));
        content.push_str(&line("message", "There are no recordings for the meeting(s)."));
    }
    format!("<response>{}{INDENT}{content}\n        </response>", line("returncode", "SUCCESS"))
}

/// Answers `getRecordings` where all are asked for and only some are given.
pub(crate) fn left_out() -> String {
    let message = line("message", "No recordings found. This may occur if you attempt to retrieve all recordings.");
    let content = line("returncode", "SUCCESS") + &line("messageKey", "noRecordings") + &message;
    format!("<response>{content}\n        </response>")
}

/// Answers `publishRecordings`, `updateRecordings` and `deleteRecordings`, on one line.
pub(crate) fn done(tag: &str, value: &str) -> String {
    format!("<response><returncode>SUCCESS</returncode><{tag}>{}</{tag}></response>", escape(value))
}

/// These documents are literals in BigBlueButton's source, whose indentation they keep.
const INDENT: &str = "\n          ";

fn line(tag: &str, value: &str) -> String {
    format!("{INDENT}<{tag}>{value}</{tag}>")
}

fn element(out: &mut String, tag: &str, value: &str) {
    // Writing into a text cannot fail.
    let _ = write!(out, "<{tag}>{}</{tag}>", escape(value));
}
