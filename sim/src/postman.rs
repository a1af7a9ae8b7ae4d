//! Sends what an instance has to tell.

use crate::clock;
use crate::frontend::exchange;
use crate::instance::Shared;
use crate::webhooks::Letter;
use bytes::Bytes;
use futures::stream::{self, StreamExt};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::Full;
use std::time::Duration;
use tokio::time::{interval, sleep, timeout};
use url::Url;

/// How often is looked for something to send.
const ROUND: Duration = Duration::from_millis(50);

/// Letters on their way at the same time.
const UNDER_WAY_MAX: usize = 16;

/// How long one try may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// Before each further try.
const PAUSES: [Duration; 3] = [Duration::from_millis(100), Duration::from_millis(500), Duration::from_secs(2)];

/// Sends as long as it is polled.
pub(crate) async fn run(shared: &Shared) {
    let mut rounds = interval(ROUND);
    loop {
        rounds.tick().await;
        let letters = {
            let mut site = shared.site();
            site.advance(clock::now());
            std::mem::take(&mut site.webhooks.outbox)
        };
        stream::iter(letters).for_each_concurrent(UNDER_WAY_MAX, send).await;
    }
}

async fn send(letter: Letter) {
    for pause in PAUSES.iter().map(Some).chain([None]) {
        match timeout(DEADLINE, post(&letter)).await {
            // Who refuses it has heard of it.
            Ok(Some(status)) if status.is_success() || status.is_client_error() => return,
            other => tracing::debug!(url = letter.url, ?other, "nobody took a letter"),
        }
        match pause {
            Some(pause) => sleep(*pause).await,
            None => return,
        }
    }
}

/// The status it was answered with; `None` if it was not.
async fn post(letter: &Letter) -> Option<StatusCode> {
    let url = Url::parse(&letter.url).ok()?;
    let authority = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::post(target).header(HOST, &authority).header(CONTENT_TYPE, letter.content_type);
    if let Some(bearer) = &letter.bearer {
        request = request.header(AUTHORIZATION, format!("Bearer {bearer}"));
    }
    let request = request.body(Full::new(Bytes::from(letter.body.clone()))).ok()?;
    Some(exchange(&authority, request).await.ok()?.status)
}
