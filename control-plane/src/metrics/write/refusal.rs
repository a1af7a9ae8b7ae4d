//! Why a write is refused, and how InfluxDB says so.

use crate::metrics::line_protocol::BadLine;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// What `/api/v2/write` may be called with.
pub(super) const ALLOW: &str = "OPTIONS, POST";

/// When to come back after a 503, in seconds: as long as an agent waits by itself.
const RETRY_AFTER: &str = "10";

const ERROR_CODE: HeaderName = HeaderName::from_static("x-platform-error-code");

/// A write that was refused, in whole or in part.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("allow: {ALLOW}")]
    Method,
    #[error("the control plane is starting or stopping")]
    NotAccepting,
    #[error("too many writes at once")]
    Busy,
    #[error("unauthorized access")]
    Unauthorized,
    #[error("invalid precision; valid precision units are ns, us, ms, and s")]
    Precision,
    #[error("Please provide either orgID or org")]
    NoOrganization,
    #[error("organization name {0:?} not found")]
    UnknownOrganization(String),
    #[error("bucket not found")]
    NoBucket,
    #[error("bucket {0:?} not found")]
    UnknownBucket(String),
    #[error("content encoding {0:?} is not understood; gzip is")]
    Encoding(String),
    #[error("gzipped HTTP body contains an invalid header")]
    Gzip,
    #[error("unable to read data: points batch is too large")]
    TooLarge,
    #[error("unable to read data: the body ended early")]
    CutOff,
    #[error("unable to read data: the body did not arrive in time")]
    Slow,
    #[error("{0}")]
    Line(BadLine),
    #[error(
        "failure writing points to database: partial write: field type conflict: input field \"{field}\" on measurement \
         \"{measurement}\" is type {kind}, already exists as type float dropped={dropped}"
    )]
    FieldType { measurement: &'static str, field: &'static str, kind: &'static str, dropped: usize },
}

#[derive(serde::Serialize)]
struct Document {
    code: &'static str,
    message: String,
}

impl Refusal {
    /// The status, and the code that InfluxDB gives with it. What would succeed later is never a 4xx, on which telegraf drops the batch.
    fn kind(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method not allowed"),
            Self::NotAccepting | Self::Busy | Self::CutOff | Self::Slow => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized"),
            Self::UnknownOrganization(_) | Self::NoBucket | Self::UnknownBucket(_) => {
                (StatusCode::NOT_FOUND, "not found")
            }
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "request too large"),
            Self::Precision | Self::NoOrganization | Self::Encoding(_) | Self::Gzip | Self::Line(_) => {
                (StatusCode::BAD_REQUEST, "invalid")
            }
            Self::FieldType { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable entity"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code) = self.kind();
        let document = Document { code, message: self.to_string() };
        let mut response = (status, [(ERROR_CODE, code)], Json(document)).into_response();
        match status {
            StatusCode::METHOD_NOT_ALLOWED => {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(ALLOW));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
            }
            _ => {}
        }
        response
    }
}
