//! What calls are about: meetings and recordings of a tenant, on an instance that is chosen.

use super::cell::{Case, Tenant};
use super::table::Condition;
use crate::system::Pool;
use crate::wait::within;
use b3lb_sim::Frontend;
use bbb::{Call, Route};
use futures::future::join_all;

/// What a call is about.
pub(super) struct Subject {
    pub(super) id: String,
    /// The index of its instance, if it is there.
    pub(super) holder: Option<usize>,
}

impl Subject {
    /// What is not there; a recording's id looks like one all the same.
    pub(super) fn missing(case: Case) -> Self {
        let id = match case.call {
            Call::HooksCreate => callback_url(&case.name()),
            Call::HooksDestroy => "1234567".to_owned(),
            call if is_about_recordings(call) => "0123456789012345678901234567890123456789-1600000000000".to_owned(),
            _ => format!("{}-nowhere", case.name()),
        };
        Self { id, holder: None }
    }

    /// A new one for this case, on the instance that is wanted, if any.
    pub(super) async fn prepare(pool: &Pool, owner: &Tenant, case: Case, on: Option<usize>) -> Self {
        let (prefix, call) = (case.name(), case.call);
        if matches!(call, Call::HooksCreate | Call::HooksDestroy) {
            return Self::hook(owner, case).await;
        }
        if !is_about_recordings(call) && call.route() != Route::Meeting {
            return Self::missing(case);
        }
        let (id, internal, holder) = create(pool, &owner.frontend, &prefix, on).await;
        if !is_about_recordings(call) {
            return Self { id, holder: Some(holder) };
        }
        let ended = owner.frontend.call("end", &[("meetingID", &id), ("cell", "setup")]).await.unwrap();
        assert!(ended.succeeded(), "{}", ended.text());
        Self { id: internal, holder: Some(holder) }
    }

    /// A hook to be destroyed, or one to be created that somebody else has.
    async fn hook(owner: &Tenant, case: Case) -> Self {
        let missing = Self::missing(case);
        if case.call == Call::HooksCreate && case.condition != Condition::OthersId {
            return missing;
        }
        let target = owner.frontend.target("hooks/create", &format!("callbackURL={}", callback_url(&case.name())));
        let created = owner.frontend.get(&target).await.unwrap();
        let id = created.element("hookID").unwrap().to_owned();
        if case.call == Call::HooksCreate { missing } else { Self { id, holder: None } }
    }
}

/// Where nobody listens, as it stands in a query.
fn callback_url(name: &str) -> String {
    format!("http%3A%2F%2F127.0.0.1%3A1%2F{name}")
}

/// What it names, if anything, are recordings.
fn is_about_recordings(call: Call) -> bool {
    call == Call::GetRecordings || call.route() == Route::Record
}

/// Waits until the control plane knows every recording there is.
pub(super) async fn until_indexed(pool: &Pool) {
    let asked = pool.instances.iter().map(|instance| {
        // The first one may have been under way.
        instance.until_received("getRecordings", instance.received("getRecordings") + 2)
    });
    within("the recordings are known", join_all(asked)).await;
}

/// Creates meetings until one is on the instance that is wanted, if any. Returns its two ids and its instance.
pub(super) async fn create(
    pool: &Pool,
    frontend: &Frontend,
    prefix: &str,
    on: Option<usize>,
) -> (String, String, usize) {
    for number in 0.. {
        let id = format!("{prefix}-{number}");
        let params = [("meetingID", &*id), ("name", "Weekly"), ("record", "true"), ("cell", "setup")];
        let created = frontend.call("create", &params).await.unwrap();
        assert!(created.succeeded(), "{}", created.text());
        let internal = created.element("internalMeetingID").unwrap().to_owned();
        let holds = |index: &usize| {
            let meetings = pool.instances[*index].meetings();
            meetings.iter().any(|meeting| meeting.internal_id == internal)
        };
        let holder = (0..pool.instances.len()).find(holds).unwrap();
        if on.is_none_or(|on| on == holder) {
            return (id, internal, holder);
        }
    }
    unreachable!("numbers do not end")
}
