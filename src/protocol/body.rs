//! The body of an answer with a guard in it.

use super::marker::Guard;
use super::outcome::Outcome;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What the trailers of an answer say, or their absence.
pub(super) type AtEnd = fn(Option<&HeaderMap>) -> Outcome;

pin_project! {
    /// The body of an answer, with the guard that counts its request as in flight.
    ///
    /// Frames, trailers, [`size_hint`](Body::size_hint) and [`is_end_stream`](Body::is_end_stream) are those of the body
    /// inside. The guard goes when the body ends, fails, says that nothing more will come, or is dropped. An answer of ours,
    /// to a request that was refused, has an empty body.
    pub struct ResponseBody<B, G> {
        #[pin]
        body: Option<B>,
        guard: Option<G>,
        at_end: Option<AtEnd>,
    }
}

impl<B, G> ResponseBody<B, G> {
    /// No body at all.
    pub(super) fn empty() -> Self {
        ResponseBody { body: None, guard: None, at_end: None }
    }

    #[inline]
    pub(super) fn new(body: B, guard: Option<G>, at_end: Option<AtEnd>) -> Self {
        ResponseBody { body: Some(body), guard, at_end }
    }

    /// The body inside, without its guard: the request no longer counts as in flight. None in an answer of ours.
    pub fn into_inner(self) -> Option<B> {
        self.body
    }
}

impl<B: Body, G: Guard> Body for ResponseBody<B, G> {
    type Data = B::Data;
    type Error = B::Error;

    #[inline]
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut me = self.project();
        let Some(mut body) = me.body.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = body.as_mut().poll_frame(cx);
        let Some(guard) = me.guard.as_mut() else { return frame };
        let outcome = match &frame {
            Poll::Pending => {
                guard.waited();
                return frame;
            }
            Poll::Ready(Some(Ok(part))) => {
                let trailers = part.trailers_ref();
                // A reader may stop when it is told that nothing will come, and never see the end.
                if trailers.is_none() && !body.is_end_stream() {
                    guard.progressed();
                    return frame;
                }
                me.at_end.map(|at_end| at_end(trailers))
            }
            Poll::Ready(Some(Err(_))) => Some(Outcome::Failure),
            Poll::Ready(None) => me.at_end.map(|at_end| at_end(None)),
        };
        if let Some(outcome) = outcome {
            guard.judge(outcome);
        }
        *me.guard = None;
        frame
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

impl<B, G> Default for ResponseBody<B, G> {
    fn default() -> Self {
        ResponseBody::empty()
    }
}

impl<B: fmt::Debug, G> fmt::Debug for ResponseBody<B, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_held = self.guard.is_some();
        f.debug_struct("ResponseBody").field("body", &self.body).field("is_held", &is_held).finish_non_exhaustive()
    }
}
