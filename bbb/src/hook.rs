//! Hooks: who is to be told of events, as bbb-webhooks, a part of BigBlueButton, answers calls about them.

use crate::document;
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// One hook in a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listed {
    /// Where it is known by this.
    pub id: u64,
    /// Where events are told.
    pub callback_url: String,
    /// Only those of this meeting.
    pub meeting_id: Option<String>,
    /// Only these.
    pub event_id: Option<String>,
    /// As they are inside of BigBlueButton.
    pub raw: bool,
}

/// Answers a `hooks/create` that made a hook.
pub fn created(id: u64, raw: bool) -> String {
    let about = format!("<hookID>{id}</hookID>\n<permanentHook>false</permanentHook>\n<rawData>{raw}</rawData>");
    success(&about)
}

/// Answers a `hooks/create` for which there is a hook already.
pub fn duplicate(id: u64) -> String {
    success(&format!(
        "<hookID>{id}</hookID>\n<messageKey>duplicateWarning</messageKey>\n\
         <message>There is already a hook for this callback URL.</message>"
    ))
}

/// Answers a `hooks/destroy` that took a hook away.
pub fn removed() -> String {
    success("<removed>true</removed>")
}

/// Answers `hooks/list`.
pub fn list(hooks: &[Listed]) -> String {
    let hook = |hook: &Listed| {
        let element = |name: &str, text: &Option<String>| {
            let text = text.as_ref().map(|text| format!("<{name}>{}</{name}>\n", document::text(text)));
            text.unwrap_or_default()
        };
        let Listed { id, callback_url, meeting_id, event_id, raw } = hook;
        format!(
            "<hook>\n<hookID>{id}</hookID>\n<callbackURL>{}</callbackURL>\n{}{}\
             <permanentHook>false</permanentHook>\n<rawData>{raw}</rawData>\n</hook>\n",
            document::text(callback_url),
            element("meetingID", meeting_id),
            element("eventID", event_id),
        )
    };
    let hooks: String = hooks.iter().map(hook).collect();
    success(&format!("<hooks>\n{hooks}</hooks>"))
}

fn success(about: &str) -> String {
    format!("<response>\n<returncode>SUCCESS</returncode>\n{about}\n</response>")
}

/// The hooks of a document that lists them, or the one that it says was created; `None` unless it is one that says SUCCESS.
pub fn read(document: &str) -> Option<Vec<Listed>> {
    let mut reader = Reader::from_str(document);
    let (mut hooks, mut hook, mut success) = (Vec::new(), Listed::default(), false);
    let mut value = String::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(_) => value.clear(),
            Event::Text(text) => value.push_str(&text),
            Event::CData(text) => value.push_str(&text),
            Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                Some(character) => value.push(character),
                None => value.push_str(resolve_predefined_entity(&reference)?),
            },
            Event::End(tag) => {
                let text = value.trim().to_owned();
                match tag.name().as_ref() {
                    "returncode" => success = text == "SUCCESS",
                    "hookID" => hook.id = text.parse().ok()?,
                    "callbackURL" => hook.callback_url = text,
                    "meetingID" => hook.meeting_id = Some(text),
                    "eventID" => hook.event_id = Some(text),
                    "rawData" => hook.raw = text == "true",
                    "hook" => hooks.push(std::mem::take(&mut hook)),
                    "response" if hook.id > 0 => hooks.push(std::mem::take(&mut hook)),
                    _ => {}
                }
                value.clear();
            }
            Event::Eof => return success.then_some(hooks),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_read_back() {
        let hooks = [
            Listed {
                id: 7,
                callback_url: "https://x/?a=1&b=<>".to_owned(),
                meeting_id: Some("m & n".to_owned()),
                event_id: Some("user-joined,user-left".to_owned()),
                raw: true,
            },
            Listed { id: 8, callback_url: "https://y/".to_owned(), ..Listed::default() },
        ];
        assert_eq!(read(&list(&hooks)).as_deref(), Some(&hooks[..]));
        assert_eq!(read(&list(&[])), Some(Vec::new()));
    }

    #[test]
    fn what_bbb_webhooks_answers_is_read() {
        let created = "<response>       <returncode>SUCCESS</returncode>       <hookID>3</hookID>       \
                       <permanentHook>false</permanentHook>       <rawData>false</rawData>     </response>";
        assert_eq!(read(created), Some(vec![Listed { id: 3, ..Listed::default() }]));
        let list = "<response><returncode>SUCCESS</returncode><hooks><hook><hookID>1</hookID>\
                    <callbackURL><![CDATA[http://x/?a=1&b=2]]></callbackURL><permanentHook>true</permanentHook>\
                    <rawData>false</rawData></hook></hooks></response>";
        let hook = Listed { id: 1, callback_url: "http://x/?a=1&b=2".to_owned(), ..Listed::default() };
        assert_eq!(read(list), Some(vec![hook]));
        for document in ["", "<html/>", &document::failed("checksumError", "no"), "<response><hooks>"] {
            assert_eq!(read(document), None, "{document}");
        }
    }
}
