//! From an HTTP request to an HTTP response: what is asked, with the fault that lies on the instance.

use crate::api::{self, Answer, Request};
use crate::clock;
use crate::fault::Fault;
use crate::instance::Shared;
use crate::journal::Call;
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use std::io;

/// The body of a response, which may break off.
pub(crate) type Body = BoxBody<Bytes, io::Error>;

/// Answers a call of the API; `path` is what follows `/bigbluebutton/api`, with its slash.
pub(crate) async fn reply(shared: &Shared, parts: &Parts, path: &str, body: &[u8]) -> Response<Body> {
    let action = path.strip_prefix('/').unwrap_or(path);
    let query = parts.uri.query().unwrap_or_default();
    shared.note(Call {
        method: parts.method.clone(),
        action: action.to_owned(),
        query: query.to_owned(),
        headers: parts.headers.clone(),
        body_size: body.len(),
    });
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let request = Request { method: &parts.method, call: action, query, content_type, body };
    let answer = || render(api::answer(&mut shared.site(), request, clock::now()));
    let fault = shared.fault.borrow().clone();
    match fault {
        None | Some(Fault::Down) => answer(),
        Some(Fault::Slow(latency)) => {
            tokio::time::sleep(latency).await;
            answer()
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Status(status)) => page(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY)),
        Some(Fault::Garbage) => document("\u{1f}<<<\0 meetings>&nonsense; 42".to_owned()),
        Some(Fault::Truncated) => truncate(answer()).await,
        Some(Fault::Redirect(location)) => redirect(&location, None),
    }
}

fn render(answer: Answer) -> Response<Body> {
    match answer {
        Answer::Document(text) => document(text),
        Answer::Json(text) => {
            let mut response = document(text);
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
            response
        }
        Answer::Redirect { location, session } => redirect(&location, session.as_deref()),
        Answer::Missing => page(StatusCode::NOT_FOUND),
        Answer::Broken => page(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn document(text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml;charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn redirect(location: &str, session: Option<&str>) -> Response<Body> {
    let Ok(location) = HeaderValue::try_from(location) else {
        return page(StatusCode::INTERNAL_SERVER_ERROR);
    };
    let mut response = Response::new(full(String::new()));
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, location);
    let cookie = session.map(|session| format!("JSESSIONID={session}; Path=/; Secure; HttpOnly"));
    if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// A page for people, such as the nginx before BigBlueButton has.
pub(crate) fn page(status: StatusCode) -> Response<Body> {
    let text =
        format!("<html>\r\n<head><title>{status}</title></head>\r\n<body><h1>{status}</h1></body>\r\n</html>\r\n");
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

/// A line for people.
pub(crate) fn text(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn full(text: String) -> Body {
    Full::from(text).map_err(|never| match never {}).boxed()
}

/// Announces the whole body, sends half of it and fails, upon which the connection is cut.
async fn truncate(response: Response<Body>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map(|whole| whole.to_bytes()).unwrap_or_default();
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    let cut = async {
        // Until then the half is sent; a failure at once would take it along.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    let body = StreamBody::new(stream::iter([Ok(Frame::data(half))]).chain(stream::once(cut)));
    Response::from_parts(parts, BodyExt::boxed(body))
}
