//! How each call is made.

use bbb::Call;
use bbb::form::ENCODED;
use bytes::Bytes;
use http::Method;

/// Where the parameters of a call stand, all but the one that tells it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In the query.
    Query,
    /// In a form.
    Form,
    /// In a form, and the checksum too.
    SignedForm,
}

/// A call as a frontend makes it.
pub(super) struct Request {
    method: Method,
    /// What follows `/api/`.
    action: &'static str,
    /// The parameter that names what the call is about, if any.
    named: Option<&'static str>,
    /// The other parameters.
    query: &'static str,
    /// A body and its content type.
    body: Option<(&'static str, Bytes)>,
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
            Call::HooksCreate => (Method::GET, Some("callbackURL"), "getRaw=true", None),
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

    /// The call as it is sent; without an id, nothing is named. `cell` tells it from all others, wherever it arrives. The checksum is made
    /// with `sign` from the name of the call and its query; without one, there is none.
    pub(super) fn sent(
        &self,
        way: Way,
        id: Option<&str>,
        cell: &str,
        sign: impl Fn(&str, &str) -> Option<String>,
    ) -> (Method, String, Option<(&'static str, Bytes)>) {
        let path = |query: String| format!("/bigbluebutton/api/{}?{query}", self.action);
        let cell = format!("cell={cell}");
        let parameters = self.parameters(id);
        let checksum = |query: &str| sign(self.action, query).map(|sum| format!("checksum={sum}")).unwrap_or_default();
        match way {
            Way::Query => {
                let query = joined([&parameters, &cell]);
                (self.method.clone(), path(joined([query.as_str(), &checksum(&query)])), self.body.clone())
            }
            Way::Form => (Method::POST, path(joined([&cell, &checksum(&cell)])), Some((ENCODED, parameters.into()))),
            Way::SignedForm => {
                let form = joined([&parameters, &checksum(&cell)]);
                (Method::POST, path(cell), Some((ENCODED, form.into())))
            }
        }
    }

    fn parameters(&self, id: Option<&str>) -> String {
        let named = self.named.and_then(|name| Some(format!("{name}={}", id?)));
        joined([&*named.unwrap_or_default(), self.query])
    }
}

impl Way {
    /// Those in which a call can be made.
    pub(super) fn of(call: Call) -> impl Iterator<Item = Self> {
        let takes_forms =
            ["GET", "POST"].into_iter().all(|method| call.methods().include(method)) && call.takes(ENCODED);
        [Self::Query, Self::Form, Self::SignedForm].into_iter().filter(move |way| *way == Self::Query || takes_forms)
    }
}

fn joined<const N: usize>(parts: [&str; N]) -> String {
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("&")
}
