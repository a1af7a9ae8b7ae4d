//! The body of a request on its way to an instance.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The most bytes that a frontend may send: presentations travel in the body of a create.
pub(crate) const BODY_MAX: u64 = 32 << 20;

/// A body that is passed on as it arrives.
#[derive(Debug)]
pub(crate) struct Upload {
    /// What comes first: it was read before it was known where the body goes, or is our own.
    first: Bytes,
    /// `None`: nothing else comes.
    body: Option<Incoming>,
    left: u64,
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error("the body is larger than {BODY_MAX} bytes")]
    TooLarge,
    #[error("the frontend broke off")]
    Frontend(#[source] hyper::Error),
}

impl Upload {
    /// No body.
    pub(crate) fn none() -> Self {
        Self { first: Bytes::new(), body: None, left: 0 }
    }

    /// The body of a frontend's request, unless it is known to be too large.
    pub(crate) fn new(body: Incoming) -> Result<Self, UploadError> {
        if body.is_end_stream() {
            return Ok(Self::none());
        }
        if body.size_hint().lower() > BODY_MAX {
            return Err(UploadError::TooLarge);
        }
        Ok(Self { first: Bytes::new(), body: Some(body), left: BODY_MAX })
    }

    pub(crate) fn is_none(&self) -> bool {
        self.first.is_empty() && self.body.is_none()
    }

    /// Puts bytes before all that is still to come.
    pub(crate) fn begin_with(&mut self, bytes: Bytes) {
        self.first = bytes;
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(cx));
        let size = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len) as u64;
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                Poll::Ready(frame.map(|frame| frame.map_err(UploadError::Frontend)))
            }
            None => Poll::Ready(Some(Err(UploadError::TooLarge))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.len() as u64;
        let rest = self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Incoming::size_hint);
        match rest.exact() {
            Some(rest) => SizeHint::with_exact(first + rest),
            None => SizeHint::default(),
        }
    }
}
