//! Control planes and proxies, each with a runtime of its own, so that one can be killed with everything it is doing.

use super::{ADMIN_KEY, SECRET};
use b3lb_config::Settings;
use b3lb_data_plane::Listeners;
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{ListMeetingsRequest, PoolStatus, StatusRequest};
use b3lb_sim::Frontend;
use bbb::Secret;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Threads of a proxy: the smallest number that shows whether they agree.
const WORKERS: usize = 2;

/// A control plane that can be killed and started again.
pub(crate) struct ControlPlane {
    pub(crate) address: SocketAddr,
    settings: Settings,
    runtime: Option<Runtime>,
}

/// A proxy, and a frontend that calls it.
pub(crate) struct Proxy {
    pub(crate) frontend: Frontend,
    /// Where its metrics are.
    pub(crate) admin: SocketAddr,
    runtime: Option<Runtime>,
}

/// Shows the admin key.
#[derive(Clone)]
pub(crate) struct Key(MetadataValue<Ascii>);

pub(crate) type Admin = AdminClient<InterceptedService<Channel, Key>>;

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl ControlPlane {
    /// Starts one that listens at `address`.
    pub(crate) fn start(address: SocketAddr, settings: Settings) -> Self {
        let runtime = Some(spawn(control_plane(address, settings.clone())));
        Self { address, settings, runtime }
    }

    /// Ends it in the middle of whatever it does, as `kill -9` would: its connections are closed, and nobody is told.
    pub(crate) fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts it again after [`ControlPlane::kill`].
    pub(crate) fn start_again(&mut self) {
        self.runtime = Some(spawn(control_plane(self.address, self.settings.clone())));
    }

    pub(crate) async fn admin(&self) -> Result<Admin, Status> {
        let channel = Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await;
        let channel = channel.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(AdminClient::with_interceptor(channel, Key(format!("Bearer {ADMIN_KEY}").parse().unwrap())))
    }

    pub(crate) async fn status(&self) -> Result<PoolStatus, Status> {
        Ok(self.admin().await?.status(StatusRequest {}).await?.into_inner())
    }

    /// The instance of each meetingID, as this control plane knows it.
    pub(crate) async fn meetings(&self) -> Result<BTreeMap<String, String>, Status> {
        let mut admin = self.admin().await?;
        let mut meetings = BTreeMap::new();
        let mut request = ListMeetingsRequest::default();
        loop {
            let page = admin.list_meetings(request.clone()).await?.into_inner();
            meetings.extend(page.meetings.into_iter().map(|meeting| (meeting.meeting_id, meeting.instance)));
            if page.next_page_token.is_empty() {
                return Ok(meetings);
            }
            request.page_token = page.next_page_token;
        }
    }
}

impl Proxy {
    /// Starts one on free ports.
    pub(crate) fn start(settings: &Settings) -> Self {
        let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listeners = Listeners::bind_to(local, local, WORKERS).unwrap();
        let url = format!("http://{}/bigbluebutton", listeners.public_addr());
        let admin = listeners.admin_addr();
        let frontend = Frontend::new(&url, Secret::new(SECRET)).unwrap();
        let mut settings = settings.clone();
        // The hosts that frontends call here are no names that an instance could look up.
        settings.data_plane.public_url = format!("http://{}", listeners.public_addr()).parse().ok();
        let proxy = async move { b3lb_data_plane::run(&settings, listeners, CancellationToken::new()).await };
        Self { frontend, admin, runtime: Some(spawn(proxy)) }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn spawn(program: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(async {
        if let Err(error) = program.await {
            // The test fails by what does not happen then; this says why.
            eprintln!("a program ended: {error:#}");
        }
    });
    runtime
}

async fn control_plane(address: SocketAddr, settings: Settings) -> anyhow::Result<()> {
    b3lb_control_plane::run(&settings, free(address).await, CancellationToken::new()).await
}

/// Listens at an address, once whoever was killed there has let go of it.
async fn free(address: SocketAddr) -> TcpListener {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}
