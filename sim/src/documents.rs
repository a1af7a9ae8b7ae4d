//! BigBlueButton's answers on the wire, byte for byte, as its templates of 2.5 to 2.7 render them.

mod wire;

use crate::date::java_date;
pub(crate) use wire::escape;
use wire::{close, element, open, respond, say};

/// A meeting, as `create`, `getMeetingInfo` and `getMeetings` show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// `meetingName`.
    pub name: String,
    /// `meetingID`.
    pub meeting_id: String,
    /// `internalMeetingID`.
    pub internal_id: String,
    /// `createTime`, ms since 1970; `createDate` follows from it.
    pub create_time: u64,
    /// `voiceBridge`, five digits.
    pub voice_bridge: String,
    /// `dialNumber`.
    pub dial_number: String,
    /// `attendeePW`; left out if the meeting has none.
    pub attendee_pw: Option<String>,
    /// `moderatorPW`; left out if the meeting has none.
    pub moderator_pw: Option<String>,
    /// `running`: at least one user is there.
    pub running: bool,
    /// `duration`, minutes; 0 is without limit.
    pub duration: u32,
    /// `hasUserJoined`.
    pub has_user_joined: bool,
    /// `recording`.
    pub recording: bool,
    /// `hasBeenForciblyEnded`.
    pub has_been_forcibly_ended: bool,
    /// `startTime`, ms since 1970.
    pub start_time: u64,
    /// `endTime`, ms since 1970; 0 while the meeting is open.
    pub end_time: u64,
    /// `participantCount`.
    pub participant_count: usize,
    /// `listenerCount`.
    pub listener_count: usize,
    /// `voiceParticipantCount`.
    pub voice_participant_count: usize,
    /// `videoCount`.
    pub video_count: usize,
    /// `maxUsers`; 0 is without limit.
    pub max_users: usize,
    /// `moderatorCount`.
    pub moderator_count: usize,
    /// `attendees`.
    pub attendees: Vec<Attendee>,
    /// `metadata`, keys in lower case.
    pub metadata: Vec<(String, String)>,
    /// What a breakout room shows besides.
    pub breakout: Option<Breakout>,
    /// `breakoutRooms`; left out if there are none.
    pub breakout_rooms: Vec<String>,
}

/// One user of a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    /// `userID`.
    pub user_id: String,
    /// `fullName`.
    pub full_name: String,
    /// `role`.
    pub role: Role,
    /// `isPresenter`.
    pub is_presenter: bool,
    /// `isListeningOnly`.
    pub is_listening_only: bool,
    /// `hasJoinedVoice`.
    pub has_joined_voice: bool,
    /// `hasVideo`.
    pub has_video: bool,
}

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `MODERATOR`.
    Moderator,
    /// `VIEWER`.
    Viewer,
}

/// What a breakout room is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breakout {
    /// `parentMeetingID`: the internal id of the meeting it was split off from.
    pub parent: String,
    /// `sequence`: its number among its siblings, from 1.
    pub sequence: u32,
    /// `freeJoin`.
    pub free_join: bool,
}

/// A user's way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// `meeting_id`: the internal id.
    pub internal_id: String,
    /// `user_id`.
    pub user_id: String,
    /// `auth_token`.
    pub auth_token: String,
    /// `session_token`.
    pub session_token: String,
    /// `url` of the web client.
    pub url: String,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Moderator => "MODERATOR",
            Self::Viewer => "VIEWER",
        }
    }
}

/// Answers the root of the API. The release is blank unless a site reveals it.
pub fn version() -> String {
    respond(true, |out| {
        element(out, "version", "2.0");
        element(out, "apiVersion", "2.0");
        element(out, "bbbVersion", "");
    })
}

/// Answers any call that failed.
pub fn failure(key: &str, message: &str) -> String {
    respond(false, |out| say(out, key, message))
}

/// Answers with the layout for several errors, which `create` alone uses, and has no key at its top level.
pub fn failures(errors: &[(&str, &str)]) -> String {
    respond(false, |out| {
        open(out, "errors");
        for (key, message) in errors {
            open(out, "error");
            element(out, "key", key);
            element(out, "message", message);
            close(out, "error");
        }
        close(out, "errors");
    })
}

/// Answers `create`; `duplicate`: the meeting was there already.
pub fn created(meeting: &Entry, duplicate: bool) -> String {
    respond(true, |out| {
        element(out, "meetingID", &meeting.meeting_id);
        element(out, "internalMeetingID", &meeting.internal_id);
        element(out, "parentMeetingID", meeting.breakout.as_ref().map_or("bbb-none", |breakout| &breakout.parent));
        passwords(out, meeting);
        element(out, "createTime", meeting.create_time);
        element(out, "voiceBridge", &meeting.voice_bridge);
        element(out, "dialNumber", &meeting.dial_number);
        element(out, "createDate", java_date(meeting.create_time));
        element(out, "hasUserJoined", meeting.has_user_joined);
        element(out, "duration", meeting.duration);
        element(out, "hasBeenForciblyEnded", meeting.has_been_forcibly_ended);
        match duplicate {
            true => say(
                out,
                "duplicateWarning",
                "This conference was already in existence and may currently be in progress.",
            ),
            false => say(out, "", ""),
        }
    })
}

/// Answers `join` with `redirect=false`.
pub fn joined(ticket: &Ticket) -> String {
    respond(true, |out| {
        say(out, "successfullyJoined", "You have joined successfully.");
        element(out, "meeting_id", &ticket.internal_id);
        element(out, "user_id", &ticket.user_id);
        element(out, "auth_token", &ticket.auth_token);
        element(out, "session_token", &ticket.session_token);
        element(out, "guestStatus", "ALLOW");
        element(out, "url", &ticket.url);
    })
}

/// Answers `isMeetingRunning`.
pub fn running(running: bool) -> String {
    respond(true, |out| element(out, "running", running))
}

/// Answers `end`.
pub fn ended() -> String {
    const MESSAGE: &str = "A request to end the meeting was sent. Please wait a few seconds, and then use the getMeetingInfo or \
                           isMeetingRunning API calls to verify that it was ended.";
    respond(true, |out| say(out, "sentEndMeetingRequest", MESSAGE))
}

/// Answers `insertDocument`.
pub fn inserted() -> String {
    respond(true, |out| element(out, "message", "Presentation is being uploaded"))
}

/// Answers `insertDocument` for a meeting that is not there, which has no key.
pub fn not_inserted(meeting_id: &str) -> String {
    respond(false, |out| element(out, "message", format!("Meeting with id [{meeting_id}] not found.")))
}

/// Answers `sendChatMessage`.
pub fn message_sent() -> String {
    respond(true, |out| say(out, "", ""))
}

/// Answers `getMeetingInfo`.
pub fn info(meeting: &Entry) -> String {
    respond(true, |out| entry(out, meeting))
}

/// Answers `getMeetings`.
pub fn meetings<'a>(meetings: impl IntoIterator<Item = &'a Entry>) -> String {
    let mut meetings = meetings.into_iter().peekable();
    respond(true, |out| {
        if meetings.peek().is_none() {
            out.push_str("<meetings/>\n");
            return say(out, "noMeetings", "no meetings were found on this server");
        }
        open(out, "meetings");
        for meeting in meetings {
            open(out, "meeting");
            entry(out, meeting);
            close(out, "meeting");
        }
        close(out, "meetings");
    })
}

/// Answers `getSessions`: the users who are there, each with the id and the name of their meeting.
pub fn sessions<'a>(sessions: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let mut sessions = sessions.into_iter().peekable();
    respond(true, |out| {
        if sessions.peek().is_none() {
            out.push_str("<sessions/>\n");
            return say(out, "noSessions", "no sessions were found on this serverr");
        }
        open(out, "sessions");
        for (meeting_id, meeting_name, user_name) in sessions {
            open(out, "meeting");
            element(out, "meetingID", meeting_id);
            element(out, "meetingName", meeting_name);
            element(out, "userName", user_name);
            close(out, "meeting");
        }
        close(out, "sessions");
    })
}

fn entry(out: &mut String, meeting: &Entry) {
    element(out, "meetingName", &meeting.name);
    element(out, "meetingID", &meeting.meeting_id);
    element(out, "internalMeetingID", &meeting.internal_id);
    element(out, "createTime", meeting.create_time);
    element(out, "createDate", java_date(meeting.create_time));
    element(out, "voiceBridge", &meeting.voice_bridge);
    element(out, "dialNumber", &meeting.dial_number);
    passwords(out, meeting);
    element(out, "running", meeting.running);
    element(out, "duration", meeting.duration);
    element(out, "hasUserJoined", meeting.has_user_joined);
    element(out, "recording", meeting.recording);
    element(out, "hasBeenForciblyEnded", meeting.has_been_forcibly_ended);
    element(out, "startTime", meeting.start_time);
    element(out, "endTime", meeting.end_time);
    element(out, "participantCount", meeting.participant_count);
    element(out, "listenerCount", meeting.listener_count);
    element(out, "voiceParticipantCount", meeting.voice_participant_count);
    element(out, "videoCount", meeting.video_count);
    element(out, "maxUsers", meeting.max_users);
    element(out, "moderatorCount", meeting.moderator_count);
    attendees(out, &meeting.attendees);
    open(out, "metadata");
    for (key, value) in &meeting.metadata {
        element(out, key, value);
    }
    close(out, "metadata");
    rooms(out, meeting);
}

fn attendees(out: &mut String, attendees: &[Attendee]) {
    open(out, "attendees");
    for attendee in attendees {
        open(out, "attendee");
        element(out, "userID", &attendee.user_id);
        element(out, "fullName", &attendee.full_name);
        element(out, "role", attendee.role.name());
        element(out, "isPresenter", attendee.is_presenter);
        element(out, "isListeningOnly", attendee.is_listening_only);
        element(out, "hasJoinedVoice", attendee.has_joined_voice);
        element(out, "hasVideo", attendee.has_video);
        element(out, "clientType", "HTML5");
        open(out, "customdata");
        close(out, "customdata");
        close(out, "attendee");
    }
    close(out, "attendees");
}

fn rooms(out: &mut String, meeting: &Entry) {
    element(out, "isBreakout", meeting.breakout.is_some());
    if let Some(breakout) = &meeting.breakout {
        element(out, "parentMeetingID", &breakout.parent);
        element(out, "sequence", breakout.sequence);
        element(out, "freeJoin", breakout.free_join);
    }
    if !meeting.breakout_rooms.is_empty() {
        open(out, "breakoutRooms");
        for room in &meeting.breakout_rooms {
            element(out, "breakout", room);
        }
        close(out, "breakoutRooms");
    }
}

fn passwords(out: &mut String, meeting: &Entry) {
    for (tag, password) in [("attendeePW", &meeting.attendee_pw), ("moderatorPW", &meeting.moderator_pw)] {
        if let Some(password) = password {
            element(out, tag, password);
        }
    }
}
