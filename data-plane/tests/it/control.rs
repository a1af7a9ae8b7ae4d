//! A control plane that says what it is told to.

use b3lb_proto::v1::placement_server::{Placement, PlacementServer};
use b3lb_proto::v1::{self, Changes, InstanceRoute, Placed, TenantRoute, Update};
use b3lb_proto::v1::{
    AdmitRequest, AdmitResponse, CreateHookRequest, CreateHookResponse, DestroyHookRequest, DestroyHookResponse,
    FindRequest, FindResponse, ListHooksRequest, ListHooksResponse, LocateRequest, LocateResponse, PlaceRequest,
    PlaceResponse, ReportRequest, ReportResponse, WatchRequest,
};
use bbb::MeetingKey;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, TcpListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status};

/// The token that proxies must show.
pub(crate) const TOKEN: &str = "proxy-token";

/// A running control plane. It has threads of its own, so that it can die as a process does.
pub(crate) struct Control {
    address: SocketAddr,
    runtime: Option<Runtime>,
}

/// What a control plane knows and answers. All clones are one.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<State>>, broadcast::Sender<Update>);

pub(crate) type PlaceAnswer = Result<String, Status>;

struct State {
    revision: u64,
    /// Everything there is, as one step.
    all: Changes,
    place: Box<dyn FnMut(&PlaceRequest) -> PlaceAnswer + Send>,
    voice_bridge: u32,
    find: Result<Option<String>, Status>,
    places: Vec<PlaceRequest>,
    finds: Vec<FindRequest>,
    locate: Result<Vec<v1::Recorded>, Status>,
    locates: Vec<LocateRequest>,
    admits: Vec<AdmitRequest>,
    hooks: Vec<CreateHookRequest>,
    admit: Result<(), Status>,
    reports: Vec<v1::event::Event>,
    report: Result<(), Status>,
    weights: Vec<u32>,
    watches: Vec<WatchRequest>,
}

impl Control {
    pub(crate) fn start(script: &Script) -> Self {
        Self::on("127.0.0.1:0".parse().unwrap(), script)
    }

    pub(crate) fn on(address: SocketAddr, script: &Script) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = PlacementServer::with_interceptor(script.clone(), |request: Request<()>| {
            match request.metadata().get("authorization") {
                Some(value) if value == &format!("Bearer {TOKEN}") => Ok(request),
                _ => Err(Status::unauthenticated("no")),
            }
        });
        runtime.spawn(async move {
            let incoming = TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
            Server::builder().add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, runtime: Some(runtime) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Dies without a word.
    pub(crate) fn kill(mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An open, online instance that is signed to with sha256.
pub(crate) fn route(url: &str, secret: &str) -> InstanceRoute {
    InstanceRoute {
        url: url.to_owned(),
        secret: secret.to_owned(),
        checksum: v1::ChecksumAlgorithm::Sha256.into(),
        admission: v1::Admission::Open.into(),
        online: true,
        ..InstanceRoute::default()
    }
}

pub(crate) fn tenant(host: &str, secrets: &[&str]) -> TenantRoute {
    let secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    TenantRoute { host: host.to_owned(), secrets, ..TenantRoute::default() }
}

pub(crate) fn placed(tenant: &str, instance: &str, ids: &[&str]) -> Placed {
    let keys = ids.iter().flat_map(|id| *MeetingKey::of(id.as_bytes()).as_bytes()).collect();
    Placed { tenant: tenant.to_owned(), instance: instance.to_owned(), keys }
}

impl Script {
    pub(crate) fn new(all: Changes) -> Self {
        let state = State {
            revision: 1,
            all,
            place: Box::new(|_| Err(Status::resource_exhausted("no instance"))),
            voice_bridge: 0,
            find: Ok(None),
            places: Vec::new(),
            finds: Vec::new(),
            locate: Ok(Vec::new()),
            locates: Vec::new(),
            admits: Vec::new(),
            hooks: Vec::new(),
            admit: Ok(()),
            reports: Vec::new(),
            report: Ok(()),
            weights: Vec::new(),
            watches: Vec::new(),
        };
        Self(Arc::new(Mutex::new(state)), broadcast::Sender::new(16))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Decides where meetings go.
    pub(crate) fn on_place(&self, place: impl FnMut(&PlaceRequest) -> PlaceAnswer + Send + 'static) {
        self.state().place = Box::new(place);
    }

    /// Gives this number to every meeting that is placed.
    pub(crate) fn give_number(&self, voice_bridge: u32) {
        self.state().voice_bridge = voice_bridge;
    }

    /// Says where a meeting is that is asked for.
    pub(crate) fn on_find(&self, find: Result<Option<String>, Status>) {
        self.state().find = find;
    }

    /// Says where recordings are that are asked for.
    pub(crate) fn on_locate(&self, locate: Result<Vec<v1::Recorded>, Status>) {
        self.state().locate = locate;
    }

    /// Says how much each instance should get, by url.
    pub(crate) fn weigh(&self, weights: &[u32]) {
        self.state().weights = weights.to_vec();
    }

    /// Answers reports.
    pub(crate) fn on_report(&self, answer: Result<(), Status>) {
        self.state().report = answer;
    }

    /// The recordings that were asked for.
    pub(crate) fn locates(&self) -> Vec<LocateRequest> {
        self.state().locates.clone()
    }

    /// Makes one step, of which proxies are told, and knows it itself from now on.
    pub(crate) fn step(&self, changes: Changes) {
        let mut state = self.state();
        let base = revision(state.revision);
        state.revision += 1;
        state.all.instances.extend(changes.instances.clone());
        state.all.tenants.extend(changes.tenants.clone());
        state.all.placed.extend(changes.placed.clone());
        state.all.recorded.extend(changes.recorded.clone());
        let update = Update {
            epoch: epoch(),
            base,
            revision: revision(state.revision),
            last: true,
            changes: Some(changes),
            weights: Vec::new(),
        };
        // Nobody may be watching.
        let _ = self.1.send(update);
    }

    /// Sends something that no proxy can apply.
    pub(crate) fn skip_a_step(&self) {
        let base = revision(self.state().revision + 1);
        let _ = self.1.send(Update {
            epoch: epoch(),
            revision: base.clone(),
            base,
            last: true,
            changes: None,
            weights: Vec::new(),
        });
    }

    pub(crate) fn places(&self) -> Vec<PlaceRequest> {
        self.state().places.clone()
    }

    pub(crate) fn on_admit(&self, answer: Result<(), Status>) {
        self.state().admit = answer;
    }

    pub(crate) fn hooks(&self) -> Vec<CreateHookRequest> {
        self.state().hooks.clone()
    }

    pub(crate) fn admits(&self) -> usize {
        self.state().admits.len()
    }

    pub(crate) fn finds(&self) -> usize {
        self.state().finds.len()
    }

    pub(crate) fn reports(&self) -> Vec<v1::event::Event> {
        self.state().reports.clone()
    }

    pub(crate) fn watches(&self) -> Vec<WatchRequest> {
        self.state().watches.clone()
    }
}

fn epoch() -> String {
    "epoch".to_owned()
}

fn revision(number: u64) -> String {
    format!("0-{number}")
}

#[tonic::async_trait]
impl Placement for Script {
    type WatchStream = BoxStream<'static, Result<Update, Status>>;

    async fn watch(&self, request: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        let steps = BroadcastStream::new(self.1.subscribe());
        let now = revision(state.revision);
        let known = request.epoch == epoch() && request.revision == now;
        let (base, changes) =
            if known { (now.clone(), Changes::default()) } else { (String::new(), state.all.clone()) };
        let weights = state.weights.clone();
        let first = Update { epoch: epoch(), base, revision: now, last: true, changes: Some(changes), weights };
        state.watches.push(request);
        let steps = steps.map(|step| step.map_err(|error| Status::data_loss(error.to_string())));
        Ok(Response::new(futures::stream::iter([Ok(first)]).chain(steps).boxed()))
    }

    async fn place(&self, request: Request<PlaceRequest>) -> Result<Response<PlaceResponse>, Status> {
        let request = request.into_inner();
        let mut state = self.state();
        let instance = (state.place)(&request);
        state.places.push(request);
        let voice_bridge = state.voice_bridge;
        Ok(Response::new(PlaceResponse { instance: instance?, voice_bridge, existing: false }))
    }

    async fn find(&self, request: Request<FindRequest>) -> Result<Response<FindResponse>, Status> {
        let mut state = self.state();
        state.finds.push(request.into_inner());
        let instance = state.find.clone()?.unwrap_or_default();
        Ok(Response::new(FindResponse { instance }))
    }

    async fn locate(&self, request: Request<LocateRequest>) -> Result<Response<LocateResponse>, Status> {
        let mut state = self.state();
        state.locates.push(request.into_inner());
        Ok(Response::new(LocateResponse { found: state.locate.clone()? }))
    }

    async fn admit(&self, request: Request<AdmitRequest>) -> Result<Response<AdmitResponse>, Status> {
        let mut state = self.state();
        state.admits.push(request.into_inner());
        state.admit.clone()?;
        Ok(Response::new(AdmitResponse {}))
    }

    async fn create_hook(&self, request: Request<CreateHookRequest>) -> Result<Response<CreateHookResponse>, Status> {
        let mut state = self.state();
        let request = request.into_inner();
        let existing = state.hooks.iter().any(|known| known.hook == request.hook);
        state.hooks.push(request);
        Ok(Response::new(CreateHookResponse { id: 7, existing }))
    }

    async fn destroy_hook(
        &self,
        request: Request<DestroyHookRequest>,
    ) -> Result<Response<DestroyHookResponse>, Status> {
        Ok(Response::new(DestroyHookResponse { removed: request.into_inner().id == 7 }))
    }

    async fn list_hooks(&self, _: Request<ListHooksRequest>) -> Result<Response<ListHooksResponse>, Status> {
        let hooks = self.state().hooks.iter().filter_map(|request| request.hook.clone()).collect();
        Ok(Response::new(ListHooksResponse { hooks }))
    }

    async fn report(&self, request: Request<ReportRequest>) -> Result<Response<ReportResponse>, Status> {
        let events = request.into_inner().events.into_iter().filter_map(|event| event.event);
        let mut state = self.state();
        state.report.clone()?;
        state.reports.extend(events);
        Ok(Response::new(ReportResponse {}))
    }
}
