//! Calls about hooks, which a control plane keeps and puts to the instances.

use super::Proxy;
use crate::body::Body;
use crate::call::{Load, Received};
use crate::control::AskError;
use crate::failure::{Failure, document_response};
use b3lb_proto::v1::Hook;
use bbb::{Call, hook};
use http::Response;
use url::Url;

impl Proxy {
    /// Answers `hooks/create`, `hooks/destroy` and `hooks/list`.
    pub(super) async fn hooks(&self, received: &Received<'_>, load: &Load) -> Result<Response<Body>, Failure> {
        let tenant = &received.caller.tenant;
        let meeting_id = text(received, "meetingID")?;
        let document = match received.call {
            Call::HooksCreate => {
                let callback_url = text(received, "callbackURL")?.ok_or(Failure::MissingCallbackUrl)?;
                if !Url::parse(&callback_url).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                    return Err(Failure::HookRefused);
                }
                let raw = text(received, "getRaw")?.is_some_and(|raw| raw.eq_ignore_ascii_case("true"));
                let event_id = text(received, "eventID")?;
                let wish = Hook { id: 0, callback_url, meeting_id, event_id, raw };
                let base = self.callback_base(&load.public_url().unwrap_or_default());
                let made = self.control.create_hook(tenant, wish, base).await;
                match made.map_err(failure)? {
                    (id, true) => hook::duplicate(id),
                    (id, false) => hook::created(id, raw),
                }
            }
            Call::HooksDestroy => {
                let id = text(received, "hookID")?.ok_or(Failure::MissingHookId)?;
                // What is no number is the id of none.
                let id = id.parse().map_err(|_| Failure::UnknownHook)?;
                match self.control.destroy_hook(tenant, id).await.map_err(failure)? {
                    true => hook::removed(),
                    false => return Err(Failure::UnknownHook),
                }
            }
            _ => {
                let hooks = self.control.hooks(tenant, meeting_id).await.map_err(failure)?;
                hook::list(&hooks.into_iter().map(listed).collect::<Vec<_>>())
            }
        };
        Ok(document_response(document))
    }
}

fn listed(hook: Hook) -> hook::Listed {
    let Hook { id, callback_url, meeting_id, event_id, raw } = hook;
    hook::Listed { id, callback_url, meeting_id, event_id, raw }
}

/// What a call says of a parameter; nothing if it is empty.
fn text(received: &Received<'_>, name: &str) -> Result<Option<String>, Failure> {
    let value = received.value(name).map_err(|_| Failure::HookRefused)?;
    Ok(value.filter(|value| !value.is_empty()).map(|value| String::from_utf8_lossy(&value).into_owned()))
}

fn failure(error: AskError) -> Failure {
    match error {
        AskError::Away | AskError::Contended => Failure::HooksAway,
        _ => Failure::HookRefused,
    }
}
