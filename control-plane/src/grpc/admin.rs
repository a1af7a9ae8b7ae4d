//! The service of operators: parse, ask, convert.
//!
//! - [`instances`], [`tenants`]: what each verb changes, derived from the state;
//! - [`commit`]: how it is changed;
//! - [`drain`]: waiting for an instance to be empty;
//! - [`end`]: ending a meeting;
//! - [`import`]: what is taken over from another load balancer;
//! - [`meetings`], [`recordings`] in [`page`]s, [`status`], [`explain`]: what there is to see;
//! - [`rest`]: the verbs as `/admin/api` needs them;
//! - [`field`]: checks of what requests say.

mod commit;
mod drain;
mod end;
mod explain;
mod field;
mod import;
mod instances;
mod meetings;
mod page;
mod parameters;
mod recordings;
mod rest;
mod status;
mod tenants;

pub(crate) use commit::Operator;
pub(crate) use rest::{forget_tenant, known_tenant, replace_instances, upsert_tenant};
pub(crate) use status::pool as pool_status;

use super::Calls;
use crate::clock;
use crate::state::{Admission, State};
use b3lb_proto::v1::admin_server::Admin;
use b3lb_proto::v1::{self, PoolStatus};
use commit::{Plan, commit, commit_pool};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::HashMap;
use tonic::{Request, Response, Status};

/// Recordings of an import that are written in one step, which keeps Redis busy for a few milliseconds.
const RECORDINGS_TOGETHER: usize = 500;

/// Meetings of an import that are written in one step: more than run in the largest pools. Redis is busy for some ten milliseconds, and
/// gives up on what takes a second.
const MEETINGS_TOGETHER: usize = 5000;

type Answer<T> = Result<Response<T>, Status>;

/// The calls of operators.
pub(super) struct AdminCalls(pub(super) Calls);

#[tonic::async_trait]
impl Admin for AdminCalls {
    async fn list_instances(&self, request: Request<v1::ListInstancesRequest>) -> Answer<v1::ListInstancesResponse> {
        let state = self.state();
        let meetings = meetings_by(&state, |_, instance| instance);
        let message = |instance: &crate::state::Instance| {
            let count = meetings.get(&*instance.url).copied().unwrap_or_default();
            instances::message(instance, count, request.get_ref().with_secrets)
        };
        let instances = state.instances.values().map(|instance| message(instance)).collect();
        Ok(Response::new(v1::ListInstancesResponse { instances }))
    }

    async fn get_instance(&self, request: Request<v1::GetInstanceRequest>) -> Answer<v1::Instance> {
        let request = request.into_inner();
        self.instance(&field::url("url", &request.url)?, request.with_secrets)
    }

    async fn put_instances(&self, request: Request<v1::PutInstancesRequest>) -> Answer<v1::PutInstancesResponse> {
        let operator = operator(&request);
        let request = request.into_inner();
        let plan = |state: &State| instances::put(state, &request.instances, request.force);
        let answer = match request.dry_run {
            true => plan(&self.state())?.answer,
            false => commit_pool(&self.0.store, operator, plan).await?,
        };
        Ok(Response::new(answer))
    }

    async fn add_instance(&self, request: Request<v1::AddInstanceRequest>) -> Answer<v1::Instance> {
        let operator = operator(&request);
        let instance = request.into_inner().instance.ok_or_else(|| Status::invalid_argument("instance is missing"))?;
        let url = self.commit(operator, |state| instances::add(state, &instance)).await?;
        self.instance(&url, false)
    }

    async fn remove_instance(&self, request: Request<v1::RemoveInstanceRequest>) -> Answer<v1::RemoveInstanceResponse> {
        let operator = operator(&request);
        let request = request.into_inner();
        let url = field::url("url", &request.url)?;
        self.commit(operator, |state| instances::remove(state, &url, request.force)).await?;
        Ok(Response::new(v1::RemoveInstanceResponse {}))
    }

    async fn cordon_instance(&self, request: Request<v1::CordonInstanceRequest>) -> Answer<v1::Instance> {
        self.admit(operator(&request), &request.into_inner().url, Admission::Cordoned).await
    }

    async fn uncordon_instance(&self, request: Request<v1::UncordonInstanceRequest>) -> Answer<v1::Instance> {
        self.admit(operator(&request), &request.into_inner().url, Admission::Open).await
    }

    async fn disable_instance(&self, request: Request<v1::DisableInstanceRequest>) -> Answer<v1::Instance> {
        self.admit(operator(&request), &request.into_inner().url, Admission::Disabled).await
    }

    type DrainInstanceStream = BoxStream<'static, Result<v1::DrainProgress, Status>>;

    async fn drain_instance(&self, request: Request<v1::DrainInstanceRequest>) -> Answer<Self::DrainInstanceStream> {
        let operator = operator(&request);
        let url = field::url("url", &request.into_inner().url)?;
        self.commit(operator, |state| instances::close(state, &url)).await?;
        Ok(Response::new(drain::progress(self.0.clone(), url.into()).boxed()))
    }

    async fn list_tenants(&self, request: Request<v1::ListTenantsRequest>) -> Answer<v1::ListTenantsResponse> {
        let state = self.state();
        let meetings = meetings_by(&state, |tenant, _| tenant);
        let message = |tenant: &crate::state::Tenant| {
            let count = meetings.get(&*tenant.host).copied().unwrap_or_default();
            tenants::message(tenant, count, request.get_ref().with_secrets)
        };
        let tenants = state.tenants.values().map(|tenant| message(tenant)).collect();
        Ok(Response::new(v1::ListTenantsResponse { tenants }))
    }

    async fn get_tenant(&self, request: Request<v1::GetTenantRequest>) -> Answer<v1::Tenant> {
        let request = request.into_inner();
        self.tenant(&field::host("host", &request.host)?, request.with_secrets)
    }

    async fn put_tenant(&self, request: Request<v1::PutTenantRequest>) -> Answer<v1::Tenant> {
        let operator = operator(&request);
        let v1::PutTenantRequest { tenant, dry_run } = request.into_inner();
        let tenant = tenant.ok_or_else(|| Status::invalid_argument("tenant is missing"))?;
        let view = self.0.view();
        if dry_run {
            let mut state = self.state();
            let plan = tenants::put(&state, &tenant, &view)?;
            for change in plan.changes {
                state.apply(change);
            }
            return tenant_in(&state, &plan.answer, false);
        }
        let host = self.commit(operator, |state| tenants::put(state, &tenant, &view)).await?;
        self.tenant(&host, false)
    }

    async fn delete_tenant(&self, request: Request<v1::DeleteTenantRequest>) -> Answer<v1::DeleteTenantResponse> {
        let operator = operator(&request);
        let host = field::host("host", &request.into_inner().host)?;
        self.commit(operator, |state| tenants::delete(state, &host)).await?;
        Ok(Response::new(v1::DeleteTenantResponse {}))
    }

    async fn list_meetings(&self, request: Request<v1::ListMeetingsRequest>) -> Answer<v1::ListMeetingsResponse> {
        meetings::page(&self.state(), request.get_ref(), |meeting| self.0.placer.users_of(meeting)).map(Response::new)
    }

    async fn end_meeting(&self, request: Request<v1::EndMeetingRequest>) -> Answer<v1::EndMeetingResponse> {
        end::end(&self.0, operator(&request), request.get_ref()).await.map(Response::new)
    }

    async fn list_recordings(&self, request: Request<v1::ListRecordingsRequest>) -> Answer<v1::ListRecordingsResponse> {
        recordings::page(&self.state(), request.get_ref()).map(Response::new)
    }

    async fn import(&self, request: Request<v1::ImportRequest>) -> Answer<v1::ImportResponse> {
        let operator = operator(&request);
        let mut request = request.into_inner();
        let evidence = import::gather(&self.0, &request).await;
        let view = self.0.view();
        if request.dry_run {
            return Ok(Response::new(import::plan(&self.state(), &request, &evidence, &view, clock::now()).answer));
        }
        // Meetings must not be reachable without their tenants, and the pool not without the meetings that run. Nothing depends on all
        // of the others and all recordings being known at once.
        let recordings = std::mem::take(&mut request.recordings);
        if request.meetings.len() > MEETINGS_TOGETHER {
            request.meetings.sort_by_key(|meeting| !import::is_listed(meeting, &evidence));
        }
        let later = request.meetings.split_off(request.meetings.len().min(MEETINGS_TOGETHER));
        let plan = |state: &State| Ok(import::plan(state, &request, &evidence, &view, clock::now()));
        let mut answer = self.commit(operator, plan).await?;
        let later = later.chunks(MEETINGS_TOGETHER);
        let later = later.map(|some| v1::ImportRequest { meetings: some.to_vec(), ..v1::ImportRequest::default() });
        let recordings = recordings.chunks(RECORDINGS_TOGETHER);
        let recordings =
            recordings.map(|some| v1::ImportRequest { recordings: some.to_vec(), ..v1::ImportRequest::default() });
        for request in later.chain(recordings) {
            let plan = |state: &State| Ok(import::plan(state, &request, &evidence, &view, clock::now()));
            answer.items.extend(self.commit(operator, plan).await?.items);
        }
        Ok(Response::new(answer))
    }

    async fn get_configuration(
        &self,
        request: Request<v1::GetConfigurationRequest>,
    ) -> Answer<v1::GetConfigurationResponse> {
        let settings = self.0.settings.now();
        let yaml = b3lb_config::shown::yaml(&settings, request.get_ref().with_secrets);
        let file = self.0.settings.file().map(|file| file.display().to_string()).unwrap_or_default();
        Ok(Response::new(v1::GetConfigurationResponse { yaml, file }))
    }

    async fn status(&self, _request: Request<v1::StatusRequest>) -> Answer<PoolStatus> {
        Ok(Response::new(status::pool(&self.0)))
    }

    type WatchStatusStream = BoxStream<'static, Result<PoolStatus, Status>>;

    async fn watch_status(&self, _request: Request<v1::StatusRequest>) -> Answer<Self::WatchStatusStream> {
        Ok(Response::new(status::follow(self.0.clone()).boxed()))
    }

    async fn explain(&self, request: Request<v1::ExplainRequest>) -> Answer<v1::ExplainResponse> {
        explain::explain(&self.0.placer, request.get_ref()).map(Response::new)
    }

    async fn list_placements(
        &self,
        request: Request<v1::ListPlacementsRequest>,
    ) -> Result<Response<v1::ListPlacementsResponse>, Status> {
        explain::recent(&self.0.placer, request.get_ref()).map(Response::new)
    }
}

impl AdminCalls {
    fn state(&self) -> State {
        self.0.store.replica().state()
    }

    async fn commit<A>(
        &self,
        operator: Operator,
        plan: impl Fn(&State) -> Result<Plan<A>, Status> + Send,
    ) -> Result<A, Status> {
        commit(&self.0.store, operator, plan).await
    }

    async fn admit(&self, operator: Operator, url: &str, admission: Admission) -> Answer<v1::Instance> {
        let url = field::url("url", url)?;
        self.commit(operator, |state| instances::admit(state, &url, admission)).await?;
        self.instance(&url, false)
    }

    fn instance(&self, url: &str, with_secrets: bool) -> Answer<v1::Instance> {
        let state = self.state();
        let meetings = state.placements.values().filter(|placement| &*placement.instance == url).count();
        let instance = instances::find(&state, url)?;
        Ok(Response::new(instances::message(instance, meetings as u64, with_secrets)))
    }

    fn tenant(&self, host: &str, with_secrets: bool) -> Answer<v1::Tenant> {
        tenant_in(&self.state(), host, with_secrets)
    }
}

fn tenant_in(state: &State, host: &str, with_secrets: bool) -> Answer<v1::Tenant> {
    let meetings = state.placements.keys().filter(|meeting| &*meeting.tenant == host).count();
    let tenant = tenants::find(state, host)?;
    Ok(Response::new(tenants::message(tenant, meetings as u64, with_secrets)))
}

/// Who called.
fn operator<T>(request: &Request<T>) -> Operator {
    Operator { peer: request.remote_addr() }
}

/// Counts the placements by what `group` takes of their tenant and instance.
fn meetings_by<'a>(state: &'a State, group: impl Fn(&'a str, &'a str) -> &'a str) -> HashMap<&'a str, u64> {
    let mut counts = HashMap::new();
    for (meeting, placement) in &state.placements {
        *counts.entry(group(&meeting.tenant, &placement.instance)).or_default() += 1;
    }
    counts
}
