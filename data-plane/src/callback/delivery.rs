//! Sends callbacks to frontends.

use super::guard::{Guarded, is_allowed};
use crate::failure::Failure;
use crate::under_way::UnderWay;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::cell::Cell;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// From the arrival of a callback to its answer. Senders try again themselves, and the most impatient waits five seconds for each try.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// For one try, so that a frontend that hangs once gets a second chance.
const TRY_DEADLINE: Duration = Duration::from_secs(4);

/// Before the second try and the third; there is no fourth, as the sender tries again.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Shorter than what web servers grant.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// Callbacks of one worker that are under way at the same time. Each holds its body.
const UNDER_WAY_MAX: usize = 64;

/// The most bytes of an answer: senders look at the status and log the beginning of the rest.
const ANSWER_MAX: usize = 64 << 10;

/// Something to be delivered.
#[derive(Debug, Clone)]
pub(crate) struct Parcel {
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// One worker's connections to frontends.
pub(crate) struct Delivery {
    client: Client<HttpsConnector<HttpConnector<Guarded>>, Full<Bytes>>,
    under_way: Cell<usize>,
}

/// Why a try came to nothing.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error("it cannot be called: {0}")]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error("it did not answer in time")]
    Slow,
    #[error("its answer broke off or was too large")]
    Answer,
}

/// What of a callback's headers is passed on.
pub(super) fn kept(headers: &HeaderMap) -> HeaderMap {
    [CONTENT_TYPE, USER_AGENT, ACCEPT]
        .into_iter()
        .filter_map(|name| Some((name.clone(), headers.get(name)?.clone())))
        .collect()
}

impl Delivery {
    pub(crate) fn new(tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Guarded::new());
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { client, under_way: Cell::new(0) }
    }

    /// Delivers, several times if need be; the answer is the frontend's, whatever it says. A redirect is no place to follow it to.
    pub(super) async fn deliver(&self, parcel: Parcel, deadline: Instant) -> Result<Response<Bytes>, Failure> {
        let _counted = UnderWay::begin(&self.under_way, UNDER_WAY_MAX).map_err(|_| Failure::Undelivered)?;
        let uri = destination(&parcel.url).ok_or(Failure::Forbidden)?;
        let mut pauses = PAUSES.iter();
        loop {
            let within = deadline.min(Instant::now() + TRY_DEADLINE);
            let tried = timeout_at(within, self.try_once(&uri, &parcel)).await.unwrap_or(Err(Stuck::Slow));
            let pause = pauses.next();
            match (tried, pause) {
                (Ok(answer), None) => return Ok(answer),
                (Ok(answer), _) if !answer.status().is_server_error() => return Ok(answer),
                (Ok(answer), Some(_)) => {
                    tracing::info!(host = uri.host(), status = %answer.status(), "a callback is repeated")
                }
                (Err(stuck), pause) => {
                    tracing::info!(host = uri.host(), %stuck, "a callback did not arrive");
                    if pause.is_none() {
                        return Err(Failure::Undelivered);
                    }
                }
            }
            let pause = pause.copied().unwrap_or_default();
            if Instant::now() + pause >= deadline {
                return Err(Failure::Undelivered);
            }
            sleep(pause).await;
        }
    }

    async fn try_once(&self, uri: &Uri, parcel: &Parcel) -> Result<Response<Bytes>, Stuck> {
        let mut request = Request::new(Full::new(parcel.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = parcel.headers.clone();
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|_| Stuck::Answer)?;
        let mut answer = Response::new(body.to_bytes());
        *answer.status_mut() = if head.status.is_informational() { StatusCode::BAD_GATEWAY } else { head.status };
        if let Some(content_type) = head.headers.get(CONTENT_TYPE) {
            answer.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        }
        Ok(answer)
    }
}

/// The url of a frontend, unless nothing may be sent there. Names are looked at when they are resolved.
fn destination(url: &str) -> Option<Uri> {
    let parsed = url::Url::parse(url).ok()?;
    let allowed = match parsed.host()? {
        url::Host::Domain(_) => true,
        url::Host::Ipv4(address) => is_allowed(IpAddr::V4(address)),
        url::Host::Ipv6(address) => is_allowed(IpAddr::V6(address)),
    };
    if !allowed || !matches!(parsed.scheme(), "http" | "https") {
        return None;
    }
    parsed.as_str().split('#').next()?.parse().ok()
}
