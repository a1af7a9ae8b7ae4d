//! How each call is made.

use bbb::Call;
use bytes::Bytes;
use http::Method;

/// A call as a frontend makes it. `{id}` stands for what it names.
pub(super) struct Request {
    pub(super) method: Method,
    /// What follows `/api/`.
    pub(super) action: &'static str,
    /// The parameter that names what the call is about, if any.
    pub(super) named: Option<&'static str>,
    /// The other parameters.
    pub(super) query: &'static str,
    /// A body and its content type.
    pub(super) body: Option<(&'static str, Bytes)>,
}

impl Request {
    /// This call, in the simplest way.
    pub(super) fn of(call: Call) -> Self {
        let (method, named, query, body) = match call {
            Call::Root | Call::GetMeetings | Call::GetSessions => (Method::GET, None, "", None),
            Call::Create => (Method::GET, Some("meetingID"), "name=Weekly+meeting", None),
            Call::Join => (Method::GET, Some("meetingID"), "fullName=Ada&role=VIEWER", None),
            Call::IsMeetingRunning | Call::End | Call::GetMeetingInfo => (Method::GET, Some("meetingID"), "", None),
            Call::InsertDocument => {
                let slides = r#"<modules><module name="presentation"/></modules>"#;
                (Method::POST, Some("meetingID"), "", Some(("application/xml", slides)))
            }
            Call::SendChatMessage => (Method::GET, Some("meetingID"), "message=Hello", None),
            Call::GetRecordings => (Method::GET, Some("recordID"), "", None),
            Call::PublishRecordings => (Method::GET, Some("recordID"), "publish=false", None),
            Call::UpdateRecordings => (Method::GET, Some("recordID"), "meta_name=Weekly", None),
            Call::DeleteRecordings | Call::GetRecordingTextTracks => (Method::GET, Some("recordID"), "", None),
            Call::PutRecordingTextTrack => {
                let file =
                    "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.srt\"\r\n\r\n1\r\n--x--\r\n";
                let query = "kind=subtitles&lang=en_US&label=English";
                (Method::POST, Some("recordID"), query, Some(("multipart/form-data; boundary=x", file)))
            }
            Call::HooksCreate => (Method::GET, None, "callbackURL=http%3A%2F%2Ffrontend.example.org%2Fhook", None),
            Call::HooksDestroy => (Method::GET, Some("hookID"), "", None),
            Call::HooksList | Call::HooksPing | Call::Other => (Method::GET, None, "", None),
        };
        let action = if call == Call::Other { "learningDashboard" } else { call.name() };
        Self {
            method,
            action,
            named,
            query,
            body: body.map(|(kind, text)| (kind, Bytes::from_static(text.as_bytes()))),
        }
    }

    /// The raw query; without an id, nothing is named. `cell` tells the call from all others, wherever it arrives.
    pub(super) fn query(&self, id: Option<&str>, cell: &str) -> String {
        let named = self.named.and_then(|name| Some(format!("{name}={}", id?)));
        let parts = [named, Some(self.query.to_owned()), Some(format!("cell={cell}"))];
        let parts: Vec<_> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        parts.join("&")
    }
}
