//! What goes to an instance as it came.

use super::form::{self, Posted};
use crate::failure::Failure;
use crate::headers::{self, Peer};
use crate::upstream::Upload;
use bbb::Form;
use bbb::form::Layout;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request};
use hyper::body::Incoming;
use std::cell::Cell;
use tokio::time::Instant;

/// The headers of a call, and its body or what is left of it.
pub(crate) struct Load {
    pub(super) headers: HeaderMap,
    pub(super) body: Upload,
    /// It is posted, whatever the method was that it came with.
    pub(super) posted: bool,
}

impl Load {
    /// What a frontend sent.
    ///
    /// # Errors
    /// [`Failure::BodyTooLarge`] if its body is known to be.
    pub(crate) fn new(mut headers: HeaderMap, body: Incoming, peer: &Peer) -> Result<Self, Failure> {
        let body = Upload::new(body).map_err(|_| Failure::BodyTooLarge)?;
        headers::to_instances(&mut headers, peer);
        Ok(Self { headers, body, posted: false })
    }

    /// What a request to an instance carried that was never sent.
    pub(crate) fn regained(request: Request<Upload>) -> Self {
        let posted = *request.method() == Method::POST;
        let (head, body) = request.into_parts();
        Self { headers: head.headers, body, posted }
    }

    /// The headers alone, for the calls that are made of this one.
    pub(crate) fn copy_without_body(&self) -> Self {
        let mut headers = self.headers.clone();
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_TYPE);
        // Their answers are read here.
        headers.remove(ACCEPT_ENCODING);
        Self { headers, body: Upload::none(), posted: false }
    }

    /// What kind of body there is.
    pub(crate) fn posted(&self) -> Posted {
        Posted::of(&self.headers, &self.body)
    }

    /// Reads as much of the body as may hold parameters.
    ///
    /// # Errors
    /// As [`form::read`].
    pub(crate) async fn read_form(
        &mut self,
        layout: &Layout,
        deadline: Instant,
        reading: &Cell<usize>,
    ) -> Result<Form, Failure> {
        form::read(layout, &mut self.body, deadline, reading).await
    }

    /// Where the frontend reaches the proxies.
    pub(crate) fn public_url(&self) -> Option<String> {
        headers::public_url(&self.headers)
    }

    /// There is no body.
    pub(crate) fn is_bodiless(&self) -> bool {
        self.body.is_none()
    }

    /// Posts a document of our own where the frontend sent none.
    pub(crate) fn post(&mut self, document: String, media_type: &'static str) {
        self.headers.remove(CONTENT_LENGTH);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        self.body.begin_with(Bytes::from(document));
        self.posted = true;
    }
}
