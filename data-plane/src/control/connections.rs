//! Connections to control planes, made anew when the configuration names others or another way to prove who we are.

use super::traced::Traced;
use super::{Client, ControlPlanes};
use crate::routes::Routes;
use anyhow::Context;
use arc_swap::ArcSwap;
use b3lb_config::settings::Tls;
use b3lb_config::tls::server::pair;
use b3lb_config::{Live, Settings, tls};
use b3lb_proto::v1::placement_client::PlacementClient;
use rustls::RootCertStore;
use std::sync::Arc;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};
use url::Url;

/// A control plane on any network accepts within this, or there is another one to ask.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// A connection whose other end fell silent without a word is given up after twice this.
const KEEPALIVE: Duration = Duration::from_secs(2);

/// Where the control planes are, and how they are told who we are.
pub(crate) struct Connections {
    live: Live,
    /// The only one to follow, whatever the configuration names.
    only: Option<Url>,
}

/// Adds the proxy's token to every call.
#[derive(Clone)]
pub(crate) struct Token(Live);

impl Connections {
    pub(crate) fn new(live: Live, only: Option<Url>) -> Self {
        Self { live, only }
    }

    /// The connections, of which none is made yet.
    ///
    /// # Errors
    /// A token that no header can carry, an address that is none, or certificates that cannot be used.
    pub(crate) fn control_planes(&self, routes: Routes) -> anyhow::Result<ControlPlanes> {
        let all = Arc::new(ArcSwap::from_pointee(self.clients()?));
        Ok(ControlPlanes { all, preferred: Arc::default(), away: Arc::default(), routes })
    }

    /// Keeps them as the configuration says, for ever. Calls that are under way end on the connections that they began on.
    pub(crate) async fn renew(mut self, control: ControlPlanes) {
        loop {
            self.live.changed().await;
            match self.clients() {
                Ok(clients) => control.all.store(Arc::new(clients)),
                Err(error) => tracing::error!("control planes are reached as before: {error:#}"),
            }
        }
    }

    fn clients(&self) -> anyhow::Result<Vec<(String, Client)>> {
        let settings = self.live.now();
        let (roots, identity) = proofs(&settings)?;
        let named = settings.data_plane.control_planes.iter();
        let urls: Vec<&Url> = self.only.iter().chain(named.filter(|_| self.only.is_none())).collect();
        anyhow::ensure!(!urls.is_empty(), "data_plane.control_planes names none");
        let client = |url: &&Url| {
            let channel = channel(url, &roots, identity.as_ref())?;
            Ok((url.to_string(), PlacementClient::with_interceptor(Traced(channel), Token(self.live.clone()))))
        };
        urls.iter().map(client).collect()
    }
}

/// Whether proxies can reach control planes with these settings, as far as they and the files that they name tell.
///
/// # Errors
/// As for [`Connections::control_planes`].
pub(crate) fn check(settings: &Settings) -> anyhow::Result<()> {
    proofs(settings).map(drop)
}

/// Whom to trust, and what to show.
fn proofs(settings: &Settings) -> anyhow::Result<(RootCertStore, Option<Identity>)> {
    bearer(settings)?;
    let roots = tls::roots(settings.upstream.ca_file.as_deref())?;
    let identity = settings.data_plane.client_tls.as_ref().map(identity).transpose()?;
    Ok((roots, identity))
}

fn channel(url: &Url, roots: &RootCertStore, identity: Option<&Identity>) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_string())
        .with_context(|| format!("{url} is no address of a control plane"))?
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true);
    if url.scheme() != "https" {
        return Ok(endpoint.connect_lazy());
    }
    let tls = ClientTlsConfig::new().trust_anchors(roots.roots.iter().cloned());
    let tls = match identity {
        Some(identity) => tls.identity(identity.clone()),
        None => tls,
    };
    Ok(endpoint.tls_config(tls)?.connect_lazy())
}

/// What is shown to control planes that ask who we are.
fn identity(client: &Tls) -> anyhow::Result<Identity> {
    // Read once for what is wrong with it, which tonic would say without naming the file.
    pair("data_plane.client_tls", client)?;
    Ok(Identity::from_pem(std::fs::read(&client.certificate)?, std::fs::read(&client.key)?))
}

/// The token of the proxies, as a header; `None` if there is none.
fn bearer(settings: &Settings) -> anyhow::Result<Option<MetadataValue<Ascii>>> {
    let bearer = settings.shared_secret().map(|secret| {
        let mut bearer: MetadataValue<Ascii> = format!("Bearer {}", secret.reveal()).parse().context(
            "control_plane.proxy_token, or admin.api_key in its place, has characters that no header can carry",
        )?;
        bearer.set_sensitive(true);
        anyhow::Ok(bearer)
    });
    bearer.transpose()
}

impl Interceptor for Token {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        // One that no header can carry was refused when the configuration was read.
        if let Ok(Some(bearer)) = bearer(&self.0.now()) {
            request.metadata_mut().insert("authorization", bearer);
        }
        Ok(request)
    }
}
