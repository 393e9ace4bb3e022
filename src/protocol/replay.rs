//! The body of a request as it is sent.

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The body of a request as it is sent: the caller's own, or none.
    ///
    /// A request without a body can be copied whatever type its body would be of, so that a streaming body need not be
    /// `Clone` for a `GET` to be sent again.
    #[derive(Debug)]
    pub struct ReplayBody<B> {
        // None for a body that had nothing in it.
        #[pin]
        body: Option<B>,
    }
}

impl<B: Body> ReplayBody<B> {
    #[inline]
    pub(super) fn new(body: B) -> Self {
        ReplayBody { body: (!body.is_end_stream()).then_some(body) }
    }

    /// The same body once more; none when it cannot be repeated in full.
    #[inline]
    pub(super) fn copy(&mut self, max_body: usize) -> Option<Self> {
        let _ = max_body;
        if self.body.is_none() { Some(ReplayBody { body: None }) } else { None }
    }
}

impl<B: Body> Body for ReplayBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().body.as_pin_mut() {
            Some(body) => body.poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> Default for ReplayBody<B> {
    fn default() -> Self {
        ReplayBody { body: None }
    }
}
