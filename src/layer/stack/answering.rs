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
#[derive(Debug)]
pub struct Answering<S, K> {
    pub(super) stack: S,
    pub(super) protocol: K,
    /// Why the stack failed its readiness check: it is not asked again, and this is the answer to every call.
    refusal: Option<Refusal>,
}

impl<S: Clone, K: Clone> Clone for Answering<S, K> {
    /// The same, not asked yet whether it is ready.
    fn clone(&self) -> Self {
        Answering::new(self.stack.clone(), self.protocol.clone())
    }
}

impl<S, K> Answering<S, K> {
    /// Answers for a service of [`Error`]s, such as a stack that is arranged by hand.
    pub fn new(stack: S, protocol: K) -> Self {
        Answering { stack, protocol, refusal: None }
    }

    /// The same with an answer for what the service fails with, too: 502 in HTTP, `UNAVAILABLE` in gRPC. For routers that
    /// want no errors.
    ///
    /// What the error was is then known to nobody; who wants it in a log takes it on its way:
    ///
    /// ```
    /// use contraflow::layer::{Answering, Origin};
    /// use contraflow::{Http, Traffic};
    /// use tower::ServiceExt;
    /// # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    /// # let traffic = Traffic::single("api", |route| route)?;
    /// # let client = Client::builder(TokioExecutor::new()).build_http();
    ///
    /// let stack = traffic.layers(Http).origin(Origin::new(), client).map_err(|error| {
    ///     eprintln!("{error}");
    ///     error
    /// });
    /// let app: axum::Router = axum::Router::new().fallback_service(Answering::new(stack, Http).infallible());
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn infallible(self) -> Infallibly<S, K> {
        Infallibly { answering: self }
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

    /// Our stacks are always ready; one by hand is as ready as what stands in it.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), E>> {
        if self.refusal.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = ready!(self.stack.poll_ready(cx)) {
            self.refusal = Some(refusal(error)?);
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        let protocol = self.protocol.clone();
        if let Some(refusal) = self.refusal.clone() {
            return AnswerFuture { future: None, refusal: Some(refusal), protocol };
        }
        AnswerFuture { future: Some(self.stack.call(request)), refusal: None, protocol }
    }
}

/// What an error is answered with; the service's own stays one.
fn refusal<E>(error: Error<E>) -> Result<Refusal, E> {
    match error {
        Error::Rejected(rejected) => Ok(Refusal::Rejected(rejected)),
        Error::TimedOut(timed_out) => Ok(Refusal::TimedOut(timed_out)),
        Error::Inner(error) => Err(error),
        Error::GaveUp(gave_up) => refusal(gave_up.into_error()),
    }
}

pin_project! {
    /// The future of [`Answering`].
    pub struct AnswerFuture<F, K> {
        // None when there is nothing to wait for.
        #[pin]
        future: Option<F>,
        refusal: Option<Refusal>,
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
        let refusal = match me.future.as_pin_mut() {
            Some(future) => match ready!(future.poll(cx)) {
                Ok(answer) => return Poll::Ready(Ok(answer)),
                Err(error) => refusal(error)?,
            },
            None => me.refusal.take().expect("polled after it was over"),
        };
        Poll::Ready(Ok(me.protocol.answer(&refusal)))
    }
}

/// A stack that answers everything: see [`Answering::infallible`].
#[derive(Clone, Debug)]
pub struct Infallibly<S, K> {
    answering: Answering<S, K>,
}

impl<R, S, K, E> Service<R> for Infallibly<S, K>
where
    S: Service<R, Error = Error<E>>,
    K: Answer<S::Response> + Clone,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = InfalliblyFuture<S::Future, K>;

    /// As [`Answering`]; one that is broken is ready, and answers so.
    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if ready!(self.answering.poll_ready(cx)).is_err() {
            self.answering.refusal = Some(Refusal::Failed);
        }
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        InfalliblyFuture { future: self.answering.call(request) }
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
