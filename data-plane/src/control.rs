//! The control planes, any of which will do: whom to ask, and what it costs to wait.

mod alone;
mod connections;
mod reports;
mod traced;

pub(crate) use alone::{Alone, AloneReporter, PlacedAlone};
pub(crate) use connections::{Connections, check};
pub(crate) use reports::{Report, Reporter, Reports, Waiting};

use crate::routes::Routes;
use crate::table::{Instance, Tenant};
use arc_swap::ArcSwap;
use b3lb_proto::v1::placement_client::PlacementClient;
use b3lb_proto::v1::{
    AdmitRequest, CreateHookRequest, DestroyHookRequest, FindRequest, Hook, ListHooksRequest, LocateRequest,
    PlaceRequest,
};
use bbb::MeetingKey;
use connections::Token;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use traced::Traced;

/// One control plane's share of [`ASK_DEADLINE`]: an answer takes it one write to its store.
const ATTEMPT_DEADLINE: Duration = Duration::from_secs(2);
/// Clients give a call ten seconds, and most of them are the instance's.
const ASK_DEADLINE: Duration = Duration::from_secs(4);
/// The same while none answered the last time that somebody waited so long: not every call has to find that out again.
const QUICK_DEADLINE: Duration = Duration::from_millis(300);
/// How often all of them are asked when they get in each other's way.
const ROUNDS_MAX: usize = 4;
/// How long a control plane that did not answer is believed to be away.
const AWAY_TIME: Duration = Duration::from_secs(2);
/// How long control planes that are back may not know yet what was placed without them: until proxies have told it, and instances were asked
/// twice.
const SETTLE_TIME: Duration = Duration::from_secs(30);

pub(crate) type Client = PlacementClient<InterceptedService<Traced<Channel>, Token>>;

/// The connections to all control planes. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct ControlPlanes {
    all: Arc<ArcSwap<Vec<(String, Client)>>>,
    /// The one that answered last.
    preferred: Arc<AtomicUsize>,
    away: Arc<Mutex<Away>>,
    routes: Routes,
}

/// When none of them answered.
#[derive(Debug, Default, Clone, Copy)]
struct Away {
    /// The last time that somebody waited in vain for as long as it makes sense.
    at: Option<Instant>,
    /// One has answered since.
    is_over: bool,
}

/// A meeting of a tenant, as it is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Meeting<'a> {
    pub(crate) tenant: &'a Tenant,
    pub(crate) key: MeetingKey,
    /// The meetingID, for people.
    pub(crate) id: &'a [u8],
}

/// What a frontend says of the size of a meeting, in users; 0: nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Hint {
    /// So many will come.
    pub(crate) expected: u32,
    /// More than so many are not let in.
    pub(crate) limit: u32,
}

/// Where a meeting lives, as a control plane decided.
pub(crate) struct Place {
    pub(crate) instance: Arc<Instance>,
    /// It lived there before.
    pub(crate) existing: bool,
    /// The number to dial that it was given.
    pub(crate) voice_bridge: Option<u32>,
    /// No control plane knows of it yet.
    pub(crate) alone: bool,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// No control plane answered, or none that has its store.
    #[error("no control plane answers")]
    Away,
    /// Control planes answer, but got in each other's way again and again.
    #[error("control planes get in each other's way")]
    Contended,
    /// A control plane answered that no instance may take the meeting.
    #[error("no instance takes the meeting")]
    NoInstance,
    /// A control plane answered that the tenant has all that it may have.
    #[error("the tenant has as many as it may")]
    Limited,
    /// A control plane answered that the parent of a breakout room, or the tenant, is nowhere.
    #[error("there is no such parent or tenant")]
    NoParent,
    /// A control plane answered that the meeting may be on an instance that was excluded, and must not get a second one.
    #[error("the meeting may be on an instance that cannot be reached")]
    StillThere,
}

impl ControlPlanes {
    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.all.load().len()
    }

    /// The one to ask first, and its url.
    pub(crate) fn preferred(&self) -> (String, Client) {
        let all = self.all.load();
        all[self.preferred.load(Ordering::Relaxed) % all.len()].clone()
    }

    /// Asks another one first from now on.
    pub(crate) fn pass_over(&self) {
        self.preferred.fetch_add(1, Ordering::Relaxed);
    }

    /// Decides where a meeting lives, but not on the instances that are excluded. The table knows it when this returns.
    pub(crate) async fn place(
        &self,
        meeting: Meeting<'_>,
        excluded: &[Arc<Instance>],
        parent: Option<MeetingKey>,
        hint: Hint,
    ) -> Result<Place, AskError> {
        let request = PlaceRequest {
            tenant: meeting.tenant.host.to_string(),
            key: meeting.key.as_bytes().to_vec(),
            meeting_id: String::from_utf8_lossy(meeting.id).into_owned(),
            exclude: excluded.iter().map(|instance| instance.url.to_string()).collect(),
            parent: parent.map(|parent| parent.as_bytes().to_vec()).unwrap_or_default(),
            expected_users: hint.expected,
            max_participants: hint.limit,
        };
        let placed = self.ask(request, async |mut client, request| client.place(request).await).await;
        let placed = placed.map_err(|error| match error {
            // It is the tenant that is gone.
            AskError::NoParent if parent.is_none() => AskError::NoInstance,
            error => error,
        });
        let placed = placed?;
        let instance = self.routes.instance(&placed.instance).await.ok_or(AskError::NoInstance)?;
        let left = excluded.last().map(|instance| Arc::clone(&instance.url));
        self.routes.learn(&meeting.tenant.host, meeting.key, &instance.url, left);
        let voice_bridge = Some(placed.voice_bridge).filter(|number| *number > 0);
        Ok(Place { instance, existing: placed.existing, voice_bridge, alone: false })
    }

    /// Lets one more user of a tenant into a meeting.
    pub(crate) async fn admit(&self, tenant: &Tenant, key: MeetingKey) -> Result<(), AskError> {
        let request = AdmitRequest { tenant: tenant.host.to_string(), key: key.as_bytes().to_vec() };
        self.ask(request, async |mut client, request| client.admit(request).await).await.map(drop)
    }

    /// Tells a tenant of events from now on; the id of its hook, and whether it was there before.
    pub(crate) async fn create_hook(&self, tenant: &Tenant, hook: Hook, base: String) -> Result<(u64, bool), AskError> {
        let request = CreateHookRequest { tenant: tenant.host.to_string(), hook: Some(hook), base };
        let made = self.ask(request, async |mut client, request| client.create_hook(request).await).await?;
        Ok((made.id, made.existing))
    }

    /// Ends one of a tenant's hooks; false if it has none with this id.
    pub(crate) async fn destroy_hook(&self, tenant: &Tenant, id: u64) -> Result<bool, AskError> {
        let request = DestroyHookRequest { tenant: tenant.host.to_string(), id };
        Ok(self.ask(request, async |mut client, request| client.destroy_hook(request).await).await?.removed)
    }

    /// A tenant's hooks, or those that tell of one meeting.
    pub(crate) async fn hooks(&self, tenant: &Tenant, meeting_id: Option<String>) -> Result<Vec<Hook>, AskError> {
        let request = ListHooksRequest { tenant: tenant.host.to_string(), meeting_id };
        Ok(self.ask(request, async |mut client, request| client.list_hooks(request).await).await?.hooks)
    }

    /// Where a meeting is that the table does not know; `None` if it has no instance. The table knows it when this returns.
    pub(crate) async fn find(&self, meeting: Meeting<'_>) -> Result<Option<Arc<Instance>>, AskError> {
        let request = FindRequest { tenant: meeting.tenant.host.to_string(), key: meeting.key.as_bytes().to_vec() };
        let url = self.ask(request, async |mut client, request| client.find(request).await).await?.instance;
        if url.is_empty() {
            return Ok(None);
        }
        let instance = self.routes.instance(&url).await.ok_or(AskError::NoInstance)?;
        self.routes.learn(&meeting.tenant.host, meeting.key, &instance.url, None);
        Ok(Some(instance))
    }

    /// Where recordings of a tenant are that the table does not know: each instance that has some, and their ids. The rest does not exist.
    pub(crate) async fn locate(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
    ) -> Result<Vec<(Arc<Instance>, Vec<String>)>, AskError> {
        let request = LocateRequest { tenant: tenant.host.to_string(), ids };
        let answer = self.ask(request, async |mut client, request| client.locate(request).await).await?;
        let mut found = Vec::new();
        for recorded in answer.found {
            let instance = self.routes.instance(&recorded.instance).await.ok_or(AskError::Away)?;
            found.push((instance, recorded.ids));
        }
        Ok(found)
    }

    /// Asks one after the other until one answers. All calls are idempotent, so that none is asked in vain.
    async fn ask<Q: Clone, A, F>(&self, question: Q, call: impl Fn(Client, Q) -> F) -> Result<A, AskError>
    where
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let away = self.away();
        let quick = !away.is_over && away.at.is_some_and(|at| at.elapsed() < AWAY_TIME);
        let deadline = Instant::now() + if quick { QUICK_DEADLINE } else { ASK_DEADLINE };
        let all = self.all.load_full();
        let first = self.preferred.load(Ordering::Relaxed) % all.len();
        let mut contended = false;
        for (number, (url, client)) in all.iter().cycle().skip(first).take(ROUNDS_MAX * all.len()).enumerate() {
            if number >= all.len() && !contended {
                break;
            }
            let attempt = timeout(ATTEMPT_DEADLINE, call(client.clone(), question.clone()));
            match timeout_at(deadline, attempt).await {
                Ok(Ok(Ok(response))) => {
                    if !away.is_over {
                        self.note(Away { is_over: true, ..away });
                    }
                    return Ok(response.into_inner());
                }
                Ok(Ok(Err(status))) if is_decision(status.code()) => {
                    tracing::warn!(url, reason = status.message(), "the control plane placed a meeting nowhere");
                    return Err(match status.code() {
                        Code::FailedPrecondition => AskError::StillThere,
                        Code::NotFound => AskError::NoParent,
                        Code::PermissionDenied => AskError::Limited,
                        _ => AskError::NoInstance,
                    });
                }
                Ok(Ok(Err(status))) => {
                    contended |= status.code() == Code::Aborted;
                    tracing::debug!(url, %status, "a control plane does not answer");
                }
                Ok(Err(_)) => tracing::debug!(url, "a control plane takes too long"),
                Err(_) => break,
            }
        }
        if contended {
            return Err(AskError::Contended);
        }
        // Whoever waited for a moment only has not found out anything.
        if !quick {
            self.note_away();
        }
        Err(AskError::Away)
    }

    /// None of them answers.
    pub(crate) fn note_away(&self) {
        self.note(Away { at: Some(Instant::now()), is_over: false });
    }

    /// They may not know of everything that was placed, since none of them answered a while ago.
    pub(crate) fn may_lack_placements(&self) -> bool {
        self.away().at.is_some_and(|at| at.elapsed() < SETTLE_TIME)
    }

    fn away(&self) -> Away {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, away: Away) {
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    /// Remembers where a meeting was put without a control plane, so that the next call finds it; `left` is where it could not be put.
    pub(crate) fn remember(&self, meeting: Meeting<'_>, instance: &Instance, left: Option<&Instance>) {
        let left = left.map(|left| Arc::clone(&left.url));
        self.routes.learn(&meeting.tenant.host, meeting.key, &instance.url, left);
    }
}

/// Another control plane would answer the same.
fn is_decision(code: Code) -> bool {
    matches!(
        code,
        Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::PermissionDenied
            | Code::NotFound
            | Code::InvalidArgument
    )
}
