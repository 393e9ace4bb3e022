use crate::error::Error;
use crate::protocol::{Answer, Refusal};
use pin_project_lite::pin_project;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// A stack whose refusals are answers: see [`Stack::answering`](super::Stack::answering).
#[derive(Clone, Debug)]
pub struct Answering<S, K> {
    stack: S,
    protocol: K,
}

impl<S, K> Answering<S, K> {
    /// Answers for a service of [`Error`]s, such as a stack that is arranged by hand.
    pub fn new(stack: S, protocol: K) -> Self {
        Answering { stack, protocol }
    }

    /// The same with an answer for what the service fails with, too: 502 in HTTP, `UNAVAILABLE` in gRPC. For routers that
    /// want no errors; what the error was is known to the [`Observer`](crate::Observer) only as a failure.
    pub fn infallible(self) -> Infallibly<S, K> {
        Infallibly { stack: self.stack, protocol: self.protocol }
    }

    /// Compiles only if this is a service for requests of type `R`, and says what is missing if it is not.
    pub fn check<R>(self) -> Self
    where
        Self: Service<R>,
    {
        self
    }
}

impl<R, S, K, E> Service<R> for Answering<S, K>
where
    S: Service<R, Error = Error<E>>,
    K: Answer<S::Response> + Clone,
{
    type Response = S::Response;
    type Error = E;
    type Future = AnswerFuture<S::Future, K>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        // The stack is always ready.
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        AnswerFuture { future: self.stack.call(request), protocol: self.protocol.clone() }
    }
}

pin_project! {
    /// The future of [`Answering`].
    pub struct AnswerFuture<F, K> {
        #[pin]
        future: F,
        protocol: K,
    }
}

impl<F, K> fmt::Debug for AnswerFuture<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerFuture").finish_non_exhaustive()
    }
}

impl<F, K, T, E> Future for AnswerFuture<F, K>
where
    F: Future<Output = Result<T, Error<E>>>,
    K: Answer<T>,
{
    type Output = Result<T, E>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let me = self.project();
        Poll::Ready(match ready!(me.future.poll(cx)) {
            Ok(answer) => Ok(answer),
            Err(Error::Rejected(rejected)) => Ok(me.protocol.answer(&Refusal::Rejected(rejected))),
            Err(Error::TimedOut(timed_out)) => Ok(me.protocol.answer(&Refusal::TimedOut(timed_out))),
            Err(Error::Inner(error)) => Err(error),
        })
    }
}

/// A stack that answers everything: see [`Answering::infallible`].
#[derive(Clone, Debug)]
pub struct Infallibly<S, K> {
    stack: S,
    protocol: K,
}

impl<R, S, K, E> Service<R> for Infallibly<S, K>
where
    S: Service<R, Error = Error<E>>,
    K: Answer<S::Response> + Clone,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = InfalliblyFuture<S::Future, K>;

    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // The stack is always ready.
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        InfalliblyFuture { future: AnswerFuture { future: self.stack.call(request), protocol: self.protocol.clone() } }
    }
}

pin_project! {
    /// The future of [`Infallibly`].
    pub struct InfalliblyFuture<F, K> {
        #[pin]
        future: AnswerFuture<F, K>,
    }
}

impl<F, K> fmt::Debug for InfalliblyFuture<F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfalliblyFuture").finish_non_exhaustive()
    }
}

impl<F, K, T, E> Future for InfalliblyFuture<F, K>
where
    F: Future<Output = Result<T, Error<E>>>,
    K: Answer<T>,
{
    type Output = Result<T, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut answering = self.project().future;
        Poll::Ready(Ok(match ready!(answering.as_mut().poll(cx)) {
            Ok(answer) => answer,
            Err(_) => answering.protocol.answer(&Refusal::Failed),
        }))
    }
}
