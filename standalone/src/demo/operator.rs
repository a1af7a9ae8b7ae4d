//! What an operator does: calls to the control plane, and the same calls as lines for grpcurl.

use anyhow::{Context, Result};
use b3lb_proto::v1::admin_client::AdminClient;
use b3lb_proto::v1::{
    AddInstanceRequest, CordonInstanceRequest, ExplainRequest, ExplainResponse, Instance, PoolStatus, StatusRequest,
    UncordonInstanceRequest,
};
use bbb::Secret;
use std::net::SocketAddr;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};

/// Somebody with the admin key.
#[derive(Debug, Clone)]
pub(crate) struct Operator {
    address: SocketAddr,
    bearer: MetadataValue<Ascii>,
    client: AdminClient<Channel>,
}

impl Operator {
    /// Connects with the first call.
    pub(crate) fn new(address: SocketAddr, key: &Secret) -> Result<Self> {
        let bearer = format!("Bearer {}", key.reveal()).parse().context("the admin key fits no header")?;
        let client = AdminClient::new(Endpoint::from_shared(format!("http://{address}"))?.connect_lazy());
        Ok(Self { address, bearer, client })
    }

    /// A line to paste into a shell.
    pub(crate) fn grpcurl(&self, method: &str, request: &str) -> String {
        let bearer = self.bearer.to_str().unwrap_or_default();
        let data = if request.is_empty() { String::new() } else { format!(" -d '{request}'") };
        format!("grpcurl -plaintext -H 'authorization: {bearer}'{data} {} b3lb.v1.Admin/{method}", self.address)
    }

    pub(crate) async fn add(&self, url: String, secret: &Secret) -> Result<()> {
        let instance = Instance { url, secret: secret.reveal().to_owned(), ..Instance::default() };
        let request = self.request(AddInstanceRequest { instance: Some(instance) });
        self.client.clone().add_instance(request).await.context("Admin/AddInstance")?;
        Ok(())
    }

    pub(crate) async fn cordon(&self, url: String) -> Result<()> {
        let request = self.request(CordonInstanceRequest { url });
        self.client.clone().cordon_instance(request).await.context("Admin/CordonInstance")?;
        Ok(())
    }

    pub(crate) async fn uncordon(&self, url: String) -> Result<()> {
        let request = self.request(UncordonInstanceRequest { url });
        self.client.clone().uncordon_instance(request).await.context("Admin/UncordonInstance")?;
        Ok(())
    }

    /// The scores of all instances for a meeting of the tenant with this host.
    pub(crate) async fn explain(&self, tenant: String, meeting_id: String) -> Result<ExplainResponse> {
        let request = self.request(ExplainRequest { tenant, meeting_id });
        Ok(self.client.clone().explain(request).await.context("Admin/Explain")?.into_inner())
    }

    /// Waits until the pool is as wished. The caller sets the deadline.
    pub(crate) async fn until(&self, wished: impl Fn(&PoolStatus) -> bool) -> Result<()> {
        let request = self.request(StatusRequest {});
        let mut watch = self.client.clone().watch_status(request).await.context("Admin/WatchStatus")?.into_inner();
        while let Some(status) = watch.message().await.context("Admin/WatchStatus")? {
            if wished(&status) {
                return Ok(());
            }
        }
        anyhow::bail!("Admin/WatchStatus ended")
    }

    /// Waits until the control plane sees the instance online, or no more.
    pub(crate) async fn until_online(&self, url: &str, online: bool) -> Result<()> {
        self.until(|status| status.instances.iter().any(|instance| instance.url == url && instance.online == online))
            .await
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", self.bearer.clone());
        request
    }
}
