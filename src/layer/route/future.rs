use crate::error::{Error, Rejected, TimedOut};
use crate::layer::pass::Timing;
use crate::time::Sleep;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The future of [`RouteService`](super::RouteService): one that a deadline ends.
    pub struct RouteFuture<F> {
        #[pin]
        state: State<F>,
        // None for a request that has no deadline.
        timing: Option<Timing>,
        timer: Option<Sleep>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Running { #[pin] future: F },
        Rejected { rejected: Rejected },
        // The future is gone, and all it held.
        Over,
    }
}

impl<F> fmt::Debug for RouteFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouteFuture").finish_non_exhaustive()
    }
}

impl<F> RouteFuture<F> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the future is made in its place, not moved there")]
    pub(crate) fn new(future: F, timing: Option<Timing>) -> Self {
        RouteFuture { state: State::Running { future }, timing, timer: None }
    }

    #[cold]
    pub(crate) fn rejected(rejected: Rejected) -> Self {
        RouteFuture { state: State::Rejected { rejected }, timing: None, timer: None }
    }
}

impl<F, T, E> Future for RouteFuture<F>
where
    F: Future<Output = Result<T, Error<E>>>,
{
    type Output = Result<T, Error<E>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        match me.state.as_mut().project() {
            StateProj::Running { future } => {
                // The answer first: one that is there in time is not refused because the timer is, too.
                if let Poll::Ready(answer) = future.poll(cx) {
                    return Poll::Ready(answer);
                }
                match me.timing {
                    Some(timing) if timing.is_over(me.timer, cx) => {
                        me.state.set(State::Over);
                        Poll::Ready(Err(Error::TimedOut(TimedOut::new(timing.given()))))
                    }
                    _ => Poll::Pending,
                }
            }
            StateProj::Rejected { rejected } => Poll::Ready(Err(Error::Rejected(rejected.clone()))),
            StateProj::Over => panic!("polled after it was over"),
        }
    }
}
