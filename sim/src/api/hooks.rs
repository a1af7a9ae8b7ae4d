//! Calls about hooks, as bbb-webhooks answers them.

use super::{Answer, Request, verdict};
use crate::failure::Failure;
use crate::params::Params;
use crate::site::Site;
use crate::webhooks::Hook;
use bbb::hook::{self, Listed};

/// Answers any of them; `None` if the call is none.
pub(super) fn answer(site: &mut Site, request: Request<'_>, params: &Params) -> Option<Answer> {
    let act: fn(&mut Site, &Params) -> Answer = match (request.call, request.method.as_str()) {
        ("hooks/create", "GET") => create,
        ("hooks/destroy", "GET") => destroy,
        ("hooks/list", "GET") => list,
        _ => return None,
    };
    Some(match verdict(site, request, params, &[]) {
        Some(_) => Failure::ChecksumOfHook.into(),
        None => act(site, params),
    })
}

fn create(site: &mut Site, params: &Params) -> Answer {
    let Some(callback_url) = params.given("callbackURL") else { return Failure::CallbackUrlMissing.into() };
    let text = |name: &str| params.given(name).map(str::to_owned);
    let raw = params.given("getRaw").is_some_and(|raw| raw.eq_ignore_ascii_case("true"));
    let (callback_url, meeting_id, event_id) = (callback_url.to_owned(), text("meetingID"), text("eventID"));
    let (id, known) = site.webhooks.add(Hook { id: 0, callback_url, meeting_id, event_id, raw });
    Answer::Document(if known { hook::duplicate(id) } else { hook::created(id, raw) })
}

fn destroy(site: &mut Site, params: &Params) -> Answer {
    let Some(id) = params.given("hookID") else { return Failure::HookIdMissing.into() };
    match id.parse().is_ok_and(|id| site.webhooks.remove(id)) {
        true => Answer::Document(hook::removed()),
        false => Failure::HookMissing.into(),
    }
}

fn list(site: &mut Site, params: &Params) -> Answer {
    let meeting_id = params.given("meetingID");
    let tells =
        |hook: &&Hook| meeting_id.is_none() || hook.meeting_id.is_none() || hook.meeting_id.as_deref() == meeting_id;
    let hooks: Vec<Listed> = site.webhooks.hooks.iter().filter(tells).cloned().map(listed).collect();
    Answer::Document(hook::list(&hooks))
}

fn listed(hook: Hook) -> Listed {
    let Hook { id, callback_url, meeting_id, event_id, raw } = hook;
    Listed { id, callback_url, meeting_id, event_id, raw }
}
