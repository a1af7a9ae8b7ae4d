//! The calls about meetings that are there.

use super::{Answer, meeting_id_failures, single_meeting_id};
use crate::documents::{self, Entry};
use crate::failure::Failure;
use crate::params::Params;
use crate::site::Site;

/// `isMeetingRunning`: whether somebody is there. A meeting that does not exist is not running.
pub(super) fn is_meeting_running(site: &Site, params: &Params, now: u64) -> Answer {
    let meeting_id = match single_meeting_id(params) {
        Ok(meeting_id) => meeting_id,
        Err(answer) => return answer,
    };
    if let Some(failure) = Failure::reported(meeting_id_failures(meeting_id)) {
        return failure.into();
    }
    let found = meeting_id.and_then(|id| site.find(id));
    Answer::Document(documents::running(found.is_some_and(|index| site.meetings[index].running(now))))
}

/// `end`. Passwords are no longer looked at.
pub(super) fn end(site: &mut Site, params: &Params, now: u64) -> Answer {
    let found = single_meeting_id(params).and_then(|id| find(site, id).map_err(Answer::from));
    match found {
        Ok(index) => {
            site.end(index, now);
            Answer::Document(documents::ended())
        }
        Err(answer) => answer,
    }
}

/// `getMeetingInfo`, which takes the first of several ids.
pub(super) fn get_meeting_info(site: &Site, params: &Params, now: u64) -> Answer {
    match find(site, params.first("meetingID")) {
        Ok(index) => Answer::Document(documents::info(&shown(site, index, now))),
        Err(failure) => failure.into(),
    }
}

/// `getMeetings`: those that have ended too, for a while.
pub(super) fn get_meetings(site: &Site, now: u64) -> Answer {
    let entries: Vec<Entry> = (0..site.meetings.len()).map(|index| shown(site, index, now)).collect();
    Answer::Document(documents::meetings(&entries))
}

/// `getSessions`.
pub(super) fn get_sessions(site: &Site, now: u64) -> Answer {
    let entries: Vec<Entry> = (0..site.meetings.len()).map(|index| shown(site, index, now)).collect();
    let sessions = entries.iter().flat_map(|entry| {
        let names = entry.attendees.iter().map(|attendee| attendee.full_name.as_str());
        names.map(|name| (entry.meeting_id.as_str(), entry.name.as_str(), name))
    });
    Answer::Document(documents::sessions(sessions))
}

/// `insertDocument`: the document itself is not looked at.
pub(super) fn insert_document(site: &Site, params: &Params) -> Answer {
    let meeting_id = params.first("meetingID").unwrap_or_default();
    Answer::Document(match site.open(meeting_id) {
        Some(_) => documents::inserted(),
        None => documents::not_inserted(meeting_id),
    })
}

/// `sendChatMessage`: nobody reads the message.
pub(super) fn send_chat_message(site: &Site, params: &Params) -> Answer {
    match site.open(params.first("meetingID").unwrap_or_default()) {
        Some(_) => Answer::Document(documents::message_sent()),
        None => Failure::MeetingNotFound.into(),
    }
}

fn find(site: &Site, meeting_id: Option<&str>) -> Result<usize, Failure> {
    let found = meeting_id.and_then(|id| site.find(id));
    let mut failures = meeting_id_failures(meeting_id);
    failures.extend(found.is_none().then_some(Failure::NotFound));
    match (Failure::reported(failures), found) {
        (None, Some(index)) => Ok(index),
        (failure, _) => Err(failure.unwrap_or(Failure::NotFound)),
    }
}

/// A meeting with the breakout rooms that were split off from it.
fn shown(site: &Site, index: usize, now: u64) -> Entry {
    let entry = site.meetings[index].entry(now);
    let is_child = |other: &&Entry| other.breakout.as_ref().is_some_and(|b| b.parent == entry.internal_id);
    let children = site.meetings.iter().map(|meeting| &meeting.fixed).filter(is_child);
    let breakout_rooms = children.map(|child| child.internal_id.clone()).collect();
    Entry { breakout_rooms, ..entry }
}
