//! The connection to a control plane.

use anyhow::Context;
use b3lb_proto::v1::admin_client::AdminClient;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// A control plane answers in milliseconds; one that takes longer to accept a connection is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) type Client = AdminClient<InterceptedService<Channel, Key>>;

/// Adds the admin key to every call.
#[derive(Clone)]
pub(crate) struct Key(MetadataValue<Ascii>);

impl Interceptor for Key {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

pub(crate) async fn connect(address: &str, key: &str) -> anyhow::Result<Client> {
    let mut bearer: MetadataValue<Ascii> =
        format!("Bearer {key}").parse().context("the admin key has characters that no header can carry")?;
    bearer.set_sensitive(true);
    let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| {
        format!("{address:?} is no address of a control plane; it would be like http://127.0.0.1:8091")
    })?;
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("no control plane answers at {address}"))?;
    Ok(AdminClient::with_interceptor(channel, Key(bearer)))
}
