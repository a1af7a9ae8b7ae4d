//! A control plane as a program: on a port of its own, until it is dropped.

use b3lb_config::Settings;
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::placement_client::PlacementClient;
use bbb::Secret;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// How long a test waits for what should come at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const ADMIN_KEY: &str = "the admin key";
pub(crate) const PROXY_TOKEN: &str = "the proxy token";
pub(crate) const GLOBAL_SECRET: &str = "the global secret";

/// A control plane that runs.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    shutdown: DropGuard,
    run: JoinHandle<anyhow::Result<()>>,
}

/// Shows a key with every call.
#[derive(Clone)]
pub(crate) struct Shows(Option<AsciiMetadataValue>);

pub(crate) type Caller = InterceptedService<Channel, Shows>;

/// All keys are set, everything is embedded and in memory.
pub(crate) fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.admin.api_key = Some(Secret::new(ADMIN_KEY));
    settings.control_plane.proxy_token = Some(Secret::new(PROXY_TOKEN));
    settings.bigbluebutton.secret = Some(Secret::new(GLOBAL_SECRET));
    settings
}

impl Program {
    /// Starts one, and waits until it is ready.
    pub(crate) async fn start(settings: Settings) -> Self {
        let program = Self::launch(settings).await;
        program.ready().await;
        program
    }

    /// Starts one.
    pub(crate) async fn launch(settings: Settings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let run = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { b3lb_control_plane::run(&settings, listener, shutdown).await }
        });
        Self { address, shutdown: shutdown.drop_guard(), run }
    }

    /// Why one does not even start.
    pub(crate) async fn refused(settings: Settings) -> String {
        let program = Self::launch(settings).await;
        let ended = tokio::time::timeout(PATIENCE, program.run).await.expect("it runs");
        format!("{:#}", ended.unwrap().unwrap_err())
    }

    /// Tells it to end, and waits until it has.
    pub(crate) async fn end(self) {
        drop(self.shutdown);
        tokio::time::timeout(PATIENCE, self.run).await.expect("it does not end").unwrap().unwrap();
    }

    pub(crate) fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect_lazy()
    }

    /// A client of the Admin service that shows `authorization`.
    pub(crate) fn admin_as(&self, authorization: Option<&str>) -> AdminClient<Caller> {
        AdminClient::with_interceptor(self.channel(), Shows::new(authorization))
    }

    /// A client of the Placement service that shows `authorization`.
    pub(crate) fn placement_as(&self, authorization: Option<&str>) -> PlacementClient<Caller> {
        PlacementClient::with_interceptor(self.channel(), Shows::new(authorization))
    }

    pub(crate) fn admin(&self) -> AdminClient<Caller> {
        self.admin_as(Some(&format!("Bearer {ADMIN_KEY}")))
    }

    pub(crate) fn placement(&self) -> PlacementClient<Caller> {
        self.placement_as(Some(&format!("Bearer {PROXY_TOKEN}")))
    }

    /// What a GET is answered, as status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.address);
        let response = reqwest::get(url).await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// Waits until it is ready.
    pub(crate) async fn ready(&self) {
        let ready = async {
            while self.get("/readyz").await.0 != 200 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, ready).await.expect("it does not get ready");
    }
}

impl Shows {
    fn new(authorization: Option<&str>) -> Self {
        Self(authorization.map(|text| text.parse().unwrap()))
    }
}

impl Interceptor for Shows {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(text) = &self.0 {
            request.metadata_mut().insert("authorization", text.clone());
        }
        Ok(request)
    }
}
