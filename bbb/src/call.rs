//! The calls of the BigBlueButton API, and what routing needs to know of each.

use crate::form;

/// One call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named as BigBlueButton names it")]
pub enum Call {
    /// The API's version, asked without a checksum.
    Root,
    Create,
    Join,
    IsMeetingRunning,
    End,
    GetMeetingInfo,
    InsertDocument,
    SendChatMessage,
    GetMeetings,
    GetSessions,
    GetRecordings,
    PublishRecordings,
    DeleteRecordings,
    UpdateRecordings,
    GetRecordingTextTracks,
    PutRecordingTextTrack,
    HooksCreate,
    HooksDestroy,
    HooksList,
    HooksPing,
    /// A call that BigBlueButton's own client makes with a session token, at the instance, or that no release knows.
    Other,
}

/// How a call finds its instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Route {
    /// Answered without one.
    Local,
    /// The one that has the meeting named by `meetingID`.
    Meeting,
    /// The one that has the recording named by `recordID`.
    Record,
    /// All of the tenant's.
    FanOut,
    /// None: a balancer cannot route it.
    Unsupported,
}

/// The methods that a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Methods {
    /// GET.
    Get,
    /// GET and POST.
    GetPost,
    /// POST.
    Post,
}

/// Every call with its name as it is signed, its route and its methods.
const CALLS: [(Call, &str, Route, Methods); 21] = {
    use Call::*;
    use Methods::*;
    [
        (Root, "", Route::Local, Get),
        (Create, "create", Route::Meeting, GetPost),
        (Join, "join", Route::Meeting, GetPost),
        (IsMeetingRunning, "isMeetingRunning", Route::Meeting, GetPost),
        (End, "end", Route::Meeting, GetPost),
        (GetMeetingInfo, "getMeetingInfo", Route::Meeting, GetPost),
        (InsertDocument, "insertDocument", Route::Meeting, Post),
        (SendChatMessage, "sendChatMessage", Route::Meeting, Get),
        (GetMeetings, "getMeetings", Route::FanOut, GetPost),
        (GetSessions, "getSessions", Route::FanOut, GetPost),
        (GetRecordings, "getRecordings", Route::FanOut, GetPost),
        (PublishRecordings, "publishRecordings", Route::Record, Get),
        (DeleteRecordings, "deleteRecordings", Route::Record, Get),
        (UpdateRecordings, "updateRecordings", Route::Record, GetPost),
        (GetRecordingTextTracks, "getRecordingTextTracks", Route::Record, GetPost),
        (PutRecordingTextTrack, "putRecordingTextTrack", Route::Record, Post),
        (HooksCreate, "hooks/create", Route::FanOut, Get),
        (HooksDestroy, "hooks/destroy", Route::FanOut, Get),
        (HooksList, "hooks/list", Route::FanOut, Get),
        (HooksPing, "hooks/ping", Route::Local, Get),
        (Other, "", Route::Unsupported, GetPost),
    ]
};

impl Call {
    /// The call that a path names; `None` if it is none of the API's. Case matters, as it does to BigBlueButton.
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/bigbluebutton")?;
        let name = match rest {
            "" | "/" | "/api" | "/api/" => return Some(Self::Root),
            _ => rest.strip_prefix("/api/")?,
        };
        let known = CALLS.iter().find(|(call, known, ..)| *known == name && !matches!(call, Self::Root | Self::Other));
        Some(known.map_or(Self::Other, |(call, ..)| *call))
    }

    /// The name as it is signed and as it ends the path; empty for the root and for calls that are not known.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// How it finds its instance.
    pub fn route(self) -> Route {
        self.row().2
    }

    /// The methods it takes.
    pub fn methods(self) -> Methods {
        self.row().3
    }

    /// BigBlueButton takes a body of this media type with the call, since 2.6.18 and 2.7.8; before, it took any.
    pub fn takes(self, media_type: &str) -> bool {
        let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(media_type));
        match self {
            Self::Create => is(&[form::ENCODED, form::MULTIPART, "application/xml", "text/xml"]),
            Self::InsertDocument => is(&["application/xml", "text/xml"]),
            Self::PutRecordingTextTrack => is(&[form::MULTIPART]),
            Self::Join
            | Self::IsMeetingRunning
            | Self::End
            | Self::GetMeetingInfo
            | Self::GetMeetings
            | Self::GetSessions => is(&[form::ENCODED, form::MULTIPART]),
            _ => true,
        }
    }

    /// All of them, in the order of their discriminants.
    pub fn all() -> impl Iterator<Item = Self> {
        CALLS.iter().map(|(call, ..)| *call)
    }

    fn row(self) -> &'static (Self, &'static str, Route, Methods) {
        &CALLS[self as usize]
    }
}

impl Methods {
    /// The value of an `Allow` header.
    pub fn allow(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::GetPost => "GET, POST",
            Self::Post => "POST",
        }
    }

    /// A request with this method is one of the call.
    pub fn include(self, method: &str) -> bool {
        self.allow().split(", ").any(|own| own == method)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_is_found_by_its_name_and_knows_its_row() {
        for call in Call::all() {
            assert_eq!(call.row().0, call);
            if !matches!(call, Call::Root | Call::Other) {
                assert_eq!(Call::parse(&format!("/bigbluebutton/api/{}", call.name())), Some(call));
            }
        }
    }

    #[test]
    fn what_is_no_call_is_told_from_a_call_nobody_knows() {
        for (path, call) in [
            ("/bigbluebutton", Some(Call::Root)),
            ("/bigbluebutton/api/", Some(Call::Root)),
            ("/bigbluebutton/api/getMeetings", Some(Call::GetMeetings)),
            ("/bigbluebutton/api/getmeetings", Some(Call::Other)),
            ("/bigbluebutton/api/create/", Some(Call::Other)),
            ("/bigbluebutton/api//", Some(Call::Other)),
            ("/bigbluebutton/apis", None),
            ("/api/create", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(Call::parse(path), call, "{path}");
        }
    }
}
