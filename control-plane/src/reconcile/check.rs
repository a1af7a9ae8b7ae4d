//! Asks one instance what runs on it.

use crate::state::Instance;
use bbb::listing::{ListingError, Meeting, Splitter};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::time::Duration;

/// How long an instance may take to list its meetings. One that needs longer is no place for new meetings.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long connecting may take of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Shorter than nginx's keep-alive of 75 s, so that it is the client who closes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes a list may have: 5,000 meetings of thirty users are a third of it, and no single instance holds so many.
const LIST_MAX: usize = 192 << 20;

/// Asks instances for their meetings.
#[derive(Clone)]
pub(super) struct Checker {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// Why a check failed. None of this says anything about the meetings of the instance.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("it did not answer within {} s", CHECK_TIMEOUT.as_secs())]
    Timeout,
    #[error("it cannot be called: {0}")]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error("its answer broke off: {0}")]
    Body(#[from] hyper::Error),
    #[error("it answered with status {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error("its list of meetings has more than {LIST_MAX} bytes")]
    TooLarge,
    #[error("its url cannot be called")]
    Url,
}

impl Checker {
    pub(super) fn new(tls: ClientConfig) -> Self {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { client }
    }

    /// All meetings of the instance. Only a complete list is one.
    pub(super) async fn meetings(&self, instance: &Instance) -> Result<Vec<Meeting>, CheckError> {
        match tokio::time::timeout(CHECK_TIMEOUT, self.ask(instance)).await {
            Ok(meetings) => meetings,
            Err(_) => Err(CheckError::Timeout),
        }
    }

    async fn ask(&self, instance: &Instance) -> Result<Vec<Meeting>, CheckError> {
        let query = instance.checksum.sign_query("getMeetings", "", &instance.secret);
        let uri = Uri::try_from(format!("{}/api/getMeetings?{query}", instance.url)).map_err(|_| CheckError::Url)?;
        let request = Request::get(uri).body(Empty::new()).map_err(|_| CheckError::Url)?;
        let answer = self.client.request(request).await?;
        if answer.status() != StatusCode::OK {
            return Err(CheckError::Status(answer.status()));
        }
        let mut body = answer.into_body();
        let mut splitter = Splitter::meetings();
        let mut meetings = Vec::new();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            received += data.len();
            if received > LIST_MAX {
                return Err(CheckError::TooLarge);
            }
            let mut damaged = false;
            splitter.push(&data, |element| match Meeting::read(element) {
                Some(meeting) => meetings.push(meeting),
                None => damaged = true,
            })?;
            if damaged {
                return Err(ListingError::NotAListing.into());
            }
        }
        splitter.finish()?;
        Ok(meetings)
    }
}
