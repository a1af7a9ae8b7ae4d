//! What routing needs to know of one recording in a list.

use super::element;
use crate::MeetingKey;

/// One recording, as `getRecordings` describes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recording {
    /// The recordID.
    pub id: String,
    /// The meetingID of its meeting.
    pub meeting_id: String,
    /// What the instance called its meeting; older releases leave it out.
    pub internal_id: String,
    /// The value of the metadata `b3lb-tenant`, or of `bigblueswarm-tenant` where that is all there is.
    pub tenant: Option<String>,
    /// The meeting that its meeting was a breakout room of.
    pub parent: Option<String>,
    /// When it begins, in milliseconds since 1970.
    pub start_time: u64,
    /// It was deleted, and is only listed until the instance has forgotten it.
    pub deleted: bool,
}

impl Recording {
    /// Reads one `recording` element; `None` if it is damaged or has no recordID.
    pub fn read(element: &[u8]) -> Option<Self> {
        let mut recording = Self::default();
        element::read(element, &["playback", "data", "breakoutRooms"], |path, value| recording.set(path, value))?;
        (!recording.id.is_empty()).then_some(recording)
    }

    fn set(&mut self, path: &[String], value: &str) {
        let text = value.trim();
        match path {
            [name] => match name.as_str() {
                "recordID" => self.id = text.to_owned(),
                "meetingID" => self.meeting_id = value.to_owned(),
                "internalMeetingID" => self.internal_id = text.to_owned(),
                "startTime" => self.start_time = text.parse().unwrap_or(0),
                "state" => self.deleted = text == "deleted",
                _ => {}
            },
            [parent, name] if parent == "metadata" => self.describe(name, text),
            [parent, name] if parent == "breakout" && name == "parentId" && !text.is_empty() => {
                self.parent = Some(text.to_owned());
            }
            _ => {}
        }
    }

    /// Recordings keep the case in which the keys of their metadata were sent.
    fn describe(&mut self, key: &str, value: &str) {
        let other = || key.eq_ignore_ascii_case("bigblueswarm-tenant") && self.tenant.is_none();
        if key.eq_ignore_ascii_case("b3lb-tenant") || other() {
            self.tenant = Some(value.to_owned());
        }
    }

    /// The keys of the meetings whose tenant is its tenant, the surest first: its own, and that of which it was a breakout room.
    pub fn meetings(&self) -> impl Iterator<Item = MeetingKey> {
        let by_id = || (!self.meeting_id.is_empty()).then(|| MeetingKey::of(self.meeting_id.as_bytes()));
        let internal =
            || [&self.internal_id, &self.id].into_iter().find_map(|id| MeetingKey::of_internal(id.as_bytes()));
        let own = match &self.parent {
            // The internal ids of breakout rooms are made up.
            Some(_) => by_id(),
            None => internal().or_else(by_id),
        };
        let parent = self.parent.as_ref().map(|parent| MeetingKey::of(parent.as_bytes()));
        own.into_iter().chain(parent)
    }
}
