//! A simulated frontend: signs calls with a secret and sends them, as Greenlight and Moodle do, one connection for each.

use crate::checksum;
use bbb::Secret;
use bbb::checksum::Algorithm;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use url::Url;

/// The largest answer that is read.
const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Greenlight waits for ten seconds to connect and ten for the answer.
const DEADLINE: Duration = Duration::from_secs(20);

/// What Ruby's `CGI.escape` leaves as it is; a blank becomes a plus.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'*').remove(b'-').remove(b'.').remove(b'_').remove(b' ');

/// One who calls the API at a url with its secret.
#[derive(Debug, Clone)]
pub struct Frontend {
    /// `host:port` to connect to.
    pub authority: String,
    /// The host name to call, if it is not the one connected to; it tells the tenant.
    pub host: Option<String>,
    /// The shared secret.
    pub secret: Secret,
    /// How it signs.
    pub algorithm: Algorithm,
    /// How long a call may take, from connecting to the end of the answer.
    pub deadline: Duration,
    /// The path of the instance's url, before `/api`.
    pub path: String,
}

/// An HTTP answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status, which says little: failures have 200 too.
    pub status: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The connection broke, or what came is no HTTP.
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    /// The answer broke off, or is larger than any answer would be.
    #[error("no whole answer: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The call itself cannot be written.
    #[error("no request: {0}")]
    Request(#[from] http::Error),
    /// Took longer than the deadline.
    #[error("no answer in time")]
    TooLate,
}

/// An address that a simulated frontend cannot call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address like http://127.0.0.1:8090/bigbluebutton; simulated frontends stand beside what they call, without TLS"
)]
pub struct InvalidAddress(String);

impl Frontend {
    /// One who calls the API at this url and signs with sha256.
    ///
    /// # Errors
    /// If this is no url of an API, or one of https.
    pub fn new(text: &str, secret: Secret) -> Result<Self, InvalidAddress> {
        let url = bbb::instance_url(text).ok().and_then(|url| Url::parse(&url).ok());
        let parts = url.as_ref().filter(|url| url.scheme() == "http").and_then(|url| {
            let port = url.port_or_known_default()?;
            Some((format!("{}:{port}", url.host_str()?), url.path().to_owned()))
        });
        let Some((authority, path)) = parts else {
            return Err(InvalidAddress(text.to_owned()));
        };
        Ok(Self { authority, host: None, secret, algorithm: Algorithm::default(), deadline: DEADLINE, path })
    }

    /// `create`, named after its id, with no passwords, as Greenlight calls it.
    ///
    /// # Errors
    /// If there is no answer; one that says FAILED is an answer.
    pub async fn create(&self, meeting_id: &str) -> Result<Answer, CallError> {
        self.call("create", &[("meetingID", meeting_id), ("name", meeting_id)]).await
    }

    /// `join` as a viewer, answered with a document, not a redirect.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn join(&self, meeting_id: &str, name: &str) -> Result<Answer, CallError> {
        let params = [("meetingID", meeting_id), ("fullName", name), ("role", "VIEWER"), ("redirect", "false")];
        self.call("join", &params).await
    }

    /// `getMeetingInfo`.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn info(&self, meeting_id: &str) -> Result<Answer, CallError> {
        self.call("getMeetingInfo", &[("meetingID", meeting_id)]).await
    }

    /// `isMeetingRunning`.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn running(&self, meeting_id: &str) -> Result<Answer, CallError> {
        self.call("isMeetingRunning", &[("meetingID", meeting_id)]).await
    }

    /// `end`.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn end(&self, meeting_id: &str) -> Result<Answer, CallError> {
        self.call("end", &[("meetingID", meeting_id)]).await
    }

    /// `getMeetings`.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn meetings(&self) -> Result<Answer, CallError> {
        self.call("getMeetings", &[]).await
    }

    /// Any call by GET, signed.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn call(&self, action: &str, params: &[(&str, &str)]) -> Result<Answer, CallError> {
        self.get(&self.target(action, &query(params))).await
    }

    /// The path and query of a call with this raw query, signed; with the frontend's authority, what one would paste into curl.
    pub fn target(&self, action: &str, query: &str) -> String {
        let sum = checksum::sign(self.algorithm, action, query, &self.secret);
        let separator = if query.is_empty() { "" } else { "&" };
        format!("{}/api/{action}?{query}{separator}checksum={sum}", self.path)
    }

    /// A GET of any path and query, as they are.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn get(&self, target: &str) -> Result<Answer, CallError> {
        self.send(Method::GET, target, None).await
    }

    /// Any request; a body has its content type.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn send(&self, method: Method, target: &str, body: Option<(&str, Bytes)>) -> Result<Answer, CallError> {
        let host = self.host.as_ref().unwrap_or(&self.authority);
        let mut request = Request::builder().method(method).uri(target).header(HOST, host);
        if let Some((content_type, _)) = &body {
            request = request.header(CONTENT_TYPE, *content_type);
        }
        let request = request.body(Full::new(body.map(|(_, bytes)| bytes).unwrap_or_default()))?;
        match tokio::time::timeout(self.deadline, exchange(&self.authority, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::TooLate),
        }
    }
}

impl Answer {
    /// Whether this is a document that says SUCCESS.
    pub fn succeeded(&self) -> bool {
        self.status == StatusCode::OK && self.element("returncode") == Some("SUCCESS")
    }

    /// The content of the first element of this name, as it is written.
    pub fn element(&self, tag: &str) -> Option<&str> {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        let (_, after) = self.text().split_once(&open)?;
        after.split_once(&close).map(|(content, _)| content)
    }

    /// The content of each element of this name, as it is written.
    pub fn elements(&self, tag: &str) -> Vec<&str> {
        let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
        self.text().split(&open).skip(1).filter_map(|after| Some(after.split_once(&close)?.0)).collect()
    }

    /// The body; empty if it is no text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }
}

/// A raw query, encoded as Ruby's and PHP's clients do.
pub fn query(params: &[(&str, &str)]) -> String {
    let encode = |text| utf8_percent_encode(text, ESCAPED).to_string().replace(' ', "+");
    let pairs: Vec<_> = params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    pairs.join("&")
}

/// One request on a connection of its own. The caller sets the deadline.
pub(crate) async fn exchange<B>(authority: &str, request: Request<B>) -> Result<Answer, CallError>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(authority).await.map_err(CallError::Connect)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let answer = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(CallError::Body)?;
        Ok(Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() })
    };
    let mut answer = std::pin::pin!(answer);
    tokio::select! {
        answer = answer.as_mut() => answer,
        // Whatever ended the connection, the answer knows better whether that was too early.
        _ = connection => answer.await,
    }
}
