//! Calls to instances: one worker's connections, and what may be tried again.

mod answer;
mod connection;
mod pool;
mod stream;
mod target;
mod upload;

pub(crate) use answer::Answer;
pub(crate) use target::Target;
pub(crate) use upload::Upload;
use upload::UploadError;

use crate::failure::Failure;
use crate::table::{Instance, Table};
use crate::tally::{Sending, Sent, Tally};
use crate::trace;
use bbb::Call;
use connection::Lost;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use pool::{Lease, NoConnection, Pool};
use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tracing::Instrument;

/// One worker's connections to all instances.
pub(crate) struct Upstream {
    pools: RefCell<HashMap<Arc<str>, Rc<Pool>>>,
    tls: TlsConnector,
    tally: Rc<Tally>,
}

/// What may be done when a connection breaks that was used before: the instance may have closed it as the call was on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// The call changes nothing; it may reach the instance twice.
    Always,
    /// It is only sent again if not a byte of it was sent.
    Unsent,
}

impl Upstream {
    pub(crate) fn new(tls: TlsConnector, tally: Rc<Tally>) -> Self {
        Self { pools: RefCell::default(), tls, tally }
    }

    /// The way to an instance.
    ///
    /// # Errors
    /// [`Failure::Unreachable`] if its url is none.
    pub(crate) fn to(&self, instance: &Instance) -> Result<Route, Failure> {
        if let Some(pool) = self.pools.borrow().get(&instance.url) {
            return Ok(Route { pool: Rc::clone(pool), online: instance.online });
        }
        let target = Target::parse(&instance.url).ok_or(Failure::Unreachable)?;
        let pool = Rc::new(Pool::new(target, self.tls.clone(), self.tally.requests(&instance.url)));
        self.pools.borrow_mut().insert(Arc::clone(&instance.url), Rc::clone(&pool));
        Ok(Route { pool, online: instance.online })
    }

    /// Counts an answer that cannot be used.
    pub(crate) fn garbage(&self, instance: &Arc<str>) {
        self.tally.requests(instance).garbage();
    }

    /// Closes what is not needed any more, and forgets instances that are not known any more. To be called every few seconds.
    pub(crate) fn sweep(&self, table: &Table) {
        let now = Instant::now();
        self.pools.borrow_mut().retain(|url, pool| pool.sweep(now) && table.instance(url).is_some());
        self.tally.sweep(table);
    }

    /// Sends a request that was made for this route. Until `deadline`, what is answered has arrived up to its head.
    pub(crate) async fn call(
        &self,
        call: Call,
        instance: &Instance,
        route: &Route,
        mut request: Request<Upload>,
        repeat: Repeat,
        deadline: Instant,
    ) -> Result<Response<Answer>, Unanswered> {
        let span = trace::request(call, &instance.url, request.headers_mut());
        let sending = Sending::begin(&route.pool.requests, &span);
        let called = if span.is_disabled() {
            timeout_at(deadline, route.call(request, repeat)).await
        } else {
            Box::pin(timeout_at(deadline, route.call(request, repeat)).instrument(span.clone())).await
        };
        let stuck = match called {
            Ok(Ok(response)) if !response.status().is_server_error() => {
                sending.end(Sent::Answered);
                return Ok(response);
            }
            Ok(Ok(response)) => Stuck::Refused(response.status()),
            Ok(Err(stuck)) => stuck,
            Err(_) => Stuck::Slow,
        };
        tracing::warn!(instance = &*instance.url, %stuck, "a call of an instance failed");
        sending.end(stuck.sent());
        Err(stuck.into())
    }
}

/// A call that an instance did not answer.
pub(crate) struct Unanswered {
    pub(crate) failure: Failure,
    /// The request, if not a byte of it was sent.
    pub(crate) unsent: Option<Box<Request<Upload>>>,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self { failure, unsent: None }
    }
}

impl From<Unanswered> for Failure {
    fn from(unanswered: Unanswered) -> Self {
        unanswered.failure
    }
}

/// The way to one instance.
pub(crate) struct Route {
    pool: Rc<Pool>,
    online: bool,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Stuck {
    #[error("too many calls wait for it")]
    Busy,
    #[error("what the frontend sent is too large")]
    Upload,
    #[error("{0}")]
    Connect(NoConnection, Box<Request<Upload>>),
    #[error("{0}")]
    Broken(hyper::Error),
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error("it took too long")]
    Slow,
}

impl Stuck {
    fn sent(&self) -> Sent {
        match self {
            Self::Busy => Sent::Busy,
            Self::Upload => Sent::Upload,
            Self::Connect(..) => Sent::Connect,
            Self::Broken(_) => Sent::Broken,
            Self::Refused(_) => Sent::Refused,
            Self::Slow => Sent::Timeout,
        }
    }
}

impl From<Stuck> for Unanswered {
    fn from(stuck: Stuck) -> Self {
        let (failure, unsent) = match stuck {
            Stuck::Busy => (Failure::Busy, None),
            Stuck::Upload => (Failure::BodyTooLarge, None),
            Stuck::Connect(_, request) => (Failure::Unreachable, Some(request)),
            Stuck::Broken(_) | Stuck::Refused(_) => (Failure::Broken, None),
            Stuck::Slow => (Failure::Timeout, None),
        };
        Self { failure, unsent }
    }
}

impl Route {
    pub(crate) fn target(&self) -> &Target {
        &self.pool.target
    }

    async fn call(&self, request: Request<Upload>, repeat: Repeat) -> Result<Response<Answer>, Stuck> {
        // What happens rarely is boxed: it would make the future of every call larger, and slower to move.
        let mut lease = match self.pool.idle() {
            Some(lease) => lease,
            None => match Box::pin(self.pool.lease(self.online)).await {
                Ok(lease) => lease,
                Err(error) => return Err(Stuck::connect(error, request)),
            },
        };
        let reused = lease.reused;
        let spare = (reused && repeat == Repeat::Always && request.body().is_none()).then(|| copy(&request));
        let lost = match lease.connection.send(request).await {
            Ok(response) => return Ok(lease.answer(response)),
            Err(lost) => lost,
        };
        // Its permit is needed for another one.
        drop(lease);
        if reused { Box::pin(self.again(lost, spare)).await } else { Err(lost.into()) }
    }

    /// Sends a request once more that a connection was lost with, if that is possible.
    async fn again(&self, lost: Lost, spare: Option<Request<Upload>>) -> Result<Response<Answer>, Stuck> {
        let Some(request) = lost.unsent.or(spare) else { return Err(Stuck::broken(lost.error)) };
        match self.pool.lease_new(self.online).await {
            Ok(mut lease) => Ok(lease.connection.send(request).await.map(|response| lease.answer(response))?),
            Err(error) => Err(Stuck::connect(error, request)),
        }
    }
}

impl Lease {
    fn answer(self, response: Response<Incoming>) -> Response<Answer> {
        response.map(|body| Answer::new(body, self))
    }
}

/// The same request; its body is none.
fn copy(request: &Request<Upload>) -> Request<Upload> {
    let mut copy = Request::new(Upload::none());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}

impl Stuck {
    fn connect(error: NoConnection, request: Request<Upload>) -> Self {
        match error {
            NoConnection::Busy => Self::Busy,
            error => Self::Connect(error, Box::new(request)),
        }
    }

    fn broken(error: hyper::Error) -> Self {
        match error.source().and_then(|source| source.downcast_ref()) {
            Some(UploadError::TooLarge) => Self::Upload,
            _ => Self::Broken(error),
        }
    }
}

impl From<Lost> for Stuck {
    fn from(lost: Lost) -> Self {
        match lost.unsent {
            Some(request) => Self::connect(lost.error.into(), request),
            None => Self::broken(lost.error),
        }
    }
}
