//! The connection to a control plane.

use crate::Mistake;
use crate::context::Context;
use anyhow::Context as _;
use b3lb_proto::v1::admin_client::AdminClient;
use std::error::Error;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use url::Url;

/// A control plane answers in milliseconds; one that takes longer to accept a connection is away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The status of a pool of ten thousand instances, or all of its secrets.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

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

pub(crate) async fn connect(context: &Context) -> anyhow::Result<Client> {
    let Context { address, key, .. } = context;
    let mut bearer: MetadataValue<Ascii> = format!("Bearer {key}")
        .parse()
        .map_err(|_| Mistake("the admin key has characters that no header can carry".to_owned()))?;
    bearer.set_sensitive(true);
    let wrong = || {
        // A user's password could stand in it.
        let address = if address.contains('@') { "this".to_owned() } else { format!("{address:?}") };
        Mistake(format!("{address} is no address of a control plane; it would be like http://127.0.0.1:8091"))
    };
    if !is_address(address) {
        return Err(wrong().into());
    }
    let endpoint = Endpoint::from_shared(address.clone()).map_err(|_| wrong())?;
    let endpoint = match endpoint.uri().scheme_str() {
        Some("https") => endpoint.tls_config(trust(context)?).context("TLS cannot be set up")?,
        Some("http") => endpoint,
        _ => return Err(wrong().into()),
    };
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT);
    // The endpoint's own deadline ends with TCP; this one is over the TLS handshake as well.
    let channel = match timeout(2 * CONNECT_TIMEOUT, endpoint.connect()).await {
        Ok(Ok(channel)) => channel,
        Ok(Err(error)) => {
            anyhow::bail!("{}", unreachable(address, &anyhow::Error::from(error).root_cause().to_string()))
        }
        Err(_) => anyhow::bail!("no control plane answers at {address}: the TLS handshake takes too long"),
    };
    Ok(AdminClient::with_interceptor(channel, Key(bearer)).max_decoding_message_size(ANSWER_MAX))
}

/// Whether it names a host and a port, and nothing that would not be heeded.
fn is_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        let more = url.password().is_some() || url.query().is_some() || url.fragment().is_some();
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() && !more
    })
}

/// Why there is no connection, in one line.
fn unreachable(address: &str, reason: &str) -> String {
    match reason {
        reason if reason.contains("InvalidContentType") => {
            format!("what answers at {address} speaks no TLS; its address may begin with http://")
        }
        reason if reason.starts_with("invalid peer certificate") => {
            format!("the certificate of {address} is not trusted: {reason}; --ca-file names who else is")
        }
        reason => format!("no control plane answers at {address}: {reason}"),
    }
}

/// What a control plane says, or why it says nothing, in one line.
pub(crate) fn refusal(address: &str, status: &Status) -> String {
    let said = status.message();
    match status.code() {
        _ if said.starts_with("grpc-status header missing") => format!("what answers at {address} is no control plane"),
        _ if said == "Timeout expired" => {
            format!("the control plane at {address} does not answer in time")
        }
        // The connection stood and broke, over the first words or later; what it is told as is a matter of luck. What a control plane says
        // has no source here.
        _ if status.source().is_some() || said == "transport error" || said.starts_with("h2 protocol error") => {
            let wants = if address.starts_with("https") { "asks for a certificate" } else { "wants https://" };
            format!(
                "the connection to {address} broke off: what answers there is no control plane, {wants}, or has just gone"
            )
        }
        Code::Unauthenticated => format!("the control plane at {address} does not accept this key"),
        Code::Unimplemented => format!("the control plane at {address} is older than this program: {said}"),
        _ => said.to_owned(),
    }
}

/// Whom to trust, and who we are.
fn trust(context: &Context) -> Result<ClientTlsConfig, Mistake> {
    let config = match &context.ca_file {
        Some(file) => {
            let certificates = read(file)?;
            if !String::from_utf8_lossy(&certificates).contains("-----BEGIN CERTIFICATE-----") {
                return Err(Mistake(format!("{}: has no certificate (PEM)", file.display())));
            }
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificates))
        }
        None => ClientTlsConfig::new().with_native_roots(),
    };
    Ok(match &context.identity {
        Some((certificate, key)) => config.identity(Identity::from_pem(read(certificate)?, read(key)?)),
        None => config,
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Mistake> {
    std::fs::read(file).map_err(|error| Mistake(format!("{}: cannot be read: {error}", file.display())))
}
