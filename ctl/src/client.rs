//! The connection to a control plane.

use crate::args::Tls;
use anyhow::Context;
use b3lb_proto::v1::admin_client::AdminClient;
use std::path::Path;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

/// A control plane answers in milliseconds; one that takes longer to accept a connection is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams may be silent for hours; a control plane that is gone without a word is noticed after this and [`KEEPALIVE_TIMEOUT`].
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

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

pub(crate) async fn connect(address: &str, key: &str, tls: &Tls) -> anyhow::Result<Client> {
    let mut bearer: MetadataValue<Ascii> =
        format!("Bearer {key}").parse().context("the admin key has characters that no header can carry")?;
    bearer.set_sensitive(true);
    let endpoint = Endpoint::from_shared(address.to_owned()).with_context(|| {
        format!("{address:?} is no address of a control plane; it would be like http://127.0.0.1:8091")
    })?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("https") => endpoint.tls_config(trust(tls)?).context("TLS cannot be set up")?,
        _ => endpoint,
    };
    let channel = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("no control plane answers at {address}"))?;
    Ok(AdminClient::with_interceptor(channel, Key(bearer)))
}

/// Whom to trust, and who we are.
fn trust(tls: &Tls) -> anyhow::Result<ClientTlsConfig> {
    let config = match &tls.ca_file {
        Some(file) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(file)?)),
        None => ClientTlsConfig::new().with_native_roots(),
    };
    Ok(match (&tls.certificate, &tls.certificate_key) {
        (Some(certificate), Some(key)) => config.identity(Identity::from_pem(read(certificate)?, read(key)?)),
        _ => config,
    })
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}
