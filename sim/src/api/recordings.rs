//! The calls about recordings, which have a checksum error of their own.

use super::{Answer, Request, verdict};
use crate::failure::Failure;
use crate::params::Params;
use crate::recording::{Recording, done, listing};
use crate::site::Site;

/// The most recordings of one page.
const LIMIT_MAX: usize = 100;

/// Answers any of them, and what is no call at all.
pub(super) fn answer(site: &mut Site, request: Request<'_>, params: &Params, now: u64) -> Answer {
    let change: fn(&mut Site, &[&str], &Params) -> Answer = match (request.call, request.method.as_str()) {
        ("getRecordings", "GET" | "POST") => {
            return refused(site, request, params).unwrap_or_else(|| get(site, params, now));
        }
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
    let wanted = |recording: &&Recording| {
        let listed = match (records.is_empty(), meetings.is_empty()) {
            (false, _) => records.iter().any(|id| recording.record_id.starts_with(id)),
            (true, false) => meetings.contains(&recording.meeting_id.as_str()),
            (true, true) => true,
        };
        let state = states.is_empty() || states.contains(&"any") || states.contains(&recording.state());
        recording.processed <= now && listed && state
    };
    let found: Vec<_> = site.recordings.iter().filter(wanted).collect();
    let number = |name: &str| params.given(name).and_then(|value| value.parse::<usize>().ok());
    let page = number("limit").filter(|limit| (1..=LIMIT_MAX).contains(limit));
    Answer::Document(match page {
        None => listing(found, &site.origin, None),
        Some(limit) => {
            let total = found.len();
            let page = found.into_iter().skip(number("offset").unwrap_or(0)).take(limit);
            listing(page, &site.origin, Some(total))
        }
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
