//! The bodies of answers to frontends.

use crate::proxy::Merged;
use crate::upstream::Answer;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What a frontend is sent.
pub(crate) enum Body {
    /// Something of our own.
    Whole(Bytes),
    /// An instance's answer, as it arrives.
    Answer(Answer),
    /// The same, of which the beginning was read already.
    Begun(Bytes, Answer),
    /// The lists of several instances.
    Merged(Box<Merged>),
}

impl HttpBody for Body {
    type Data = Bytes;
    /// The instance broke off; so does what is sent to the frontend, which must not take it for the whole.
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut *self {
            Self::Whole(bytes) | Self::Begun(bytes, _) if !bytes.is_empty() => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Self::Whole(_) => Poll::Ready(None),
            Self::Begun(_, answer) | Self::Answer(answer) => Pin::new(answer).poll_frame(cx),
            Self::Merged(merged) => merged.poll_next(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Answer(answer) => answer.is_end_stream(),
            Self::Begun(bytes, answer) => bytes.is_empty() && answer.is_end_stream(),
            Self::Merged(merged) => merged.is_finished(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Answer(answer) => answer.size_hint(),
            Self::Begun(bytes, answer) => match answer.size_hint().exact() {
                Some(rest) => SizeHint::with_exact(bytes.len() as u64 + rest),
                None => SizeHint::default(),
            },
            Self::Merged(_) => SizeHint::default(),
        }
    }
}
