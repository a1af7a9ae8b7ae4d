//! Placing meetings, and finding those of other proxies, while no control plane answers.
//!
//! All proxies prefer the same instances for the same meeting, by what they knew last of the pool. Before one puts a meeting on an instance,
//! it asks the first few whether they have it already: another proxy may have known a little more or less of the pool.

use super::Proxy;
use crate::call::{About, Received};
use crate::control::{Meeting, Place};
use crate::failure::Failure;
use crate::table::Instance;
use crate::upstream::{Repeat, Upload};
use bbb::document::Outcome;
use bbb::{Call, MeetingKey, listing};
use futures::future::join_all;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{Request, Uri};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Instances that are asked whether they have a meeting. Two proxies that know almost the same pool agree on the first of them nearly always.
const CANDIDATES: usize = 3;

/// For their answers: a frontend waits for the create itself besides. One that takes longer is no place for a new meeting.
const ASK_TIME: Duration = Duration::from_secs(1);

/// Of what an instance tells of a meeting: ten thousand people.
const INFO_MAX: usize = 4 << 20;

/// What an instance says when it is asked for a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    /// It has it.
    Has,
    /// It does not have it, and answers.
    HasNot,
    /// It has one with this id that is another tenant's.
    HasAnothers,
    /// Nothing that could be used.
    Nothing,
}

/// What candidates said, the preferred one first.
pub(super) type Said = Vec<(Arc<Instance>, Says)>;

impl Proxy {
    /// An instance for a meeting that no control plane can be asked about, but not one of those that are `excluded`. The table knows it when
    /// this returns. `said`: what the candidates said a moment ago.
    pub(super) async fn place_alone(
        &self,
        received: &Received<'_>,
        about: &About<'_>,
        excluded: &[Arc<Instance>],
        parent: Option<MeetingKey>,
        said: Option<Said>,
    ) -> Result<Place, Failure> {
        let meeting = Meeting { tenant: &received.caller.tenant, key: about.key, id: &about.id };
        let place = |instance: Arc<Instance>, existing: bool| {
            self.control.remember(meeting, &instance, excluded.last().map(|left| &**left));
            Ok(Place { instance, existing, voice_bridge: None, alone: !existing })
        };
        if let Some(parent) = parent {
            // It is where its parent is, and there only.
            let instance = self.parent_alone(received, parent).await.ok_or(Failure::Away)?;
            return place(instance, false);
        }
        let said = match said {
            Some(said) => said,
            None => self.ask_candidates(received, about, excluded).await,
        };
        // Another call may have placed it meanwhile.
        if let Some(known) = self.known(received, about)
            && !excluded.iter().any(|other| other.url == known.url)
        {
            return place(known, true);
        }
        if let Some(instance) = who(&said, Says::Has) {
            return place(Arc::clone(instance), true);
        }
        let free = who(&said, Says::HasNot);
        let instance = free.ok_or(if said.is_empty() { Failure::NoInstance } else { Failure::Away })?;
        tracing::warn!(tenant = &*received.caller.tenant.host, meeting = %about.key, instance = &*instance.url, "placed without a control plane");
        place(Arc::clone(instance), false)
    }

    /// The instance of a meeting that another proxy placed while no control plane can be asked.
    pub(super) async fn find_alone(&self, received: &Received<'_>, about: &About<'_>) -> Option<Arc<Instance>> {
        let said = self.ask_candidates(received, about, &[]).await;
        self.holder(received, about, &said)
    }

    /// Who said to have the meeting. The table knows it when this returns.
    pub(super) fn holder(&self, received: &Received<'_>, about: &About<'_>, said: &Said) -> Option<Arc<Instance>> {
        let instance = who(said, Says::Has)?;
        let meeting = Meeting { tenant: &received.caller.tenant, key: about.key, id: &about.id };
        self.control.remember(meeting, instance, None);
        Some(Arc::clone(instance))
    }

    /// The instance of the meeting that a breakout room belongs to.
    async fn parent_alone(&self, received: &Received<'_>, key: MeetingKey) -> Option<Arc<Instance>> {
        let id = received.value("parentMeetingID").ok()??;
        let about = About { id, key };
        match self.known(received, &about) {
            Some(instance) => Some(instance),
            None => self.find_alone(received, &about).await,
        }
    }

    /// Asks the first candidates at once whether they have the meeting; in the order of preference.
    pub(super) async fn ask_candidates(
        &self,
        received: &Received<'_>,
        about: &About<'_>,
        excluded: &[Arc<Instance>],
    ) -> Said {
        let mut candidates = self.table.borrow_mut().load().candidates(&received.caller, about.key);
        candidates.retain(|instance| !excluded.iter().any(|other| other.url == instance.url));
        candidates.truncate(CANDIDATES);
        let deadline = (Instant::now() + ASK_TIME).min(received.deadline);
        // What an instance would take for the beginning of an internal id begins that of the tenant's own.
        let id =
            if MeetingKey::begins_internal(&about.id) { about.key.to_string().into_bytes() } else { about.id.to_vec() };
        let query = format!("meetingID={}", percent_encode(&id, NON_ALPHANUMERIC));
        let host = &received.caller.tenant.host;
        let asked = candidates.iter().map(|instance| async {
            let says = timeout_at(deadline, self.ask_one(instance, &query, host, deadline)).await;
            (Arc::clone(instance), says.ok().flatten().unwrap_or(Says::Nothing))
        });
        join_all(asked).await
    }

    async fn ask_one(&self, instance: &Instance, query: &str, host: &str, deadline: Instant) -> Option<Says> {
        let route = self.upstream.to(instance).ok()?;
        let signed = instance.algorithm.sign_query("getMeetingInfo", query, &instance.secret);
        let path = format!("{}getMeetingInfo?{signed}", route.target().path);
        let mut request = Request::new(Upload::none());
        *request.uri_mut() = Uri::from(PathAndQuery::try_from(path).ok()?);
        request.headers_mut().insert(HOST, route.target().authority.clone());
        let response =
            self.upstream.call(Call::GetMeetingInfo, instance, &route, request, Repeat::Always, deadline).await.ok()?;
        let document = Limited::new(response.into_body(), INFO_MAX).collect().await.ok()?.to_bytes();
        Some(match Outcome::of(&document)? {
            Outcome::Failed => Says::HasNot,
            Outcome::Success => {
                let owner = listing::Meeting::read(&document).and_then(|meeting| meeting.tenant);
                if owner.is_none_or(|owner| owner == host) { Says::Has } else { Says::HasAnothers }
            }
        })
    }
}

fn who(said: &Said, says: Says) -> Option<&Arc<Instance>> {
    said.iter().find(|(_, said)| *said == says).map(|(instance, _)| instance)
}
