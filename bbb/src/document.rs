//! Documents in BigBlueButton's wire format: no XML declaration, no indentation, a line break between elements and none at the end.

use crate::listing::element;
use memchr::memmem;
use quick_xml::escape::escape;

/// The content type of every XML document.
pub const CONTENT_TYPE: &str = "text/xml;charset=utf-8";

/// The content type of every document in JSON.
pub const JSON: &str = "application/json;charset=utf-8";

/// A refusal.
pub fn failed(message_key: &str, message: &str) -> String {
    format!(
        "<response>\n<returncode>FAILED</returncode>\n<messageKey>{}</messageKey>\n<message>{}</message>\n</response>",
        text(message_key),
        text(message)
    )
}

/// What the root answers: the version of the API, which has been 2.0 since BigBlueButton 0.81.
pub fn version() -> String {
    "<response>\n<returncode>SUCCESS</returncode>\n<version>2.0</version>\n<apiVersion>2.0</apiVersion>\n<bbbVersion></bbbVersion>\n</response>"
        .to_owned()
}

/// What `isMeetingRunning` answers for a meeting that nobody knows.
pub fn not_running() -> String {
    "<response>\n<returncode>SUCCESS</returncode>\n<running>false</running>\n</response>".to_owned()
}

/// What `getMeetings` answers when there are none.
pub fn no_meetings() -> String {
    "<response>\n<returncode>SUCCESS</returncode>\n<meetings/>\n<messageKey>noMeetings</messageKey>\n\
     <message>no meetings were found on this server</message>\n</response>"
        .to_owned()
}

/// The body of a `create` that brings slides, to be fetched from this url.
pub fn slides(url: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><modules><module name=\"presentation\"><document url=\"{}\"/>\
         </module></modules>",
        escape(url)
    )
}

/// What `getRecordings` answers when there are none. Its documents are literals in BigBlueButton's source, whose indentation they keep.
pub fn no_recordings() -> String {
    [RECORDINGS, "</recordings>", NO_RECORDINGS, END].concat()
}

/// What stands before recordings.
pub(crate) const RECORDINGS: &str = "<response>\n          <returncode>SUCCESS</returncode>\n          <recordings>";
/// What stands before each further element of that document.
pub(crate) const INDENT: &str = "\n          ";
/// What is said behind an empty list of recordings.
pub(crate) const NO_RECORDINGS: &str = "\n          <messageKey>noRecordings</messageKey>\n          \
    <message>There are no recordings for the meeting(s).</message>";
/// What ends that document.
pub(crate) const END: &str = "\n        </response>";

/// A refusal of a call that is answered with JSON.
pub fn failed_json(message_key: &str, message: &str) -> String {
    format!(
        r#"{{"response":{{"returncode":"FAILED","messageKey":"{}","message":"{}"}}}}"#,
        json_text(message_key),
        json_text(message)
    )
}

/// A text as it stands in a string of JSON.
fn json_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\\' => escaped.extend(['\\', c]),
            // It may be shown in a page.
            '<' | '>' | '&' => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c.is_control() => escaped.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}

/// What `getSessions` answers when there are none; the last word is BigBlueButton's own.
pub fn no_sessions() -> String {
    "<response>\n<returncode>SUCCESS</returncode>\n<sessions/>\n<messageKey>noSessions</messageKey>\n\
     <message>no sessions were found on this serverr</message>\n</response>"
        .to_owned()
}

/// A text as it stands in an element: escaped, and with runs of white space made one space or line break, as BigBlueButton does.
pub fn text(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(char::is_whitespace) {
        let run = rest[start..].find(|c: char| !c.is_whitespace()).map_or(rest.len(), |end| start + end);
        collapsed.push_str(&rest[..start]);
        collapsed.push(if rest[start..run].contains('\n') { '\n' } else { ' ' });
        rest = &rest[run..];
    }
    collapsed.push_str(rest);
    escape(collapsed.as_str()).into_owned()
}

/// The text of an element right below the root, such as `messageKey`; `None` if there is none, or the document is damaged.
pub fn child(document: &str, name: &str) -> Option<String> {
    let mut found = None;
    element::read(document.as_bytes(), &[], |path, value| {
        if let [only] = path
            && only == name
            && found.is_none()
        {
            found = Some(value.trim().to_owned());
        }
    })?;
    found
}

/// How a call went, read from the beginning of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The return code is SUCCESS.
    Success,
    /// The return code is FAILED.
    Failed,
}

impl Outcome {
    /// Finds the return code in (the first kilobyte of) a document; `None` if it is no answer of BigBlueButton. Takes a declaration
    /// and indentation, as other balancers write them.
    pub fn of(document: &[u8]) -> Option<Self> {
        let start = &document[..document.len().min(1024)];
        let at = memmem::find(start, b"<returncode>")? + b"<returncode>".len();
        let rest = start[at..].trim_ascii_start();
        if rest.starts_with(b"SUCCESS") {
            Some(Self::Success)
        } else if rest.starts_with(b"FAILED") {
            Some(Self::Failed)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_looks_as_bigbluebutton_writes_it() {
        assert_eq!(
            failed("checksumError", "a  <b>\n\n & 'c'"),
            "<response>\n<returncode>FAILED</returncode>\n<messageKey>checksumError</messageKey>\n\
             <message>a &lt;b&gt;\n&amp; &apos;c&apos;</message>\n</response>"
        );
    }

    #[test]
    fn a_child_of_the_root_is_read_and_none_deeper() {
        let refusal = failed("notFound", "a & <b>");
        assert_eq!(child(&refusal, "message").as_deref(), Some("a & <b>"));
        assert_eq!(child(&refusal, "moderatorPW"), None);
        assert_eq!(child("<response><a><b>1</b></a><b> 2 </b></response>", "b").as_deref(), Some("2"));
        assert_eq!(child("<response><b>1</b>", "b"), None);
    }

    #[test]
    fn the_outcome_is_read_from_every_spelling() {
        for (document, outcome) in [
            (failed("x", "y"), Some(Outcome::Failed)),
            (no_meetings(), Some(Outcome::Success)),
            (
                "<?xml version=\"1.0\"?>\n<response>\n  <returncode>\n SUCCESS</returncode>".to_owned(),
                Some(Outcome::Success),
            ),
            ("<html><body>502 Bad Gateway</body></html>".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(Outcome::of(document.as_bytes()), outcome, "{document}");
        }
    }
}
