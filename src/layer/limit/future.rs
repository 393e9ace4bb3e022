use crate::error::{Error, Rejected};
use crate::layer::pass::Turned;
use crate::layer::queued::Queued;
use crate::layer::route::Routed;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_service::Service;

pin_project! {
    /// The future of [`LimitService`](super::LimitService).
    pub struct LimitFuture<R, K, S, F> {
        #[pin]
        state: State<R, K, S, F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<R, K, S, F> {
        // In a box: few wait, and all would be as large.
        Waiting { waiting: Option<Box<Waiting<R, K, S>>> },
        Calling { #[pin] future: F },
        Rejected { rejected: Rejected },
    }
}

/// A request that stands in the route's queue, and the service that it wants to go to.
struct Waiting<R, K, S> {
    routed: Routed<R, K>,
    inner: S,
    queued: Queued,
}

impl<R, K, S, F> fmt::Debug for LimitFuture<R, K, S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitFuture").finish_non_exhaustive()
    }
}

impl<R, K, S, F> LimitFuture<R, K, S, F> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the future is made in its place, not moved there")]
    pub(super) fn calling(future: F) -> Self {
        LimitFuture { state: State::Calling { future } }
    }

    #[cold]
    pub(super) fn rejected(rejected: Rejected) -> Self {
        LimitFuture { state: State::Rejected { rejected } }
    }

    #[cold]
    pub(super) fn waiting(routed: Routed<R, K>, inner: S, turned: Turned) -> Self {
        let waiting = Box::new(Waiting { routed, inner, queued: Queued::new(turned) });
        LimitFuture { state: State::Waiting { waiting: Some(waiting) } }
    }
}

impl<R, K, S, E> Future for LimitFuture<R, K, S, S::Future>
where
    S: Service<Routed<R, K>, Error = Error<E>>,
{
    type Output = Result<S::Response, Error<E>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Waiting { waiting } => {
                    let Some(it) = waiting.as_mut() else { panic!("polled after it was over") };
                    let admitted = ready!(it.queued.poll(&mut it.routed.pass, cx));
                    let Some(it) = waiting.take() else { panic!("polled after it was over") };
                    let Waiting { routed, mut inner, .. } = *it;
                    match admitted {
                        Ok(()) => state.set(State::Calling { future: inner.call(routed) }),
                        Err(rejected) => return Poll::Ready(Err(Error::Rejected(rejected))),
                    }
                }
                StateProj::Calling { future } => return future.poll(cx),
                StateProj::Rejected { rejected } => return Poll::Ready(Err(Error::Rejected(rejected.clone()))),
            }
        }
    }
}
