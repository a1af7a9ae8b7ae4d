//! Hooks as messages.

use crate::hooks::HookError;
use crate::state::Hook;
use b3lb_proto::v1;
use tonic::Status;
use url::Url;

/// The wish that a proxy brings.
pub(super) fn wish(request: v1::CreateHookRequest) -> Result<Hook, Status> {
    let v1::CreateHookRequest { tenant, hook, base } = request;
    let v1::Hook { callback_url, meeting_id, event_id, raw, .. } = hook.unwrap_or_default();
    for (field, url) in [("hook.callback_url", &callback_url), ("base", &base)] {
        if !Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host()) {
            return Err(Status::invalid_argument(format!("{field}: {url:?} is no http or https url")));
        }
    }
    Ok(Hook {
        id: 0,
        tenant: tenant.into(),
        callback_url: callback_url.into(),
        meeting_id: meeting_id.map(String::into_boxed_str),
        event_id: event_id.map(String::into_boxed_str),
        raw,
        base: base.into(),
        instances: Default::default(),
    })
}

/// A hook as its tenant knows it.
pub(super) fn message(hook: &Hook) -> v1::Hook {
    v1::Hook {
        id: hook.id,
        callback_url: hook.callback_url.to_string(),
        meeting_id: hook.meeting_id.as_deref().map(str::to_owned),
        event_id: hook.event_id.as_deref().map(str::to_owned),
        raw: hook.raw,
    }
}

impl From<HookError> for Status {
    fn from(error: HookError) -> Self {
        match error {
            HookError::UnknownTenant(_) => Status::not_found(error.to_string()),
            HookError::TooMany(_) => Status::resource_exhausted(error.to_string()),
            HookError::Store(error) => error.into(),
        }
    }
}
