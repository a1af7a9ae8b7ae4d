//! The life of a call: parse it, find its tenant, check its checksum, route it, sign it anew, forward it.

mod lifetime;
mod list;

pub(crate) use list::Merged;

use crate::body::Body;
use crate::call::{About, Load, Received};
use crate::client::Client;
use crate::control::{ControlPlanes, Meeting, Report, Reports};
use crate::failure::{Failure, document_response};
use crate::headers;
use crate::routes::Reader;
use crate::table::{Caller, Instance};
use crate::tally::{Outcome, Tally};
use crate::upstream::{Answer, Repeat, Unanswered, Upstream};
use b3lb_config::settings;
use bbb::{Call, Query, document};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Calls of one worker that wait for instances at the same time. Each holds two connections and their buffers.
const UNDER_WAY_MAX: usize = 4096;

/// What one worker needs to serve calls.
pub(crate) struct Proxy {
    pub(crate) table: RefCell<Reader>,
    pub(crate) control: ControlPlanes,
    pub(crate) reports: Reports,
    pub(crate) upstream: Upstream,
    pub(crate) tally: Arc<Tally>,
    pub(crate) limits: settings::Upstream,
    pub(crate) under_way: Cell<usize>,
}

/// An answer, and what became of the call.
type Served = (Response<Body>, Outcome);

impl Proxy {
    /// Answers one request, whatever it is.
    pub(crate) async fn answer(self: Rc<Self>, request: Request<Incoming>, client: &Client) -> Response<Body> {
        let arrived = client.begin_call();
        let call = Call::parse(request.uri().path());
        let served = match call {
            Some(call) => {
                let (mut head, body) = request.into_parts();
                self.serve(call, &mut head, body, client, arrived).await
            }
            None => Err(Failure::NoCall),
        };
        let call = call.unwrap_or(Call::Other);
        let (response, outcome) = served.unwrap_or_else(|failure| (failure.response(call), Outcome::Failed(failure)));
        let took = arrived.elapsed();
        self.tally.count(call, outcome, took);
        let (status, outcome) = (response.status().as_u16(), outcome.label());
        tracing::debug!(target: "b3lb_data_plane::access", ?call, status, outcome, ?took, peer = ?client.peer());
        response
    }

    async fn serve(
        self: &Rc<Self>,
        call: Call,
        head: &mut Parts,
        body: Incoming,
        client: &Client,
        arrived: Instant,
    ) -> Result<Served, Failure> {
        if !call.methods().include(head.method.as_str()) {
            return Err(Failure::WrongMethod);
        }
        match call {
            Call::Root => return Ok((document_response(document::version()), Outcome::Local)),
            Call::Create
            | Call::Join
            | Call::End
            | Call::IsMeetingRunning
            | Call::GetMeetingInfo
            | Call::GetMeetings => {}
            _ => return Err(Failure::Unsupported),
        }
        let _under_way = UnderWay::begin(&self.under_way)?;
        let deadline = arrived + self.time_for(call);
        client.must_end_by(deadline);
        let headers = std::mem::take(&mut head.headers);
        let caller = self.caller(client.peer().host(&headers).unwrap_or_default())?;
        let query = Query::new(head.uri.query().unwrap_or_default());
        let received = Received::check(call, &head.method, query, caller, deadline)?;
        let load = Load::new(headers, body, client.peer())?;
        match call {
            Call::GetMeetings => Ok((Box::pin(self.list(&received, load)).await?, Outcome::Answered)),
            Call::Create => Ok((Box::pin(self.create(&received, load)).await?, Outcome::Answered)),
            _ => self.ask(&received, load).await,
        }
    }

    /// A call about a meeting that exists.
    async fn ask(&self, received: &Received<'_>, load: Load) -> Result<Served, Failure> {
        let about = received.about()?;
        let instance = match self.known(received, &about) {
            Some(instance) => instance,
            None => match Box::pin(self.find(received, &about)).await? {
                Some(instance) => instance,
                None if received.call == Call::IsMeetingRunning => {
                    return Ok((document_response(document::not_running()), Outcome::Local));
                }
                None => return Err(Failure::NotFound),
            },
        };
        match received.call {
            Call::Join => Ok((redirect(received, &instance)?, Outcome::Redirected)),
            Call::End => Ok((Box::pin(self.end(received, &about, &instance, load)).await?, Outcome::Answered)),
            _ => {
                let response = self.forward(received, &instance, load, Repeat::Always).await?;
                Ok((response.map(Body::Answer), Outcome::Answered))
            }
        }
    }

    /// The instance of a meeting, as far as the table knows.
    fn known(&self, received: &Received<'_>, about: &About<'_>) -> Option<Arc<Instance>> {
        self.table.borrow_mut().load().find(&received.caller, about.key).cloned()
    }

    fn time_for(&self, call: Call) -> Duration {
        if call == Call::Create { self.limits.create_timeout } else { self.limits.call_timeout }
    }

    fn caller(&self, host: &str) -> Result<Caller, Failure> {
        let mut table = self.table.borrow_mut();
        let table = table.load();
        match table.caller(host) {
            Some(caller) => Ok(caller),
            None if table.is_known() => Err(Failure::UnknownTenant),
            None => Err(Failure::NotReady),
        }
    }

    /// Where a meeting is that the table does not know. Only a control plane's word makes it unknown.
    async fn find(&self, received: &Received<'_>, about: &About<'_>) -> Result<Option<Arc<Instance>>, Failure> {
        let meeting = Meeting { tenant: &received.caller.tenant, key: about.key, id: &about.id };
        Ok(self.control.find(meeting).await?)
    }

    /// Sends a call to its instance, and what is answered back to the frontend.
    async fn forward(
        &self,
        received: &Received<'_>,
        instance: &Instance,
        load: Load,
        repeat: Repeat,
    ) -> Result<Response<Answer>, Unanswered> {
        let route = self.upstream.to(instance)?;
        let request = received.request(instance, route.target(), load)?;
        let answered = self.upstream.call(instance, &route, request, repeat, received.deadline).await;
        if let Err(Unanswered { failure: Failure::Unreachable, .. }) = &answered {
            self.reports.tell(Report::Unreachable { instance: Arc::clone(&instance.url) });
        }
        let mut response = answered?;
        headers::remove_hop_by_hop(response.headers_mut());
        Ok(response)
    }
}

/// Sends a frontend's user to the instance, whose cookie no other host could set.
fn redirect(received: &Received<'_>, instance: &Instance) -> Result<Response<Body>, Failure> {
    let location = received.resigned(&format!("{}/api/", instance.url), instance);
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    let location = HeaderValue::try_from(location).map_err(|_| Failure::Unreachable)?;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Counts one call that is under way, until it is dropped.
struct UnderWay<'a>(&'a Cell<usize>);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a Cell<usize>) -> Result<Self, Failure> {
        if count.get() >= UNDER_WAY_MAX {
            return Err(Failure::Busy);
        }
        count.set(count.get() + 1);
        Ok(Self(count))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}
