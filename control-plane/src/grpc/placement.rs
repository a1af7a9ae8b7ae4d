//! The service of the proxies: parse, ask, convert.

use super::Calls;
use super::convert::meeting_key;
use super::hooks;
use super::watch::Follower;
use crate::meters::Outcome;
use crate::placer::{Decision, PlaceError, Reported, Wish};
use crate::policy::expectation::Hint;
use crate::state::{Meeting, Reason, Revision};
use b3lb_proto::v1::Recorded;
use b3lb_proto::v1::event::Event;
use b3lb_proto::v1::placement_server::Placement;
use b3lb_proto::v1::{
    AdmitRequest, AdmitResponse, AloneEvent, CreateHookRequest, CreateHookResponse, DestroyHookRequest,
    DestroyHookResponse, FindRequest, FindResponse, ListHooksRequest, ListHooksResponse, LocateRequest, LocateResponse,
    PlaceRequest, PlaceResponse, ReportRequest, ReportResponse, Update, WatchRequest,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status};
use tracing::Span;

/// Characters of a meetingID that are kept for people: as many as BigBlueButton takes.
const MEETING_ID_MAX: usize = 255;

/// Placements of one report that are written at a time.
const WRITES_MAX: usize = 16;

/// The calls of proxies.
pub(super) struct PlacementCalls(pub(super) Calls);

#[tonic::async_trait]
impl Placement for PlacementCalls {
    type WatchStream = BoxStream<'static, Result<Update, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let peer = request.remote_addr();
        let request = request.into_inner();
        let known = known(&request)?;
        tracing::info!(proxy = ?request.proxy, ?peer, knows = request.revision, "a proxy watches");
        Ok(Response::new(Follower::new(&self.0, known).updates().boxed()))
    }

    async fn place(&self, request: Request<PlaceRequest>) -> Result<Response<PlaceResponse>, Status> {
        let begin = Instant::now();
        let placed = self.decide(request.into_inner()).await;
        let outcome = outcome(&placed);
        self.0.meters.placed(outcome, begin.elapsed());
        let span = Span::current();
        span.record("b3lb.outcome", outcome.label());
        span.record("b3lb.instance", placed.as_ref().ok().map(|decision| &*decision.instance));
        let Decision { instance, existing, voice_bridge } = placed?;
        let (instance, voice_bridge) = (instance.to_string(), voice_bridge.unwrap_or_default());
        Ok(Response::new(PlaceResponse { instance, existing, voice_bridge }))
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let request = request.into_inner();
        let meeting = meeting(&request.tenant, &request.key)?;
        Span::current().record("b3lb.tenant", &*meeting.tenant);
        let placement = match self.0.store.replica().state().placements.get(&meeting) {
            Some(placement) => Some(Arc::clone(placement)),
            None => match self.0.store.find(&meeting).await? {
                Some(placement) => Some(Arc::new(placement)),
                None => self.0.placer.take_unclaimed(&meeting).await?,
            },
        };
        let instance = placement.map(|placement| placement.instance.clone()).or_else(|| self.0.placer.room(&meeting));
        Span::current().record("b3lb.instance", instance.as_deref());
        let instance = instance.map(|url| url.to_string()).unwrap_or_default();
        Ok(Response::new(FindResponse { instance }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        let LocateRequest { tenant, ids } = request.into_inner();
        let found = self.0.locator.locate(&tenant, &ids).await?;
        Ok(Response::new(LocateResponse { found: recorded(found) }))
    }

    async fn create_hook(&self, request: Request<CreateHookRequest>) -> Result<Response<CreateHookResponse>, Status> {
        let (id, existing) = self.0.hooks.create(hooks::wish(request.into_inner())?).await?;
        Ok(Response::new(CreateHookResponse { id, existing }))
    }

    async fn destroy_hook(
        &self,
        request: Request<DestroyHookRequest>,
    ) -> Result<Response<DestroyHookResponse>, Status> {
        let DestroyHookRequest { tenant, id } = request.into_inner();
        let removed = self.0.hooks.destroy(&tenant, id).await?;
        Ok(Response::new(DestroyHookResponse { removed }))
    }

    async fn list_hooks(&self, request: Request<ListHooksRequest>) -> Result<Response<ListHooksResponse>, Status> {
        let ListHooksRequest { tenant, meeting_id } = request.into_inner();
        let found = self.0.hooks.list(&tenant, meeting_id.as_deref());
        Ok(Response::new(ListHooksResponse { hooks: found.iter().map(|hook| hooks::message(hook)).collect() }))
    }

    async fn admit(&self, request: Request<AdmitRequest>) -> Result<Response<AdmitResponse>, Status> {
        let request = request.into_inner();
        let host: Arc<str> = meeting(&request.tenant, &request.key)?.tenant;
        let admitted = self.0.placer.admit(&host).await;
        self.0.meters.admitted(admitted.is_ok());
        if let Err(PlaceError::UserPool(..)) = &admitted {
            self.0.meters.limit_hit(&host, "user_pool");
        }
        admitted?;
        Ok(Response::new(AdmitResponse {}))
    }

    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let mut alone = Vec::new();
        for event in request.into_inner().events.into_iter().filter_map(|event| event.event) {
            match event {
                Event::Created(created) => self.0.placer.created(&meeting(&created.tenant, &created.key)?),
                Event::Ended(ended) => self.0.placer.ended(&meeting(&ended.tenant, &ended.key)?),
                Event::Unreachable(instance) => self.0.placer.unreachable(&instance),
                Event::Deleted(deleted) => self.0.locator.forget(&deleted.tenant, &deleted.ids).await?,
                Event::PlacedAlone(event) => alone.push(event),
                Event::Refused(refused) => self.0.placer.refused(&meeting(&refused.tenant, &refused.key)?),
            }
        }
        let writes = alone.into_iter().map(|event| self.placed_alone(event));
        futures::stream::iter(writes).buffer_unordered(WRITES_MAX).try_collect::<()>().await?;
        Ok(Response::new(ReportResponse {}))
    }
}

impl PlacementCalls {
    async fn placed_alone(&self, alone: AloneEvent) -> Result<(), Status> {
        let AloneEvent { tenant, key, instance, meeting_id, age_ms } = alone;
        let (meeting, meeting_id) = (meeting(&tenant, &key)?, readable(&meeting_id));
        let reported = self.0.placer.placed_alone(&meeting, &meeting_id, instance.as_str().into(), age_ms).await?;
        match &reported {
            Reported::Known => tracing::info!(%tenant, ?meeting_id, instance, "placed by a proxy alone"),
            Reported::Double(other) => {
                tracing::warn!(%tenant, ?meeting_id, instance, %other, "a proxy alone placed a meeting that is elsewhere too");
            }
            Reported::Gone => {
                tracing::warn!(%tenant, ?meeting_id, instance, "placed by a proxy alone, where it cannot be")
            }
        }
        self.0.meters.placed_alone(matches!(reported, Reported::Double(_)));
        if reported == Reported::Known {
            self.0.meters.placed_on(&instance.as_str().into(), Reason::Alone.name());
        }
        Ok(())
    }

    /// Counts a decision by instance and reason, and a refusal by the limit that was hit.
    fn count(&self, meeting: &Meeting, placed: &Result<Decision, PlaceError>) {
        match placed {
            Ok(Decision { instance, existing: false, .. }) => {
                let state = self.0.store.replica().state();
                // It may be gone again by now; then nobody knows why it was there.
                if let Some(placement) = state.placements.get(meeting) {
                    self.0.meters.placed_on(instance, placement.reason.name());
                }
            }
            Err(PlaceError::MeetingPool(tenant, _)) => self.0.meters.limit_hit(tenant, "meeting_pool"),
            _ => {}
        }
    }

    async fn decide(&self, request: PlaceRequest) -> Result<Decision, Status> {
        let wish = Wish {
            meeting: meeting(&request.tenant, &request.key)?,
            meeting_id: readable(&request.meeting_id),
            exclude: request.exclude,
            parent: (!request.parent.is_empty()).then(|| meeting_key(&request.parent)).transpose()?,
            hint: Hint {
                users: (request.expected_users > 0).then_some(request.expected_users),
                limit: (request.max_participants > 0).then_some(request.max_participants),
            },
        };
        Span::current().record("b3lb.tenant", &*wish.meeting.tenant);
        let placed = self.0.placer.place(&wish).await;
        self.count(&wish.meeting, &placed);
        let Wish { meeting, meeting_id, exclude, .. } = wish;
        match &placed {
            Ok(Decision { instance, existing: false, .. }) => {
                tracing::info!(tenant = %meeting.tenant, ?meeting_id, key = %meeting.key, %instance, "placed");
            }
            Ok(Decision { instance, existing: true, .. }) => {
                tracing::debug!(tenant = %meeting.tenant, key = %meeting.key, %instance, "has an instance");
            }
            Err(error) => {
                tracing::warn!(tenant = %meeting.tenant, ?meeting_id, key = %meeting.key, ?exclude, "not placed: {error}");
            }
        }
        Ok(placed?)
    }
}

fn outcome(placed: &Result<Decision, Status>) -> Outcome {
    match placed {
        Ok(Decision { existing: false, .. }) => Outcome::Placed,
        Ok(Decision { existing: true, .. }) => Outcome::Existing,
        Err(status) => match status.code() {
            Code::ResourceExhausted => Outcome::NoInstance,
            Code::PermissionDenied => Outcome::Limited,
            Code::Unavailable | Code::Aborted => Outcome::Unavailable,
            _ => Outcome::Refused,
        },
    }
}

/// The state that the proxy says it has applied.
fn known(request: &WatchRequest) -> Result<Option<(&str, Revision)>, Status> {
    if request.revision.is_empty() {
        return Ok(None);
    }
    let revision = request.revision.parse();
    let revision = revision.map_err(|error| Status::invalid_argument(format!("revision: {error}")))?;
    Ok(Some((&request.epoch, revision)))
}

fn meeting(tenant: &str, key: &[u8]) -> Result<Meeting, Status> {
    if tenant.is_empty() {
        return Err(Status::invalid_argument("tenant is empty; it is the host of a tenant as Watch tells it"));
    }
    Ok(Meeting { key: meeting_key(key)?, tenant: tenant.into() })
}

/// Recordings by instance, of which each is named once.
fn recorded(found: HashMap<String, Arc<str>>) -> Vec<Recorded> {
    let mut by_instance: BTreeMap<Arc<str>, Vec<String>> = BTreeMap::new();
    for (id, instance) in found {
        by_instance.entry(instance).or_default().push(id);
    }
    let recorded =
        |(instance, ids): (Arc<str>, _)| Recorded { tenant: String::new(), instance: instance.to_string(), ids };
    by_instance.into_iter().map(recorded).collect()
}

/// As much of a meetingID as people read.
fn readable(meeting_id: &str) -> Box<str> {
    meeting_id.chars().take(MEETING_ID_MAX).collect()
}
