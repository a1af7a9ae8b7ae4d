//! `join`.

use super::{Answer, single_meeting_id};
use crate::documents::{self, Entry, Role, Ticket};
use crate::failure::Failure;
use crate::params::Params;
use crate::site::Site;
use crate::users::Visit;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What Java's `URI` encodes in a query; the brackets, colons and commas of the errors stay.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'\\').add(b'^').add(b'`').add(b'{');
const QUERY: &AsciiSet = &ENCODED.add(b'|').add(b'}').add(b'%').add(b'#');

/// Lets somebody in: a redirect to the web client, or its address in a document for those who ask for no redirect.
pub(super) fn join(site: &mut Site, refused: Option<Failure>, params: &Params, now: u64) -> Answer {
    let meeting_id = match single_meeting_id(params) {
        Ok(meeting_id) => meeting_id.unwrap_or_default(),
        Err(answer) => return answer,
    };
    let failure = refused.or_else(|| Failure::reported(failures(site, meeting_id, params)));
    let index = match (failure, site.open(meeting_id)) {
        (Some(failure), _) => return turn_away(site, params, failure),
        (None, None) => return turn_away(site, params, Failure::Ended),
        (None, Some(index)) => index,
    };
    let meeting = site.meetings[index].entry(now);
    let role = match role(&meeting, params) {
        Ok(role) => role,
        // Of all failures these alone are answered with a document.
        Err(failure) => return failure.into(),
    };
    if params.given("createTime").is_some_and(|time| time != meeting.create_time.to_string()) {
        return turn_away(site, params, Failure::CreateTime);
    }
    if meeting.max_users > 0 && meeting.participant_count >= meeting.max_users {
        return turn_away(site, params, Failure::Full);
    }
    let ticket = admit(site, index, role, params, now);
    site.webhooks.happened("user-joined", &meeting, &site.options.secret, now);
    if params.first("redirect").is_some_and(|redirect| redirect.eq_ignore_ascii_case("false")) {
        return Answer::Document(documents::joined(&ticket));
    }
    Answer::Redirect { location: ticket.url, session: Some(site.token(32).to_uppercase()) }
}

fn failures(site: &Site, meeting_id: &str, params: &Params) -> Vec<Failure> {
    let mut failures = Vec::new();
    if params.given("fullName").is_none() {
        failures.push(Failure::FullNameMissing);
    }
    match site.find(meeting_id) {
        // A meeting that is not there is not running either, and that is what is reported.
        None => failures.extend([Failure::NotFoundToJoin, Failure::Ended]),
        Some(index) if site.meetings[index].ended.is_some() => failures.push(Failure::Ended),
        Some(_) => {}
    }
    if params.given("password").is_some_and(|password| !(2..=64).contains(&password.encode_utf16().count())) {
        failures.push(Failure::Password);
    }
    failures
}

fn role(meeting: &Entry, params: &Params) -> Result<Role, Failure> {
    match params.given("role").map(str::to_ascii_lowercase).as_deref() {
        Some("moderator") => return Ok(Role::Moderator),
        Some("viewer") => return Ok(Role::Viewer),
        _ => {}
    }
    let Some(password) = params.given("password") else {
        return Err(Failure::RoleMissing);
    };
    match Some(password) {
        password if password == meeting.moderator_pw.as_deref() => Ok(Role::Moderator),
        password if password == meeting.attendee_pw.as_deref() => Ok(Role::Viewer),
        _ => Err(Failure::PasswordToJoin),
    }
}

fn admit(site: &mut Site, index: usize, role: Role, params: &Params, now: u64) -> Ticket {
    let user_id = format!("w_{}", site.token(12));
    let (auth_token, session_token) = (site.token(12), site.token(16));
    let url = format!("{}/html5client/join?sessionToken={session_token}", site.origin);
    let visit = Visit {
        user_id: params.given("userID").unwrap_or(&user_id).to_owned(),
        full_name: params.first("fullName").unwrap_or_default().to_owned(),
        role,
        from: now,
        until: now + site.options.rules.joined.as_millis() as u64,
        microphone: true,
        webcam: false,
    };
    let meeting = &mut site.meetings[index];
    meeting.plan.add(visit);
    Ticket { internal_id: meeting.fixed.internal_id.clone(), user_id, auth_token, session_token, url }
}

/// Sends the browser away with what is wrong in the query, even if no redirect was asked for.
fn turn_away(site: &Site, params: &Params, failure: Failure) -> Answer {
    let (key, message) = failure.words();
    let target = params.given("logoutURL").unwrap_or(&site.origin);
    let errors = format!(r#"[{{"message":"{message}","key":"{key}"}}]"#);
    let errors = utf8_percent_encode(&errors, QUERY);
    let separator = if target.contains('?') { '&' } else { '?' };
    Answer::Redirect { location: format!("{target}{separator}errors={errors}"), session: None }
}
