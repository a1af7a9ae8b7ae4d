//! A call whose sender is known, and what is passed on with it.

use crate::failure::Failure;
use crate::headers::{self, Peer};
use crate::table::{Caller, Instance};
use crate::upstream::{Target, Upload};
use bbb::checksum::Signed;
use bbb::{Call, MeetingKey, Query};
use bytes::Bytes;
use http::header::{HOST, HeaderMap};
use http::uri::PathAndQuery;
use http::{Method, Request, Uri};
use hyper::body::Incoming;
use std::borrow::Cow;
use tokio::time::Instant;

/// A call that one of its tenant's secrets signed.
pub(crate) struct Received<'a> {
    pub(crate) call: Call,
    pub(crate) caller: Caller,
    /// When its answer must have begun.
    pub(crate) deadline: Instant,
    method: &'a Method,
    query: Query<'a>,
    signed: Signed<'a>,
}

/// What goes to the instance as it came.
pub(crate) struct Load {
    headers: HeaderMap,
    body: Upload,
}

/// The meeting that a call is about.
pub(crate) struct About<'a> {
    pub(crate) id: Cow<'a, [u8]>,
    pub(crate) key: MeetingKey,
}

impl<'a> Received<'a> {
    /// Checks who sent a call.
    ///
    /// # Errors
    /// [`Failure::Checksum`] if it was not the tenant.
    pub(crate) fn check(
        call: Call,
        method: &'a Method,
        query: Query<'a>,
        caller: Caller,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let signed = Signed::find(query).map_err(|_| Failure::Checksum)?;
        if !signed.verify(call.name(), &caller.tenant.secrets) {
            return Err(Failure::Checksum);
        }
        Ok(Self { call, caller, deadline, method, query, signed })
    }

    /// The meeting it names.
    ///
    /// # Errors
    /// It names none, or several: then instances would differ in which one they take.
    pub(crate) fn about(&self) -> Result<About<'a>, Failure> {
        let id = self.query.get_one("meetingID").map_err(|_| Failure::AmbiguousMeetingId)?;
        let id = id.filter(|id| !id.is_empty()).ok_or(Failure::MissingMeetingId)?;
        let key = MeetingKey::of(&id);
        Ok(About { id, key })
    }

    /// The request to an instance: everything as it came, except for the signature.
    ///
    /// # Errors
    /// The instance's url is none that a call could be sent to.
    pub(crate) fn request(&self, instance: &Instance, target: &Target, load: Load) -> Result<Request<Upload>, Failure> {
        let Load { mut headers, body } = load;
        headers.insert(HOST, target.authority.clone());
        let path = self.resigned(&target.path, instance);
        // All of it stood in a url before.
        let path = PathAndQuery::from_maybe_shared(Bytes::from(path)).map_err(|_| Failure::Unreachable)?;
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// The call as a url or the end of one, with the checksum that the instance demands.
    pub(crate) fn resigned(&self, base: &str, instance: &Instance) -> String {
        let (name, query) = (self.call.name(), self.query.as_str().len());
        let checksums = instance.algorithm.length() - self.signed.algorithm().length().min(instance.algorithm.length());
        let mut path = String::with_capacity(base.len() + name.len() + 1 + query + checksums);
        path.push_str(base);
        path.push_str(name);
        path.push('?');
        self.signed.resign(name, &instance.secret, instance.algorithm, &mut path);
        path
    }
}

impl Load {
    /// What a frontend sent.
    ///
    /// # Errors
    /// [`Failure::BodyTooLarge`] if its body is known to be.
    pub(crate) fn new(mut headers: HeaderMap, body: Incoming, peer: &Peer) -> Result<Self, Failure> {
        let body = Upload::new(body).map_err(|_| Failure::BodyTooLarge)?;
        headers::to_instances(&mut headers, peer);
        Ok(Self { headers, body })
    }

    /// What a request to an instance carried that was never sent.
    pub(crate) fn regained(request: Request<Upload>) -> Self {
        let (head, body) = request.into_parts();
        Self { headers: head.headers, body }
    }

    /// The headers alone, for the calls that are made of this one.
    pub(crate) fn copy_without_body(&self) -> Self {
        Self { headers: self.headers.clone(), body: Upload::none() }
    }
}
