//! The body of an instance's answer, as it arrives.

use super::pool::Lease;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body, and the connection that it comes by. The connection is used again if the body is read to its end.
pub(crate) struct Answer {
    body: Incoming,
    lease: Option<Lease>,
}

impl Answer {
    pub(super) fn new(body: Incoming, lease: Lease) -> Self {
        let mut answer = Self { body, lease: Some(lease) };
        answer.settle();
        answer
    }

    /// Waits for the first `length` bytes, or for all there are if there are fewer.
    pub(crate) async fn begin(&mut self, length: usize) -> Result<Bytes, hyper::Error> {
        let mut begun = Bytes::new();
        while begun.len() < length {
            let Some(frame) = self.frame().await else { break };
            let Ok(data) = frame?.into_data() else { continue };
            begun = if begun.is_empty() { data } else { [begun, data].concat().into() };
        }
        Ok(begun)
    }

    /// Gives the connection back once nothing is left to come.
    fn settle(&mut self) {
        if self.body.is_end_stream() {
            self.end();
        }
    }

    fn end(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { body, lease } = &mut *self;
        let Some(lease) = lease else { return Poll::Ready(None) };
        let frame = std::task::ready!(lease.connection.poll_with(cx, |cx| Pin::new(&mut *body).poll_frame(cx)));
        match &frame {
            Some(Ok(_)) => self.settle(),
            // A body that broke off took its connection with it.
            Some(Err(_)) => self.lease = None,
            None => self.end(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.lease.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
