//! Events as bbb-webhooks tells them: a form with `domain`, `event` (a list of documents) and `timestamp`, and a checksum in the url.

use crate::checksum::Algorithm;
use crate::query::Query;
use crate::{MeetingKey, Secret};
use serde::Serialize;
use serde_json::Value;
use subtle::ConstantTimeEq;

/// How an event was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signing {
    algorithm: Algorithm,
    text: Text,
}

/// The text that is signed between the url and the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Text {
    /// The form as it is sent; since bbb-webhooks 3.
    Form,
    /// The form's fields as a JSON object; before.
    Json,
}

/// The form's fields in the order in which they were signed.
#[derive(Serialize)]
struct Fields<'a> {
    domain: &'a str,
    event: &'a str,
    timestamp: Value,
}

impl Signing {
    /// Finds out how an event was signed that came to `url`, which has no checksum; `None` unless it was with this secret.
    pub fn find(url: &str, form: &str, checksum: &str, secret: &Secret) -> Option<Self> {
        let algorithm = Algorithm::by_length(checksum.len())?;
        let shown = checksum.to_ascii_lowercase();
        let signings = [Text::Form, Text::Json].map(|text| Self { algorithm, text });
        signings.into_iter().find(|signing| {
            let expected = signing.checksum(url, form, secret);
            !secret.reveal().is_empty() && bool::from(expected.as_bytes().ct_eq(shown.as_bytes()))
        })
    }

    /// The url to send the event to, signed in the same way.
    pub fn signed_url(self, url: &str, form: &str, secret: &Secret) -> String {
        let separator = if url.contains('?') { '&' } else { '?' };
        format!("{url}{separator}checksum={}", self.checksum(url, form, secret))
    }

    fn checksum(self, url: &str, form: &str, secret: &Secret) -> String {
        let json = match self.text {
            Text::Form => None,
            Text::Json => Some(json(form)),
        };
        self.algorithm.sign(url, &[json.as_deref().unwrap_or(form)], secret).as_str().to_owned()
    }
}

/// The meeting that an event tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The key of the meeting, or of that which it is a breakout room of.
    pub key: MeetingKey,
    /// Its internal id, which is the recordID of its recording.
    pub internal_id: Option<String>,
}

/// The meetings that the events of a form tell of, as far as they say it.
pub fn meetings(form: &str) -> Vec<About> {
    let events: Vec<Value> = field(form, "event").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    events.iter().filter_map(meeting).collect()
}

fn meeting(event: &Value) -> Option<About> {
    let text = |path: &str| event.pointer(path).and_then(Value::as_str);
    let internal = [
        "/data/attributes/meeting/internal-meeting-id",
        "/envelope/routing/meetingId",
        "/header/body/meetingId",
        "/core/header/meetingId",
        "/core/body/props/meetingProp/intId",
        "/core/body/meetingId",
        "/payload/meeting_id",
    ];
    let parent =
        text("/data/attributes/meeting/parent-id").and_then(|parent| MeetingKey::of_internal(parent.as_bytes()));
    let internal_id = internal.iter().find_map(|path| text(path));
    let internal = || MeetingKey::of_internal(internal_id?.as_bytes());
    // A breakout room is whose its parent is.
    let key = parent.or_else(internal).or_else(|| {
        let external = text("/data/attributes/meeting/external-meeting-id");
        external.or_else(|| text("/payload/external_meeting_id")).map(|id| MeetingKey::of(id.as_bytes()))
    })?;
    Some(About { key, internal_id: internal_id.map(str::to_owned) })
}

fn json(form: &str) -> String {
    let field = |name| field(form, name).unwrap_or_default();
    let (domain, event, timestamp) = (field("domain"), field("event"), field("timestamp"));
    let timestamp = timestamp.parse::<u64>().map_or_else(|_| Value::from(timestamp), Value::from);
    serde_json::to_string(&Fields { domain: &domain, event: &event, timestamp }).unwrap_or_default()
}

fn field(form: &str, name: &str) -> Option<String> {
    let value = Query::new(form).get_one(name).ok()??;
    Some(String::from_utf8_lossy(&value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://b3lb.example.org/x";
    const FORM: &str = "domain=bbb1.example.org&event=%5B%7B%22data%22%3A%7B%22id%22%3A%22user-joined%22%7D%7D%5D&timestamp=1708381132686";
    const JSON: &str = "{\"domain\":\"bbb1.example.org\",\"event\":\"[{\\\"data\\\":{\\\"id\\\":\\\"user-joined\\\"}}]\",\"timestamp\":1708381132686}";

    #[test]
    fn events_are_signed_as_they_were() {
        let (from, to) = (Secret::new("theirs"), Secret::new("ours"));
        for (algorithm, text) in [(Algorithm::Sha256, FORM), (Algorithm::Sha1, JSON), (Algorithm::Sha512, FORM)] {
            let checksum = |url: &str, secret| algorithm.sign(url, &[text], secret);
            let shown = checksum(URL, &from);
            assert_eq!(Signing::find(URL, FORM, shown.as_str(), &to), None);
            assert_eq!(Signing::find("https://other", FORM, shown.as_str(), &from), None);
            let signing = Signing::find(URL, FORM, shown.as_str(), &from).unwrap();
            for (url, separator) in [("https://moodle/x", '?'), ("https://moodle/x?a=%2f", '&')] {
                let expected = format!("{url}{separator}checksum={}", checksum(url, &to).as_str());
                assert_eq!(signing.signed_url(url, FORM, &to), expected);
            }
        }
    }

    #[test]
    fn an_event_tells_whose_meeting_it_is_about() {
        let internal = "8043c8452ae9830aac14c517adff3839dbd9228f-1698771157700";
        let form = |event: String| format!("event={}", crate::query::encode(&format!("[{event}]")));
        let key = MeetingKey::of_internal(internal.as_bytes()).unwrap();
        for event in [
            format!(r#"{{"data":{{"attributes":{{"meeting":{{"internal-meeting-id":"{internal}"}}}}}}}}"#),
            format!(r#"{{"envelope":{{"routing":{{"meetingId":"{internal}"}}}}}}"#),
            format!(r#"{{"core":{{"body":{{"props":{{"meetingProp":{{"intId":"{internal}"}}}}}}}}}}"#),
        ] {
            let about = About { key, internal_id: Some(internal.to_owned()) };
            assert_eq!(meetings(&form(event.clone())), [about], "{event}");
        }
        let external = r#"{"data":{"attributes":{"meeting":{"external-meeting-id":"m"}}}}"#.to_owned();
        assert_eq!(meetings(&form(external)), [About { key: MeetingKey::of(b"m"), internal_id: None }]);
        assert_eq!(meetings("event=nonsense"), []);
        assert_eq!(meetings(""), []);
    }
}
