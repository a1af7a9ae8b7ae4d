//! What bounds every call: how many there are at a time, and how long one may take until its answer begins.

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tonic::Status;

/// Calls at a time whose answer has not begun. A burst of as many placements is worked off in a second or two.
const CALLS_MAX: usize = 4096;
/// Until an answer begins, unless the caller waits for less. The longest ones write to the store, which gives up much earlier.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What is asked whether the program had better be started anew, which it had not because many calls wait for its store.
const PROBES: [&str; 2] = ["/livez", "/readyz"];

/// Puts the bounds in front of all routes.
pub(crate) fn limited(routes: Router) -> Router {
    routes.layer(from_fn_with_state(Arc::new(Semaphore::new(CALLS_MAX)), bounded))
}

async fn bounded(State(places): State<Arc<Semaphore>>, request: Request, next: Next) -> Response {
    if PROBES.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    let grpc = is_grpc(request.headers());
    let Ok(_place) = places.try_acquire() else {
        return refuse(grpc, Status::unavailable("too many calls at a time; try again"));
    };
    let patience = patience(request.headers()).map_or(CALL_TIMEOUT, |patience| patience.min(CALL_TIMEOUT));
    match timeout(patience, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refuse(grpc, Status::deadline_exceeded(format!("no answer within {patience:?}"))),
    }
}

/// How an error is told depends on who asks.
fn refuse(grpc: bool, status: Status) -> Response {
    match grpc {
        true => status.into_http::<axum::body::Body>(),
        false => (StatusCode::SERVICE_UNAVAILABLE, status.message().to_owned()).into_response(),
    }
}

/// The request is a gRPC call.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// How long the caller waits, as `grpc-timeout` says it: at most eight digits and a unit.
fn patience(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = (digits.len() <= 8).then(|| digits.parse().ok()).flatten()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt;

    #[test]
    fn a_callers_patience_is_read_in_every_unit_and_ignored_if_malformed() {
        let read =
            |text: &str| patience(&HeaderMap::from_iter([("grpc-timeout".parse().unwrap(), text.parse().unwrap())]));
        let cases = [
            ("2H", Some(Duration::from_secs(7200))),
            ("3M", Some(Duration::from_secs(180))),
            ("4S", Some(Duration::from_secs(4))),
            ("5m", Some(Duration::from_millis(5))),
            ("6u", Some(Duration::from_micros(6))),
            ("99999999n", Some(Duration::from_nanos(99_999_999))),
            ("100000000n", None),
            ("S", None),
            ("", None),
            ("1.5S", None),
            ("7x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), expected, "{text:?}");
        }
        assert_eq!(patience(&HeaderMap::new()), None);
    }

    #[tokio::test]
    async fn a_probe_is_answered_however_many_calls_wait() {
        let routes = Router::new().route("/livez", axum::routing::get(async || "ok"));
        let routes = limited(routes.fallback(async || -> StatusCode { std::future::pending().await }));
        let request = |path: &str| Request::builder().uri(path).body(axum::body::Body::empty()).unwrap();
        let ask = |path: &str| routes.clone().oneshot(request(path));
        let mut waiting: Vec<_> = (0..CALLS_MAX).map(|_| Box::pin(ask("/call"))).collect();
        for call in &mut waiting {
            assert!(futures::poll!(call.as_mut()).is_pending());
        }
        assert_eq!(ask("/call").await.unwrap().status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ask("/livez").await.unwrap().status(), StatusCode::OK);
    }

    #[tokio::test]
    async fn a_call_ends_when_its_caller_waits_no_longer() {
        let routes = limited(Router::new().fallback(async || -> StatusCode { std::future::pending().await }));
        let call = Request::builder().header("content-type", "application/grpc").header("grpc-timeout", "1n");
        let response = routes.oneshot(call.body(axum::body::Body::empty()).unwrap()).await.unwrap();
        let status = Status::from_header_map(response.headers()).unwrap();
        assert_eq!((status.code(), status.message()), (tonic::Code::DeadlineExceeded, "no answer within 1ns"));
    }
}
