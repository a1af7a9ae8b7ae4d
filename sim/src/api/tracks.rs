//! The calls about text tracks, which are answered with JSON.

use super::{Answer, Request, verdict};
use crate::failure::Failure;
use crate::params::Params;
use crate::recording::{Recording, Track};
use crate::site::Site;

/// `getRecordingTextTracks`.
pub(super) fn get(site: &Site, request: Request<'_>, params: &Params, now: u64) -> Answer {
    let Some(id) = params.given("recordID") else { return refusal(Failure::RecordIdMissing) };
    if is_unsigned(site, request, params) {
        return refusal(Failure::ChecksumInsecure);
    }
    match find(site, id, now) {
        None => failed("noRecordings", &format!("No recording found for {id}")),
        Some(index) => tracks(&site.recordings[index], &site.origin),
    }
}

/// `putRecordingTextTrack`. What is in the file is not looked at.
pub(super) fn put(site: &mut Site, request: Request<'_>, params: &Params, now: u64) -> Answer {
    let required = ["checksum", "recordID", "kind", "lang"];
    if let Some(missing) = required.into_iter().find(|name| params.given(name).is_none()) {
        return failed("paramError", &format!("Missing param {missing}."));
    }
    if is_unsigned(site, request, params) {
        return refusal(Failure::ChecksumInsecure);
    }
    let of = |name: &str| params.first(name).unwrap_or_default().to_owned();
    let (id, kind, lang, label) = (of("recordID"), of("kind"), of("lang"), of("label"));
    let Some(index) = find(site, &id, now) else {
        return failed("noRecordings", &format!("No recording was found for {id}"));
    };
    if !matches!(kind.as_str(), "subtitles" | "captions") {
        return failed("invalidKind", &format!("Invalid kind parameter, expected='subtitles|captions' actual={kind}"));
    }
    if !has_file(request.body) {
        return failed("empty_uploaded_text_track", "Empty uploaded text track.");
    }
    let label = if label.is_empty() { lang.clone() } else { label };
    let known = &mut site.recordings[index].tracks;
    known.retain(|track| (&track.kind, &track.lang) != (&kind, &lang));
    known.push(Track { kind, label, lang });
    let words = [("messageKey", "upload_text_track_success"), ("message", "Text track uploaded successfully")];
    respond("SUCCESS", &[words[0], words[1], ("recordId", &id)])
}

fn is_unsigned(site: &Site, request: Request<'_>, params: &Params) -> bool {
    verdict(site, Request { body: &[], ..request }, params, &[]).is_some()
}

fn find(site: &Site, id: &str, now: u64) -> Option<usize> {
    site.recordings.iter().position(|recording| recording.processed <= now && recording.record_id == id)
}

/// One of its parts is a file, and not an empty one.
fn has_file(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    let file = body.split("filename=\"").nth(1).and_then(|rest| rest.split_once("\r\n\r\n"));
    file.is_some_and(|(_, content)| !content.starts_with("\r\n--") && !content.is_empty())
}

fn tracks(recording: &Recording, origin: &str) -> Answer {
    let id = &recording.record_id;
    let track = |Track { kind, label, lang }: &Track| {
        let href = format!("{origin}/captions/{id}/{kind}_{lang}.vtt");
        let fields = [("href", href.as_str()), ("kind", kind), ("label", label), ("lang", lang), ("source", "upload")];
        format!("{{{}}}", fields.map(|(name, value)| field(name, value)).join(","))
    };
    let all: Vec<String> = recording.tracks.iter().map(track).collect();
    Answer::Json(format!(r#"{{"response":{{"returncode":"SUCCESS","tracks":[{}]}}}}"#, all.join(",")))
}

fn refusal(failure: Failure) -> Answer {
    let (key, message) = failure.words();
    failed(key, message)
}

fn failed(key: &str, message: &str) -> Answer {
    respond("FAILED", &[("messageKey", key), ("message", message)])
}

fn respond(code: &str, fields: &[(&str, &str)]) -> Answer {
    let fields: Vec<String> =
        [("returncode", code)].iter().chain(fields).map(|(name, value)| field(name, value)).collect();
    Answer::Json(format!(r#"{{"response":{{{}}}}}"#, fields.join(",")))
}

fn field(name: &str, value: &str) -> String {
    let escaped: String = value
        .chars()
        .flat_map(|c| match c {
            '"' | '\\' => vec!['\\', c],
            c if c.is_control() => vec![' '],
            c => vec![c],
        })
        .collect();
    format!(r#""{name}":"{escaped}""#)
}
