//! Asks instances for what they have. A list is evidence of what is absent only if all of it has arrived, so that there is no part of one.

use crate::state::Instance;
use bbb::listing::{List, ListingError, Paging, Splitter};
use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::time::Duration;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Shorter than nginx's keep-alive of 75 s, so that it is the client who closes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes a list may have: 5,000 meetings of thirty users are a third of it, and so are 25,000 recordings.
const LIST_MAX: usize = 192 << 20;

/// The most bytes of a short answer: a hundred hooks have a tenth of it.
const TEXT_MAX: usize = 1 << 20;

/// Asks instances for lists. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Lists {
    client: Client<HttpsConnector<HttpConnector>, Empty<Bytes>>,
}

/// A list that has arrived.
#[derive(Debug)]
pub(crate) struct Listed<T> {
    pub(crate) items: Vec<T>,
    /// What the instance says of the page it is.
    pub(crate) paging: Option<Paging>,
}

/// Why there is no list. None of this says anything about what the instance has.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("it did not answer within {} s", .0.as_secs_f32())]
    Timeout(Duration),
    #[error("it cannot be called: {0}")]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error("its answer broke off: {0}")]
    Body(#[from] hyper::Error),
    #[error("it answered with status {0}")]
    Status(StatusCode),
    #[error(transparent)]
    Listing(#[from] ListingError),
    #[error("its list has more than {LIST_MAX} bytes")]
    TooLarge,
    #[error("its url cannot be called")]
    Url,
    #[error("what it has changed while it was asked for it")]
    Changing,
}

impl Lists {
    pub(crate) fn new(tls: ClientConfig) -> Self {
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

    /// Everything in the list that answers this query, as `read` understands it. The caller sets the deadline.
    pub(crate) async fn ask<T>(
        &self,
        instance: &Instance,
        list: List,
        query: &str,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Listed<T>, ListError> {
        let mut body = self.call(instance, list.call().name(), query).await?;
        let mut splitter = Splitter::of(list);
        let mut items = Vec::new();
        let mut received = 0;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            received += data.len();
            if received > LIST_MAX {
                return Err(ListError::TooLarge);
            }
            let mut damaged = false;
            splitter.push(&data, |element| match read(element) {
                Some(item) => items.push(item),
                None => damaged = true,
            })?;
            if damaged {
                return Err(ListingError::NotAListing.into());
            }
        }
        let paging = splitter.paging();
        splitter.finish()?;
        Ok(Listed { items, paging })
    }

    /// A short answer as it comes. The caller sets the deadline.
    pub(crate) async fn text(&self, instance: &Instance, call: &str, query: &str) -> Result<String, ListError> {
        let body = self.call(instance, call, query).await?;
        let body = Limited::new(body, TEXT_MAX).collect().await.map_err(|_| ListError::TooLarge)?;
        Ok(String::from_utf8_lossy(&body.to_bytes()).into_owned())
    }

    async fn call(&self, instance: &Instance, call: &str, query: &str) -> Result<Incoming, ListError> {
        let query = instance.checksum.sign_query(call, query, &instance.secret);
        let uri = Uri::try_from(format!("{}/api/{call}?{query}", instance.url)).map_err(|_| ListError::Url)?;
        let request = Request::get(uri).body(Empty::new()).map_err(|_| ListError::Url)?;
        let answer = self.client.request(request).await?;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            status => Err(ListError::Status(status)),
        }
    }
}

/// An error with what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
