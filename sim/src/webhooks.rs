//! What an instance tells by itself: events to hooks, as bbb-webhooks 3 does, and that recordings and analytics are ready.

use crate::documents::Entry;
use crate::recording::Recording;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bbb::Secret;
use ring::hmac;
use sha2::{Digest, Sha256};
use url::form_urlencoded::Serializer;

/// Letters that wait to be sent; the newest are lost beyond that, as nobody seems to take them.
const OUTBOX_MAX: usize = 1_000;

/// Somebody who is told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(crate) id: u64,
    pub(crate) callback_url: String,
    pub(crate) meeting_id: Option<String>,
    pub(crate) event_id: Option<String>,
    pub(crate) raw: bool,
}

/// Something to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    pub(crate) url: String,
    pub(crate) content_type: &'static str,
    pub(crate) bearer: Option<String>,
    pub(crate) body: String,
}

/// The hooks of an instance, and what it has to tell.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) outbox: Vec<Letter>,
    last_id: u64,
}

impl Webhooks {
    /// Adds a hook, unless there is one for the same; its id, and whether it was there.
    pub(crate) fn add(&mut self, hook: Hook) -> (u64, bool) {
        let same = |other: &&Hook| other.callback_url == hook.callback_url && other.meeting_id == hook.meeting_id;
        if let Some(known) = self.hooks.iter().find(same) {
            return (known.id, true);
        }
        self.last_id += 1;
        self.hooks.push(Hook { id: self.last_id, ..hook });
        (self.last_id, false)
    }

    /// Takes a hook away, if there is one.
    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.hooks.len();
        self.hooks.retain(|hook| hook.id != id);
        self.hooks.len() < before
    }

    /// Something happened in a meeting; every hook that wants to know is told.
    pub(crate) fn happened(&mut self, event: &str, meeting: &Entry, secret: &Secret, now: u64) {
        let wants = |hook: &&Hook| {
            let events = hook.event_id.as_deref().map(str::to_lowercase);
            let wanted = events.is_none_or(|events| events.split(',').any(|wanted| wanted == event));
            wanted && hook.meeting_id.as_ref().is_none_or(|id| *id == meeting.meeting_id)
        };
        let about = format!(
            r#"{{"internal-meeting-id":{:?},"external-meeting-id":{:?}}}"#,
            meeting.internal_id, meeting.meeting_id
        );
        let told = format!(
            r#"{{"data":{{"type":"event","id":"{event}","attributes":{{"meeting":{about}}},"event":{{"ts":{now}}}}}}}"#
        );
        let letters: Vec<Letter> =
            self.hooks.iter().filter(wants).map(|hook| event_letter(hook, &told, secret, now)).collect();
        letters.into_iter().for_each(|letter| self.send(letter));
    }

    /// A recording is ready; who asked for it in the create of its meeting is told.
    pub(crate) fn recorded(&mut self, recording: &Recording, secret: &Secret) {
        let urls = ["bbb-recording-ready-url", "bn-recording-ready-url", "canvas-recording-ready-url"];
        for (_, url) in recording.metadata.iter().filter(|(key, _)| urls.contains(&key.as_str())) {
            let claims =
                format!(r#"{{"meeting_id":{:?},"record_id":{:?}}}"#, recording.meeting_id, recording.record_id);
            let token = jwt("HS256", hmac::HMAC_SHA256, &claims, secret);
            let body = Serializer::new(String::new()).append_pair("signed_parameters", &token).finish();
            self.send(Letter { url: url.clone(), content_type: FORM, bearer: None, body });
        }
    }

    /// A meeting has ended; who asked in its create for what went on is told.
    pub(crate) fn analysed(&mut self, meeting: &Entry, secret: &Secret, now: u64) {
        for (_, url) in meeting.metadata.iter().filter(|(key, _)| key == "analytics-callback-url") {
            let claims = format!(r#"{{"exp":{}}}"#, now / 1000 + 86_400);
            let bearer = Some(jwt("HS512", hmac::HMAC_SHA512, &claims, secret));
            let body = format!(r#"{{"version":"1.0","meeting_id":{:?}}}"#, meeting.meeting_id);
            self.send(Letter { url: url.clone(), content_type: "application/json", bearer, body });
        }
    }

    fn send(&mut self, letter: Letter) {
        if self.outbox.len() < OUTBOX_MAX {
            self.outbox.push(letter);
        }
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn event_letter(hook: &Hook, told: &str, secret: &Secret, now: u64) -> Letter {
    let body = Serializer::new(String::new())
        .append_pair("domain", "bbb.example.org")
        .append_pair("event", &format!("[{told}]"))
        .append_pair("timestamp", &now.to_string())
        .finish();
    let checksum = hex::encode(Sha256::digest([&hook.callback_url, &*body, secret.reveal()].concat()));
    let separator = if hook.callback_url.contains('?') { '&' } else { '?' };
    let url = format!("{}{separator}checksum={checksum}", hook.callback_url);
    Letter { url, content_type: FORM, bearer: None, body }
}

fn jwt(name: &str, algorithm: hmac::Algorithm, claims: &str, secret: &Secret) -> String {
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let signed =
        format!("{}.{}", encode(format!(r#"{{"alg":"{name}","typ":"JWT"}}"#).as_bytes()), encode(claims.as_bytes()));
    let signature = hmac::sign(&hmac::Key::new(algorithm, secret.reveal().as_bytes()), signed.as_bytes());
    format!("{signed}.{}", encode(signature.as_ref()))
}
