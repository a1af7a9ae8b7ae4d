//! What routing needs to know of one meeting in a list.

use super::element;
use crate::MeetingKey;

/// One meeting, as `getMeetings` and `getMeetingInfo` describe it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meeting {
    /// The meetingID that it was created with, but for runs of white space, of which BigBlueButton lists one character.
    pub id: String,
    /// What the instance calls it.
    pub internal_id: String,
    /// The value of the metadata `b3lb-tenant`, or of `bigblueswarm-tenant` where that is all there is.
    pub tenant: Option<String>,
    /// The internal id of the meeting that this is a breakout room of.
    pub parent: Option<String>,
    /// Someone is in it.
    pub running: bool,
    /// It was ended and is only listed until the instance has forgotten it.
    pub ended: bool,
    /// How many users are in it.
    pub users: u64,
    /// How many webcams they show.
    pub webcams: u64,
    /// When it was created by the instance's clock, in milliseconds since 1970; 0 if that is not said.
    pub created_at: u64,
}

impl Meeting {
    /// Reads one `meeting` element; `None` if it is damaged or has no meetingID.
    pub fn read(element: &[u8]) -> Option<Self> {
        let mut meeting = Self::default();
        // Most of a meeting are its attendees, of which routing needs nothing.
        element::read(element, &["attendees"], |path, value| meeting.set(path, value))?;
        (!meeting.id.is_empty()).then_some(meeting)
    }

    fn set(&mut self, path: &[String], value: &str) {
        let path: [&str; 2] = match path {
            [name] => ["", name],
            [parent, name] => [parent, name],
            _ => return,
        };
        let text = value.trim();
        match path {
            // Blanks at its ends are part of it.
            ["", "meetingID"] => self.id = value.to_owned(),
            ["", "internalMeetingID"] => self.internal_id = text.to_owned(),
            ["", "parentMeetingID"] if text != NO_PARENT => self.parent = Some(text.to_owned()),
            ["", "running"] => self.running = text == "true",
            ["", "hasBeenForciblyEnded"] => self.ended = text == "true",
            ["", "participantCount"] => self.users = count(text),
            ["", "videoCount"] => self.webcams = count(text),
            ["", "createTime"] => self.created_at = count(text),
            ["metadata", "b3lb-tenant"] => self.tenant = Some(text.to_owned()),
            ["metadata", "bigblueswarm-tenant"] if self.tenant.is_none() => self.tenant = Some(text.to_owned()),
            _ => {}
        }
    }

    /// The key of its meetingID. If that has white space, only the internal id still tells what it was, but for breakout rooms.
    pub fn key(&self) -> MeetingKey {
        let told = self.parent.is_none() && self.id.contains(char::is_whitespace);
        let internal = told.then(|| MeetingKey::of_internal(self.internal_id.as_bytes())).flatten();
        internal.unwrap_or_else(|| MeetingKey::of(self.id.as_bytes()))
    }
}

/// BigBlueButton 2.4 groups the digits.
fn count(text: &str) -> u64 {
    text.replace(',', "").parse().unwrap_or(0)
}

/// What BigBlueButton names as the parent of a meeting that has none.
const NO_PARENT: &str = "bbb-none";
