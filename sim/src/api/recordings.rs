//! The calls about recordings, which have a checksum error of their own.

use super::{Answer, Request, tracks, verdict};
use crate::failure::Failure;
use crate::options::Paging;
use crate::params::Params;
use crate::recording::{Page, Recording, done, left_out, listing};
use crate::site::Site;

/// The most recordings of one page.
const LIMIT_MAX: usize = 100;

/// Answers any of them, and what is no call at all.
pub(super) fn answer(site: &mut Site, request: Request<'_>, params: &Params, now: u64) -> Answer {
    let change: fn(&mut Site, &[&str], &Params) -> Answer = match (request.call, request.method.as_str()) {
        ("getRecordings", "GET" | "POST") => {
            return refused(site, request, params).unwrap_or_else(|| get(site, params, now));
        }
        ("getRecordingTextTracks", "GET" | "POST") => return tracks::get(site, request, params, now),
        ("putRecordingTextTrack", "POST") => return tracks::put(site, request, params, now),
        ("publishRecordings", "GET") => publish,
        ("updateRecordings", "GET" | "POST") => update,
        ("deleteRecordings", "GET") => delete,
        _ => return Answer::Missing,
    };
    let ids = params.list("recordID");
    if ids.is_empty() {
        return Failure::RecordIdMissing.into();
    }
    if request.call == "publishRecordings" && params.given("publish").is_none() {
        return Failure::PublishMissing.into();
    }
    if let Some(answer) = refused(site, request, params) {
        return answer;
    }
    let known = site.recordings.iter().any(|recording| recording.processed <= now && named(recording, &ids));
    if known { change(site, &ids, params) } else { Failure::RecordingsNotFound.into() }
}

fn refused(site: &Site, request: Request<'_>, params: &Params) -> Option<Answer> {
    // The content type of a body is not looked at here.
    let request = Request { body: &[], ..request };
    verdict(site, request, params, &[]).map(|_| Failure::ChecksumInsecure.into())
}

fn get(site: &Site, params: &Params, now: u64) -> Answer {
    let (records, meetings, states) = (params.list("recordID"), params.list("meetingID"), params.list("state"));
    let metadata = params.prefixed("meta_");
    let wanted = |recording: &&Recording| {
        let listed = match (records.is_empty(), meetings.is_empty()) {
            (false, _) => records.iter().any(|id| recording.record_id.starts_with(id)),
            (true, false) => meetings.contains(&recording.meeting_id.as_str()),
            (true, true) => true,
        };
        let state = states.is_empty() || states.contains(&"any") || states.contains(&recording.state());
        recording.processed <= now
            && listed
            && state
            && metadata.iter().all(|(key, value)| described(recording, key, value))
    };
    let found: Vec<_> = site.recordings.iter().filter(wanted).collect();
    let number = |name: &str| params.given(name).and_then(|value| value.parse::<usize>().ok());
    let page = number("limit").filter(|limit| (1..=LIMIT_MAX).contains(limit));
    Answer::Document(match (page, site.options.paging) {
        (None, _) if records.is_empty() && meetings.is_empty() && !site.options.lists_all => left_out(),
        (None, _) | (_, Paging::None) => listing(found, &site.origin, None),
        (Some(limit), paging) => {
            let page = Page { offset: number("offset").unwrap_or(0), limit, total: found.len() };
            listing(found.into_iter().skip(page.offset).take(limit), &site.origin, Some((paging, page)))
        }
    })
}

/// A recording has this metadata; a `%` at an end of the value stands for anything.
fn described(recording: &Recording, key: &str, value: &str) -> bool {
    let own = recording.metadata.iter().find(|(known, _)| known == key).map(|(_, own)| own.as_str());
    own.is_some_and(|own| match (value.strip_prefix('%'), value.strip_suffix('%')) {
        (Some(_), Some(_)) => own.contains(value.trim_matches('%')),
        (Some(end), None) => own.ends_with(end),
        (None, Some(start)) => own.starts_with(start),
        (None, None) => own == value,
    })
}

fn publish(site: &mut Site, ids: &[&str], params: &Params) -> Answer {
    let value = params.first("publish").unwrap_or_default();
    for recording in site.recordings.iter_mut().filter(|recording| named(recording, ids)) {
        recording.published = value == "true";
    }
    Answer::Document(done("published", value))
}

fn update(site: &mut Site, ids: &[&str], params: &Params) -> Answer {
    for recording in site.recordings.iter_mut().filter(|recording| named(recording, ids)) {
        recording.describe(params.prefixed("meta_"));
    }
    Answer::Document(done("updated", "true"))
}

fn delete(site: &mut Site, ids: &[&str], _: &Params) -> Answer {
    site.recordings.retain(|recording| !named(recording, ids));
    Answer::Document(done("deleted", "true"))
}

fn named(recording: &Recording, ids: &[&str]) -> bool {
    ids.contains(&recording.record_id.as_str())
}
