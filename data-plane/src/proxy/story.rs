//! What is told of a call once it is over: to the tally, to the access log and to its trace.

use super::Proxy;
use crate::access::Line;
use crate::client::Client;
use crate::clock;
use crate::table::{Caller, Instance};
use crate::tally::Outcome;
use crate::trace;
use b3lb_config::traces;
use bbb::Call;
use http::{HeaderMap, Method};
use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::Instant;
use tracing::Span;

/// What is told of one call. Whatever becomes of it, it is told when this is dropped.
pub(super) struct Story<'a> {
    proxy: &'a Proxy,
    call: Call,
    arrived: Instant,
    /// Whose call it is, once that is known.
    pub(super) caller: OnceCell<Caller>,
    pub(super) asked: Asked,
    pub(super) span: Span,
    outcome: Cell<Outcome>,
    status: Cell<Option<u16>>,
    entry: Option<Box<Entry>>,
}

/// The instance that a call was taken to, if anybody wants to know. Its name is one that all workers count references to, which is not
/// done for nothing.
#[derive(Default)]
pub(crate) struct Asked {
    wanted: bool,
    instance: Cell<Option<Arc<str>>>,
}

/// What only the access log wants to know.
struct Entry {
    at: SystemTime,
    client: Box<str>,
    trace: Option<Box<str>>,
}

impl<'a> Story<'a> {
    pub(super) fn begin(
        proxy: &'a Proxy,
        call: Call,
        arrived: Instant,
        client: &Client,
        (method, headers): (&Method, &HeaderMap),
    ) -> Self {
        proxy.tally.begin();
        let span = trace::call(call, method, headers);
        let entry = proxy.access.is_some().then(|| {
            // Where there are no traces of ours, there may be one of the frontend's.
            let trace = traces::id(&span).or_else(|| traces::id_in(headers)).map(String::into_boxed_str);
            Box::new(Entry { at: clock::now(), client: client.peer().client(headers), trace })
        });
        let asked = Asked { wanted: entry.is_some() || !span.is_disabled(), instance: Cell::default() };
        let (outcome, status) = (Cell::new(Outcome::Abandoned), Cell::new(None));
        Self { proxy, call, arrived, caller: OnceCell::new(), asked, span, outcome, status, entry }
    }

    /// Its answer begins.
    pub(super) fn end(self, outcome: Outcome, status: u16) {
        self.outcome.set(outcome);
        self.status.set(Some(status));
    }
}

impl Asked {
    /// The call goes to this instance.
    pub(crate) fn note(&self, instance: &Instance) {
        if self.wanted {
            self.instance.set(Some(Arc::clone(&instance.url)));
        }
    }
}

impl Drop for Story<'_> {
    fn drop(&mut self) {
        let tenant = self.caller.get().map(|caller| &caller.tenant.host);
        let (outcome, status, took) = (self.outcome.get(), self.status.get(), self.arrived.elapsed());
        self.proxy.tally.end(self.call, tenant, outcome, took);
        let instance = self.asked.instance.take();
        if !self.span.is_disabled() {
            trace::end(&self.span, tenant.map(|host| &**host), instance.as_deref(), outcome, status);
        }
        if let (Some(entry), Some(access)) = (self.entry.take(), &self.proxy.access) {
            let Entry { at, client, trace } = *entry;
            let (tenant, call) = (tenant.cloned(), self.call);
            access.leave(Line { at, client, tenant, call, outcome, status, took, instance, trace });
        }
    }
}
