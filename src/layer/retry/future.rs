use super::attempts::Attempts;
use super::more::More;
use crate::error::Error;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

pin_project! {
    /// The future of [`RetryService`](super::RetryService): one attempt, and if it comes to that, others.
    pub struct RetryFuture<K, Q, A: Attempts<Q, K>> {
        // The first attempt, and each that follows when no other is under way.
        #[pin]
        first: A::Future,
        // None of a request that is sent once.
        more: Option<Box<More<K, Q, A>>>,
    }
}

impl<K, Q, A: Attempts<Q, K>> fmt::Debug for RetryFuture<K, Q, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").field("may_retry", &self.more.is_some()).finish_non_exhaustive()
    }
}

impl<K, Q, A: Attempts<Q, K>> RetryFuture<K, Q, A> {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the future is made in its place, not moved there")]
    pub(crate) fn new(first: A::Future, more: Option<Box<More<K, Q, A>>>) -> Self {
        RetryFuture { first, more }
    }
}

impl<K: Clone, Q, A: Attempts<Q, K>> Future for RetryFuture<K, Q, A> {
    type Output = Result<A::Answer, Error<A::Error>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut me = self.project();
        let Some(more) = me.more else { return me.first.poll(cx) };
        let answer = ready!(more.poll(me.first.as_mut(), cx));
        // All that the others held is free before the answer is handed on.
        me.first.set(more.over());
        *me.more = None;
        Poll::Ready(answer)
    }
}
