//! Callbacks of instances on their way to frontends: checked with the secret of the instance, signed anew with the tenant's.
//!
//! No proxy remembers anything of them: where one goes is sealed in its url, so that any proxy can take it.

mod delivery;
mod guard;

pub(crate) use delivery::Delivery;

use crate::body::Body;
use crate::client::Client;
use crate::failure::Failure;
use crate::proxy::Proxy;
use crate::table::{Caller, Instance, Table, Whereabouts};
use bbb::callback::event::{self, Signing};
use bbb::callback::seal::{Destination, Seal};
use bbb::callback::{Kind, PATH, jwt};
use bbb::form::Layout;
use bbb::{Form, Query, Secret};
use bytes::Bytes;
use delivery::Parcel;
use http::header::{AUTHORIZATION, HeaderMap};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use std::sync::Arc;
use tokio::time::{Instant, timeout_at};

/// The most bytes that an instance tells at once: what went on in a meeting of a thousand people has a few hundred kB.
const BODY_MAX: usize = 4 << 20;

/// How callbacks get their urls, and how they are delivered.
pub(crate) struct Callbacks {
    pub(crate) seal: Seal,
    pub(crate) delivery: Delivery,
}

impl Callbacks {
    /// The url of our own that an instance is to call instead of the tenant's; `base`: where instances reach us.
    pub(crate) fn url(&self, base: &str, destination: &Destination) -> String {
        format!("{base}{PATH}{}", self.seal.seal(destination, rand::random()))
    }
}

impl Proxy {
    /// What is no call may be a callback: takes it to where its token says, and answers what was answered there.
    pub(crate) async fn relay(
        &self,
        request: Request<Incoming>,
        client: &Client,
        arrived: Instant,
    ) -> Result<Response<Body>, Failure> {
        let token = request.uri().path().strip_prefix(PATH).ok_or(Failure::NoCall)?.to_owned();
        if request.method() != Method::POST {
            return Err(Failure::WrongMethod);
        }
        let destination = self.callbacks.seal.open(&token).ok_or(Failure::NoCall)?;
        let deadline = arrived + delivery::DEADLINE;
        client.must_end_by(deadline);
        let (head, body) = request.into_parts();
        let body = read(body, deadline).await?;
        let (instance, caller) = self.parties(&destination)?;
        let to = caller.tenant.secrets.first().ok_or(Failure::Gone)?;
        let parcel = signed_anew(&destination, &token, &head, body, &instance.secret, to)?;
        if destination.kind == Kind::Hook && !self.is_about(&caller, &instance, &parcel.body) {
            tracing::debug!(tenant = &*caller.tenant.host, "an event of somebody else's meeting is not passed on");
            return Ok(Response::new(Body::Whole(Bytes::new())));
        }
        let answer = self.callbacks.delivery.deliver(parcel, deadline).await?;
        Ok(answer.map(Body::Whole))
    }

    /// The instance that a callback comes from, and the tenant it goes to.
    fn parties(&self, destination: &Destination) -> Result<(Arc<Instance>, Caller), Failure> {
        let mut table = self.table.borrow_mut();
        let table = table.load();
        if !table.is_known() {
            return Err(Failure::NotReady);
        }
        let instance = table.instance(&destination.instance).cloned();
        let caller = table.caller(&destination.tenant).filter(|caller| *caller.tenant.host == *destination.tenant);
        instance.zip(caller).ok_or(Failure::Gone)
    }

    /// Everything that events tell of is the tenant's. The instance has no notion of tenants, and tells everything to every hook.
    fn is_about(&self, caller: &Caller, instance: &Instance, form: &[u8]) -> bool {
        let table = Arc::clone(self.table.borrow_mut().load());
        if table.is_only_tenant(&caller.tenant.host) {
            return true;
        }
        let told = event::meetings(&String::from_utf8_lossy(form));
        !told.is_empty() && told.iter().all(|about| owns(&table, caller, instance, about))
    }
}

fn owns(table: &Table, caller: &Caller, instance: &Instance, about: &event::About) -> bool {
    match table.owner(about.key, &instance.url) {
        Some(owner) => owner.host == caller.tenant.host,
        // It is over, and what is told is what became of its recording.
        None => {
            about.internal_id.as_deref().is_some_and(|id| matches!(table.recording(caller, id), Whereabouts::On(_)))
        }
    }
}

async fn read(body: Incoming, deadline: Instant) -> Result<Bytes, Failure> {
    let read = timeout_at(deadline, Limited::new(body, BODY_MAX).collect()).await.map_err(|_| Failure::Timeout)?;
    read.map(|body| body.to_bytes()).map_err(|error| match error.is::<LengthLimitError>() {
        true => Failure::BodyTooLarge,
        false => Failure::BrokenUpload,
    })
}

/// What the frontend is to be sent.
fn signed_anew(
    destination: &Destination,
    token: &str,
    head: &Parts,
    body: Bytes,
    from: &Secret,
    to: &Secret,
) -> Result<Parcel, Failure> {
    let mut parcel = Parcel { url: destination.url.clone(), headers: delivery::kept(&head.headers), body };
    let text = || std::str::from_utf8(&parcel.body).map_err(|_| Failure::Unsigned);
    match destination.kind {
        Kind::Recording => {
            let (form, _) = Form::read(&Layout::Encoded, text()?.as_bytes(), true);
            let signed = form.get_one("signed_parameters").ok().flatten().ok_or(Failure::Unsigned)?;
            let signed = String::from_utf8_lossy(&signed).into_owned();
            let signed = jwt::resigned(&signed, from, to).ok_or(Failure::Unsigned)?;
            let form = form.with(|name| name == b"signed_parameters", Some(&signed)).ok_or(Failure::Unsigned)?;
            parcel.body = Bytes::copy_from_slice(form.as_bytes());
        }
        Kind::Analytics => {
            let signed = bearer(&head.headers).and_then(|token| jwt::resigned(token, from, to));
            parcel.bear(&signed.ok_or(Failure::Unsigned)?)?;
        }
        Kind::Hook => match bearer(&head.headers) {
            // bbb-webhooks can be told to show the secret itself.
            Some(shown) if shown == from.reveal() && !shown.is_empty() => parcel.bear(to.reveal())?,
            Some(_) => return Err(Failure::Unsigned),
            None => {
                let url = format!("{}{PATH}{token}", destination.base);
                let query = Query::new(head.uri.query().unwrap_or_default());
                let checksum = query.get_one("checksum").ok().flatten().ok_or(Failure::Unsigned)?;
                let checksum = String::from_utf8_lossy(&checksum);
                let form = text()?;
                let signing = Signing::find(&url, form, &checksum, from).ok_or(Failure::Unsigned)?;
                parcel.url = signing.signed_url(&destination.url, form, to);
            }
        },
    }
    Ok(parcel)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

impl Parcel {
    fn bear(&mut self, token: &str) -> Result<(), Failure> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Failure::Unsigned)?;
        value.set_sensitive(true);
        self.headers.insert(AUTHORIZATION, value);
        Ok(())
    }
}
