//! Telegraf's `outputs.influxdb_v2`: one request a batch, and what it makes of the answer.

use super::Telegraf;
use crate::frontend::{Answer, exchange, query};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Request, StatusCode};
use http_body::Frame;
use http_body_util::StreamBody;
use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

/// `timeout`, as it is by default.
const DEADLINE: Duration = Duration::from_secs(5);

/// Where a telegraf writes to.
#[derive(Debug)]
pub(super) struct Output {
    authority: String,
    target: String,
    authorization: HeaderValue,
}

/// What becomes of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Delivered,
    /// Dropped for good: it would be refused again.
    Refused,
    /// To be tried in halves.
    TooLarge,
    /// Kept and tried again, after this time if the answer said one.
    Later(Option<Duration>),
}

impl Output {
    pub(super) fn new(telegraf: &Telegraf) -> Self {
        let port = telegraf.url.port_or_known_default().unwrap_or(80);
        let path = telegraf.url.path().trim_end_matches('/');
        let query = query(&[("bucket", &telegraf.bucket), ("org", &telegraf.organization)]);
        let authorization = HeaderValue::try_from(format!("Token {}", telegraf.token.reveal()));
        // A token that cannot stand in a header is no token, and is told so by whoever is written to.
        let mut authorization = authorization.unwrap_or_else(|_| HeaderValue::from_static("Token"));
        authorization.set_sensitive(true);
        Self {
            authority: format!("{}:{port}", telegraf.url.host_str().unwrap_or_default()),
            target: format!("{path}/api/v2/write?{query}"),
            authorization,
        }
    }

    /// Writes a batch.
    pub(super) async fn write(&self, lines: &str) -> Verdict {
        let Some(body) = gzip(lines) else { return Verdict::Refused };
        // A body of unknown length travels in chunks, as telegraf's does.
        let body = StreamBody::new(stream::iter([Ok::<_, Infallible>(Frame::data(body))]));
        let request = Request::post(&self.target)
            .header(HOST, &self.authority)
            .header(USER_AGENT, "Telegraf/1.39.3 Go/1.26.8")
            .header(AUTHORIZATION, &self.authorization)
            .header(CONTENT_ENCODING, "gzip")
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .header(ACCEPT_ENCODING, "gzip")
            .body(body);
        let Ok(request) = request else { return Verdict::Refused };
        match tokio::time::timeout(DEADLINE, exchange(&self.authority, request)).await {
            Ok(Ok(answer)) => verdict(&answer),
            Ok(Err(error)) => {
                tracing::debug!("telegraf: {error}");
                Verdict::Later(None)
            }
            Err(_) => Verdict::Later(None),
        }
    }
}

fn verdict(answer: &Answer) -> Verdict {
    let retry_after = answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    match answer.status {
        status if status.is_success() => Verdict::Delivered,
        StatusCode::PAYLOAD_TOO_LARGE => Verdict::TooLarge,
        // A wrong token may be put right without a restart.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Verdict::Later(None),
        StatusCode::TOO_MANY_REQUESTS => Verdict::Later(retry_after.map(Duration::from_secs)),
        status if status.is_client_error() => Verdict::Refused,
        _ => Verdict::Later(retry_after.map(Duration::from_secs)),
    }
}

fn gzip(text: &str) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn answers_are_taken_as_telegraf_takes_them() {
        let verdict = |status: u16, retry_after: Option<&'static str>| {
            let retry_after = retry_after.map(|value| (RETRY_AFTER, HeaderValue::from_static(value)));
            let headers = HeaderMap::from_iter(retry_after);
            verdict(&Answer { status: StatusCode::from_u16(status).unwrap(), headers, body: Bytes::new() })
        };
        assert_eq!(verdict(204, None), Verdict::Delivered);
        assert_eq!(verdict(413, None), Verdict::TooLarge);
        for status in [400, 404, 406, 422] {
            assert_eq!(verdict(status, None), Verdict::Refused, "{status}");
        }
        for status in [401, 403, 429, 500, 502, 503, 504] {
            assert_eq!(verdict(status, None), Verdict::Later(None), "{status}");
        }
        assert_eq!(verdict(503, Some("7")), Verdict::Later(Some(Duration::from_secs(7))));
    }
}
