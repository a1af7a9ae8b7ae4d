//! Lists: every instance of the tenant is asked at the same time, and what belongs to the tenant is passed on as it comes.

use super::Proxy;
use crate::body::Body;
use crate::call::{Load, Received};
use crate::failure::Failure;
use crate::table::{Caller, Instance, Table};
use crate::upstream::{Answer, Repeat, Route, Upload};
use bbb::document::CONTENT_TYPE;
use bbb::listing::{List, ListingError, Meeting, Merger, Recording, Splitter};
use bbb::{Call, MeetingKey};
use bytes::Bytes;
use futures::stream::{self, SelectAll, Stream, StreamExt};
use http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use http::{HeaderValue, Request, Response};
use http_body_util::BodyExt;
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// The meetings of several instances as one list. It is read no faster than the frontend takes it.
pub(crate) struct Merged {
    sources: SelectAll<Pin<Box<dyn Stream<Item = Vec<u8>>>>>,
    /// What came before the answer began.
    first: Option<Vec<u8>>,
    /// Gone once the end is written.
    merger: Option<Merger>,
}

/// One instance's list, which may not have been asked for yet.
struct Source {
    proxy: Rc<Proxy>,
    caller: Caller,
    instance: Arc<Instance>,
    route: Route,
    call: Call,
    request: Option<Request<Upload>>,
    kind: List,
    list: Option<(Answer, Splitter)>,
    deadline: Instant,
    ends: Rc<Ends>,
}

/// How the sources ended that have.
#[derive(Default)]
struct Ends {
    complete: Cell<usize>,
    failed: Cell<usize>,
}

/// Why a source ended early. What it was is logged where it happened.
struct Incomplete;

impl Proxy {
    /// Answers `getMeetings` and `getSessions`. Instances that fail are left out, unless all of them do: an empty list would tell a frontend that all
    /// its meetings are over.
    pub(super) async fn list(self: &Rc<Self>, received: &Received<'_>, load: Load) -> Result<Response<Body>, Failure> {
        let instances = self.table.borrow_mut().load().instances_of(&received.caller.tenant);
        let kind = if received.call == Call::GetSessions { List::Sessions } else { List::Meetings };
        self.merge(kind, received, &load, instances).await
    }

    /// The lists of several instances as one, of what is the tenant's.
    pub(super) async fn merge(
        self: &Rc<Self>,
        kind: List,
        received: &Received<'_>,
        load: &Load,
        instances: Vec<Arc<Instance>>,
    ) -> Result<Response<Body>, Failure> {
        let ends = Rc::new(Ends::default());
        let mut sources = SelectAll::new();
        for instance in instances {
            let Ok(route) = self.upstream.to(&instance) else { continue };
            let request = received.request(&instance, route.target(), load.copy_without_body())?;
            let source = Source {
                proxy: Rc::clone(self),
                caller: received.caller.clone(),
                deadline: received.deadline - self.reserve(&instance),
                instance,
                route,
                call: received.call,
                request: Some(request),
                kind,
                list: None,
                ends: Rc::clone(&ends),
            };
            sources.push(source.batches());
        }
        let first = sources.next().await;
        if first.is_none() && ends.complete.get() == 0 && ends.failed.get() > 0 {
            return Err(Failure::NoList);
        }
        let merged = Merged { sources, first, merger: Some(Merger::of(kind)) };
        let mut response = Response::new(Body::Merged(Box::new(merged)));
        response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static(CONTENT_TYPE));
        Ok(response)
    }

    /// What has to be left of a call's time when an instance is given up: a fifth, as frontends wait no longer than that time. An
    /// instance that the checks found away gets no more than a fifth.
    pub(super) fn reserve(&self, instance: &Instance) -> Duration {
        let fifth = self.configured.borrow().upstream.call_timeout / 5;
        if instance.online { fifth } else { 4 * fifth }
    }
}

impl Merged {
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(merger) = &mut self.merger else { return Poll::Ready(None) };
        let batch = match self.first.take() {
            Some(first) => Some(first),
            None => std::task::ready!(self.sources.poll_next_unpin(cx)),
        };
        let mut out = Vec::new();
        match batch {
            Some(batch) => merger.add(&batch, &mut out),
            None => self.merger.take().unwrap_or_default().finish(&mut out),
        }
        Poll::Ready(Some(out.into()))
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.merger.is_none()
    }
}

impl Source {
    /// The tenant's meetings, some at a time; each batch is one or more, with line breaks between them.
    fn batches(self) -> Pin<Box<dyn Stream<Item = Vec<u8>>>> {
        let batches = stream::unfold(self, async |mut source| {
            let batch = timeout_at(source.deadline, source.next()).await.unwrap_or(Err(Incomplete));
            let count = match &batch {
                Ok(Some(_)) => None,
                Ok(None) => Some(&source.ends.complete),
                Err(Incomplete) => Some(&source.ends.failed),
            };
            count.inspect(|count| count.set(count.get() + 1));
            Some((batch.ok()??, source))
        });
        Box::pin(batches)
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>, Incomplete> {
        if let Some(request) = self.request.take() {
            let Self { proxy, instance, route, call, deadline, .. } = self;
            let called = proxy.upstream.call(*call, instance, route, request, Repeat::Always, *deadline).await;
            self.list = Some((called.map_err(|_| Incomplete)?.into_body(), Splitter::of(self.kind)));
        }
        while let Some((answer, splitter)) = &mut self.list {
            let Some(frame) = answer.frame().await else { break };
            let Ok(data) = frame.map_err(|_| Incomplete)?.into_data() else { continue };
            let table = Arc::clone(self.proxy.table.borrow_mut().load());
            let mut batch = Vec::new();
            let owned = |item: &[u8]| is_owned(self.kind, &table, &self.caller, &self.instance.url, item);
            let pushed = splitter.push(&data, |item| {
                if owned(item) {
                    if !batch.is_empty() {
                        batch.push(b'\n');
                    }
                    batch.extend_from_slice(item);
                }
            });
            pushed.map_err(|error| incomplete(&self.proxy, &self.instance, error))?;
            if !batch.is_empty() {
                return Ok(Some(batch));
            }
        }
        let end = self.list.take().map_or(Ok(()), |(_, splitter)| splitter.finish());
        if end == Err(ListingError::LeftOut) {
            // So would it tell the frontend: there is nothing to be had without naming recordings or a page.
            return Ok(None);
        }
        end.map(|()| None).map_err(|error| incomplete(&self.proxy, &self.instance, error))
    }
}

fn incomplete(proxy: &Proxy, instance: &Instance, error: ListingError) -> Incomplete {
    tracing::warn!(instance = &*instance.url, %error, "the list of an instance is left out, or the rest of it");
    proxy.upstream.garbage(&instance.url);
    Incomplete
}

/// A meeting on an instance is the tenant's: it was placed for it, or says so itself, or is a breakout room of one that was. What nobody
/// knows belongs to the tenant that all calls belong to, if there is one.
fn is_owned(kind: List, table: &Table, caller: &Caller, instance: &str, element: &[u8]) -> bool {
    if kind == List::Recordings {
        return Recording::read(element).is_some_and(|recording| table.owns(caller, instance, &recording));
    }
    let tenant = &*caller.tenant.host;
    let Some(meeting) = Meeting::read(element) else { return false };
    let placed_for = |key| table.owner(key, instance).map(|owner| &*owner.host);
    let parent = || placed_for(MeetingKey::of_internal(meeting.parent.as_ref()?.as_bytes())?);
    let named = meeting.tenant.as_deref().filter(|host| table.is_tenant(host));
    match placed_for(meeting.key()).or(named).or_else(parent) {
        Some(owner) => owner == tenant,
        None => tenant == "*" || table.is_only_tenant(tenant),
    }
}
