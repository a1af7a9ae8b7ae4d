//! `create`.

use super::{Answer, meeting_id_failures, single_meeting_id};
use crate::documents::{self, Breakout, Entry};
use crate::failure::Failure;
use crate::params::{Params, boolean, sanitized};
use crate::site::Site;

/// What callers dial, where no `dialNumber` is sent.
const DIAL_NUMBER: &str = "613-555-1234";

/// Opens a meeting, or finds that it is open. A body is ignored: no document is ever shown.
pub(super) fn create(site: &mut Site, params: &Params, now: u64) -> Answer {
    let meeting_id = match single_meeting_id(params) {
        Ok(meeting_id) => meeting_id,
        Err(answer) => return answer,
    };
    if let Some(failure) = Failure::reported(failures(meeting_id, params)) {
        return failure.into();
    }
    let wanted = match wanted(site, meeting_id.unwrap_or_default(), params) {
        Ok(wanted) => wanted,
        Err(failure) => return failure.into(),
    };
    if let Some(open) = site.same(&wanted.meeting_id) {
        return duplicate(&site.meetings[open].entry(now), &wanted);
    }
    let taken = site
        .meetings
        .iter()
        .any(|meeting| meeting.ended.is_none() && meeting.fixed.voice_bridge == wanted.voice_bridge);
    if taken {
        let error = ("nonUniqueVoiceBridge", "The selected voice bridge is already in use.");
        return Answer::Document(documents::failures(&[error]));
    }
    Answer::Document(documents::created(&site.create(wanted, now).entry(now), false))
}

/// Whoever knows the passwords, or of none where there are none, may create a meeting again. Nothing else is compared or changed.
fn duplicate(known: &Entry, wanted: &Entry) -> Answer {
    let passwords = |entry: &Entry| (entry.attendee_pw.clone(), entry.moderator_pw.clone());
    if passwords(known) == passwords(wanted) {
        Answer::Document(documents::created(known, true))
    } else {
        Failure::IdNotUnique.into()
    }
}

fn failures(meeting_id: Option<&str>, params: &Params) -> Vec<Failure> {
    let mut failures = meeting_id_failures(meeting_id);
    if meeting_id.is_none_or(|id| sanitized(id) != id) {
        failures.push(Failure::MeetingIdInvalid);
    }
    match params.first("name").map(sanitized) {
        None => failures.push(Failure::NameMissing),
        Some(name) if name.is_empty() => failures.push(Failure::NameEmpty),
        Some(name) if !(2..=256).contains(&name.encode_utf16().count()) => failures.push(Failure::NameSize),
        Some(_) => {}
    }
    let badly_sized = |password: &&str| !(2..=64).contains(&password.encode_utf16().count());
    if ["attendeePW", "moderatorPW"].iter().filter_map(|name| params.given(name)).any(|pw| badly_sized(&pw)) {
        failures.push(Failure::Password);
    }
    if params.given("voiceBridge").is_some_and(|bridge| bridge.parse::<u64>().is_err()) {
        failures.push(Failure::VoiceBridge);
    }
    if params.given("record").is_some_and(|record| boolean(record).is_none()) {
        failures.push(Failure::Record);
    }
    failures
}

/// The meeting that is asked for; what it leaves open is empty.
fn wanted(site: &Site, meeting_id: &str, params: &Params) -> Result<Entry, Failure> {
    let text = |name: &str| params.given(name).map(str::to_owned);
    let flag = |name: &str| params.given(name).and_then(boolean).unwrap_or(false);
    Ok(Entry {
        name: params.first("name").unwrap_or_default().to_owned(),
        meeting_id: meeting_id.to_owned(),
        voice_bridge: text("voiceBridge").unwrap_or_default(),
        dial_number: text("dialNumber").unwrap_or_else(|| DIAL_NUMBER.to_owned()),
        attendee_pw: text("attendeePW"),
        moderator_pw: text("moderatorPW"),
        duration: params.given("duration").and_then(|minutes| minutes.parse().ok()).unwrap_or(0),
        recording: flag("record"),
        max_users: params.given("maxParticipants").and_then(|users| users.parse().ok()).unwrap_or(0),
        metadata: params.prefixed("meta_"),
        breakout: if flag("isBreakout") { Some(breakout(site, params)?) } else { None },
        ..Entry::default()
    })
}

fn breakout(site: &Site, params: &Params) -> Result<Breakout, Failure> {
    let parent = params.given("parentMeetingID").ok_or(Failure::ParentMissing)?;
    let parent = site.open(parent).ok_or(Failure::ParentUnknown)?;
    Ok(Breakout {
        parent: site.meetings[parent].fixed.internal_id.clone(),
        sequence: params.given("sequence").and_then(|number| number.parse().ok()).unwrap_or(0),
        free_join: params.given("freeJoin").and_then(boolean).unwrap_or(false),
    })
}
