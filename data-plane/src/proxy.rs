//! The life of a call: parse it, find its tenant, check its checksum, route it, sign it anew, forward it.

mod alone;
mod edits;
mod hooks;
mod lifetime;
mod list;
mod recordings;
mod story;

pub(crate) use list::Merged;

use crate::access::Access;
use crate::body::Body;
use crate::call::{About, Load, Posted, Received};
use crate::callback::Callbacks;
use crate::client::Client;
use crate::control::{Alone, AskError, ControlPlanes, Meeting, Report, Reports};
use crate::failure::{Failure, document_response, text_response};
use crate::headers;
use crate::routes::Reader;
use crate::table::{Caller, Instance};
use crate::tally::{Outcome, Tally};
use crate::under_way::UnderWay;
use crate::upstream::{Answer, Repeat, Unanswered, Upstream};
use b3lb_config::Settings;
use bbb::{Call, Query, Route, document};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, LOCATION};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
pub(crate) use story::Asked;
use story::Story;
use tokio::time::Instant;
use tracing::Instrument;

/// Calls of one worker that wait for instances at the same time. Each holds two connections and their buffers.
const UNDER_WAY_MAX: usize = 4096;

/// What one worker needs to serve calls.
pub(crate) struct Proxy {
    pub(crate) table: RefCell<Reader>,
    pub(crate) control: ControlPlanes,
    pub(crate) reports: Reports,
    pub(crate) alone: Alone,
    pub(crate) upstream: Upstream,
    pub(crate) tally: Rc<Tally>,
    /// Where calls are written down, if they are.
    pub(crate) access: Option<Access>,
    /// The configuration as it is at the moment; see [`Proxy::settings`].
    pub(crate) configured: RefCell<Rc<Settings>>,
    pub(crate) callbacks: Callbacks,
    pub(crate) under_way: Cell<usize>,
    /// Bodies that are being read into memory.
    pub(crate) reading: Cell<usize>,
    /// Pages of recordings that are being made.
    pub(crate) paging: Cell<usize>,
}

/// An answer, and what became of the call.
type Served = (Response<Body>, Outcome);

impl Proxy {
    /// Answers one request, whatever it is.
    pub(crate) async fn answer(self: Rc<Self>, request: Request<Incoming>, client: &Client) -> Response<Body> {
        let arrived = client.begin_call();
        let call = Call::parse(request.uri().path());
        let told = (request.method(), request.headers());
        let story = Story::begin(&self, call.unwrap_or(Call::Other), arrived, client, told);
        let served = match call {
            Some(call) => {
                let (mut head, body) = request.into_parts();
                // Only a call that is traced is worth a box: elsewhere the span would make every future larger.
                if story.span.is_disabled() {
                    self.serve(call, &mut head, body, client, arrived, &story).await
                } else {
                    let serving = self.serve(call, &mut head, body, client, arrived, &story);
                    Box::pin(serving.instrument(story.span.clone())).await
                }
            }
            None => {
                let relayed = self.relay(request, client, arrived).instrument(story.span.clone());
                Box::pin(relayed).await.map(|answer| (answer, Outcome::Answered))
            }
        };
        let call = call.unwrap_or(Call::Other);
        let (response, outcome) = served.unwrap_or_else(|failure| (failure.response(call), Outcome::Failed(failure)));
        story.end(outcome, response.status().as_u16());
        response
    }

    /// Closes and forgets what is not needed any more. To be called every few seconds.
    pub(crate) fn sweep(&self) {
        self.upstream.sweep(self.table.borrow_mut().load());
    }

    async fn serve(
        self: &Rc<Self>,
        call: Call,
        head: &mut Parts,
        body: Incoming,
        client: &Client,
        arrived: Instant,
        story: &Story<'_>,
    ) -> Result<Served, Failure> {
        if !call.methods().include(head.method.as_str()) {
            return Err(Failure::WrongMethod);
        }
        match call {
            Call::Root => return Ok((document_response(document::version()), Outcome::Local)),
            Call::HooksPing => return Ok((text_response(StatusCode::OK, "bbb-webhooks API up!"), Outcome::Local)),
            Call::Create
            | Call::Join
            | Call::End
            | Call::IsMeetingRunning
            | Call::GetMeetingInfo
            | Call::InsertDocument
            | Call::SendChatMessage
            | Call::GetMeetings
            | Call::GetSessions
            | Call::GetRecordings
            | Call::PublishRecordings
            | Call::DeleteRecordings
            | Call::UpdateRecordings
            | Call::GetRecordingTextTracks
            | Call::PutRecordingTextTrack
            | Call::HooksCreate
            | Call::HooksDestroy
            | Call::HooksList => {}
            _ => return Err(Failure::Unsupported),
        }
        let _under_way = UnderWay::begin(&self.under_way, UNDER_WAY_MAX)?;
        let deadline = arrived + self.time_for(call);
        client.must_end_by(deadline);
        let headers = std::mem::take(&mut head.headers);
        let caller = self.caller(client.peer().host(&headers).unwrap_or_default())?;
        let caller = story.caller.get_or_init(|| caller);
        let query = Query::new(head.uri.query().unwrap_or_default());
        let received = Received::check(call, &head.method, query, caller, deadline, &story.asked)?;
        let mut load = Load::new(headers, body, client.peer())?;
        match (received, load.posted()) {
            (Some(received), Posted::Nothing) => self.dispatch(&received, load).await,
            (received, posted) => {
                let takes = posted.media_type().is_none_or(|media_type| call.takes(media_type));
                let form = match &posted {
                    // What a text track comes with is a file; its parameters are all in the query.
                    Posted::Form(layout) if takes && call != Call::PutRecordingTextTrack => {
                        Some(Box::pin(load.read_form(layout, deadline, &self.reading)).await?)
                    }
                    _ => None,
                };
                let received = match (received, &form) {
                    (Some(received), Some(form)) => received.with_form(form)?,
                    (Some(received), None) => received,
                    (None, Some(form)) => {
                        Received::check_form(call, &head.method, query, form, caller, deadline, &story.asked)?
                    }
                    (None, None) => return Err(Failure::Checksum),
                };
                if !takes && head.method == Method::POST {
                    return Err(Failure::ContentType);
                }
                Box::pin(self.dispatch_posted(&received, load)).await
            }
        }
    }

    /// A call whose parameters may be in its body. Those that are not passed on with it are asked without one.
    async fn dispatch_posted(self: &Rc<Self>, received: &Received<'_>, load: Load) -> Result<Served, Failure> {
        if received.has_form() && (received.call == Call::Join || received.call.route() != Route::Meeting) {
            let bodiless = received.bodiless();
            return self.dispatch(&received.over(&bodiless)?, load.copy_without_body()).await;
        }
        self.dispatch(received, load).await
    }

    async fn dispatch(self: &Rc<Self>, received: &Received<'_>, load: Load) -> Result<Served, Failure> {
        match received.call {
            call if call == Call::GetRecordings || call.route() == Route::Record => {
                Box::pin(self.recordings(received, load)).await
            }
            Call::GetMeetings | Call::GetSessions => {
                Ok((Box::pin(self.list(received, load)).await?, Outcome::Answered))
            }
            Call::HooksCreate | Call::HooksDestroy | Call::HooksList => {
                Ok((Box::pin(self.hooks(received, &load)).await?, Outcome::Local))
            }
            Call::Create => Ok((Box::pin(self.create(received, load)).await?, Outcome::Answered)),
            _ => self.ask(received, load).await,
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
        let edited = self.exactly(received, "meetingID").map(|edit| received.edited(&[edit]));
        let exact = edited.as_ref().map(|edited| received.over(edited)).transpose()?;
        let received = exact.as_ref().unwrap_or(received);
        match received.call {
            Call::Join => {
                if received.caller.tenant.limits_users {
                    Box::pin(self.admit(received, &about)).await?;
                }
                Ok((self.join(received, &instance)?, Outcome::Redirected))
            }
            Call::End => Ok((Box::pin(self.end(received, &about, &instance, load)).await?, Outcome::Answered)),
            _ => {
                let changes_nothing = matches!(received.call, Call::IsMeetingRunning | Call::GetMeetingInfo);
                let repeat = if changes_nothing { Repeat::Always } else { Repeat::Unsent };
                let response = self.forward(received, &instance, load, repeat).await?;
                Ok((response.map(Body::Answer), Outcome::Answered))
            }
        }
    }

    /// Lets one more user of a tenant in. While nobody can count them, everybody comes in: a class must not end for that.
    async fn admit(&self, received: &Received<'_>, about: &About<'_>) -> Result<(), Failure> {
        match self.control.admit(&received.caller.tenant, about.key).await {
            Err(AskError::Limited) => Err(Failure::UserPool),
            Err(error) => {
                tracing::warn!(tenant = &*received.caller.tenant.host, %error, "a user comes in uncounted");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// The instance of a meeting, as far as the table knows.
    fn known(&self, received: &Received<'_>, about: &About<'_>) -> Option<Arc<Instance>> {
        self.table.borrow_mut().load().find(&received.caller, about.key).cloned()
    }

    fn time_for(&self, call: Call) -> Duration {
        // Presentations and uploads take their time.
        let is_long = matches!(call, Call::Create | Call::InsertDocument | Call::PutRecordingTextTrack);
        let limits = &self.configured.borrow().upstream;
        if is_long { limits.create_timeout } else { limits.call_timeout }
    }

    /// The configuration that a call is served by.
    fn settings(&self) -> Rc<Settings> {
        self.configured.borrow().clone()
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
        match self.control.find(meeting).await {
            // Another proxy may have placed it meanwhile. If that is not found out, nobody knows whether there is such a meeting.
            Err(AskError::Away) => self.find_alone(received, about).await.map(Some).ok_or(Failure::Away),
            Ok(None) if self.control.may_lack_placements() => Ok(self.find_alone(received, about).await),
            found => Ok(found?),
        }
    }

    /// Sends a call to its instance, and what is answered back to the frontend.
    async fn forward(
        &self,
        received: &Received<'_>,
        instance: &Instance,
        load: Load,
        repeat: Repeat,
    ) -> Result<Response<Answer>, Unanswered> {
        received.asked.note(instance);
        let route = self.upstream.to(instance)?;
        let request = received.request(instance, route.target(), load)?;
        let answered = self.upstream.call(received.call, instance, &route, request, repeat, received.deadline).await;
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
    received.asked.note(instance);
    let location = received.resigned(&format!("{}/api/", instance.url), instance);
    let mut response = Response::new(Body::Whole(Bytes::new()));
    *response.status_mut() = StatusCode::FOUND;
    let location = HeaderValue::try_from(location).map_err(|_| Failure::Unreachable)?;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
