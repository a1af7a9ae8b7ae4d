//! The API of a simulated instance: a call and the time go in, an answer comes out. No network, no clock.

mod create;
mod hooks;
mod join;
mod meetings;
mod recordings;
mod tracks;

use crate::checksum;
use crate::documents;
use crate::failure::Failure;
use crate::params::Params;
use crate::site::Site;
use http::Method;

/// A call, as it arrived.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a Method,
    /// What follows `/bigbluebutton/api/`.
    pub(crate) call: &'a str,
    /// Raw, without the question mark.
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
}

/// What an instance answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200 and a document, whether the call succeeded or not.
    Document(String),
    /// The same in JSON, as text tracks are answered.
    Json(String),
    /// 302, with the session that it opens if any.
    Redirect { location: String, session: Option<String> },
    /// 404: no call of this name and method.
    Missing,
    /// 500: the call broke the code that answers it.
    Broken,
}

impl From<Failure> for Answer {
    fn from(failure: Failure) -> Self {
        let (key, message) = failure.words();
        Self::Document(documents::failure(key, message))
    }
}

const FORM: &str = "application/x-www-form-urlencoded";
const FORMS: &[&str] = &[FORM, "multipart/form-data"];
const FORMS_AND_XML: &[&str] = &[FORM, "multipart/form-data", "application/xml", "text/xml"];
const XML: &[&str] = &["application/xml", "text/xml"];

/// Answers a call at `now`.
pub(crate) fn answer(site: &mut Site, request: Request<'_>, now: u64) -> Answer {
    site.advance(now);
    let form = match request.content_type {
        Some(content_type) if essence(content_type) == FORM => std::str::from_utf8(request.body).unwrap_or_default(),
        _ => "",
    };
    let params = match request.content_type {
        Some(content_type) if essence(content_type) == "multipart/form-data" => {
            Params::of_parts(request.query, content_type, request.body)
        }
        _ => Params::of(request.query, form),
    };
    match (request.call, request.method.as_str()) {
        ("", _) => Answer::Document(documents::version()),
        ("create", "GET" | "POST") => {
            checked(site, request, &params, FORMS_AND_XML).unwrap_or_else(|| create::create(site, &params, now))
        }
        ("join", "GET") => join::join(site, verdict(site, request, &params, FORMS), &params, now),
        ("isMeetingRunning", "GET" | "POST") => {
            checked(site, request, &params, FORMS).unwrap_or_else(|| meetings::is_meeting_running(site, &params, now))
        }
        ("end", "GET" | "POST") => {
            checked(site, request, &params, FORMS).unwrap_or_else(|| meetings::end(site, &params, now))
        }
        ("getMeetingInfo", "GET" | "POST") => {
            checked(site, request, &params, FORMS).unwrap_or_else(|| meetings::get_meeting_info(site, &params, now))
        }
        ("getMeetings", "GET" | "POST") => {
            checked(site, request, &params, FORMS).unwrap_or_else(|| meetings::get_meetings(site, now))
        }
        ("getSessions", "GET" | "POST") => {
            checked(site, request, &params, FORMS).unwrap_or_else(|| meetings::get_sessions(site, now))
        }
        ("insertDocument", "POST") => {
            checked(site, request, &params, XML).unwrap_or_else(|| meetings::insert_document(site, &params))
        }
        ("sendChatMessage", "GET") => {
            checked(site, request, &params, &[]).unwrap_or_else(|| meetings::send_chat_message(site, &params))
        }
        _ => match hooks::answer(site, request, &params) {
            Some(answer) => answer,
            None => recordings::answer(site, request, &params, now),
        },
    }
}

/// Refuses a call that is not signed, or whose body is of a kind that it cannot have.
fn checked(site: &Site, request: Request<'_>, params: &Params, accepted: &[&str]) -> Option<Answer> {
    verdict(site, request, params, accepted).map(Answer::from)
}

fn verdict(site: &Site, request: Request<'_>, params: &Params, accepted: &[&str]) -> Option<Failure> {
    // Two checksums are refused since 3.0.37; until then BigBlueButton took a pair of equal ones.
    if params.all("checksum").count() > 1 {
        return Some(Failure::ChecksumWrong);
    }
    let Some(given) = params.given("checksum") else {
        return Some(Failure::ChecksumMissing);
    };
    let options = &site.options;
    let form = (options.signs_forms && request.query.is_empty()).then(|| params.signed_of_old());
    let signed = form.as_deref().unwrap_or(request.query);
    if !checksum::holds(given, request.call, signed, &options.secret, &options.algorithms) {
        return Some(Failure::ChecksumWrong);
    }
    let acceptable = |content_type: &str| accepted.contains(&essence(content_type).as_str());
    (!request.body.is_empty() && !request.content_type.is_some_and(acceptable)).then_some(Failure::ContentType)
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The meetingID, which breaks the calls that expect one value if it is sent twice.
fn single_meeting_id(params: &Params) -> Result<Option<&str>, Answer> {
    match params.all("meetingID").count() {
        0 | 1 => Ok(params.first("meetingID")),
        _ => Err(Answer::Broken),
    }
}

/// What is wrong with a meetingID, apart from naming no meeting. One that is not sent at all passes.
fn meeting_id_failures(meeting_id: Option<&str>) -> Vec<Failure> {
    let Some(id) = meeting_id.map(crate::params::sanitized) else {
        return Vec::new();
    };
    let size = (!(2..=256).contains(&id.encode_utf16().count())).then_some(Failure::MeetingIdSize);
    let comma = id.contains(',').then_some(Failure::MeetingIdComma);
    size.into_iter().chain(comma).collect()
}
