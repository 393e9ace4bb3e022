use crate::error::{BoxError, Error};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A stack whose errors are in a box: see [`Stack::boxed`](super::Stack::boxed).
#[derive(Clone, Debug)]
pub struct Boxed<S> {
    stack: S,
}

impl<S> Boxed<S> {
    pub(super) fn new(stack: S) -> Self {
        Boxed { stack }
    }
}

impl<R, S, E> Service<R> for Boxed<S>
where
    S: Service<R, Error = Error<E>>,
    E: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxedFuture<S::Future>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.stack.poll_ready(cx).map_err(Error::boxed)
    }

    #[inline]
    fn call(&mut self, request: R) -> Self::Future {
        BoxedFuture { future: self.stack.call(request) }
    }
}

pin_project! {
    /// The future of [`Boxed`].
    pub struct BoxedFuture<F> {
        #[pin]
        future: F,
    }
}

impl<F> fmt::Debug for BoxedFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoxedFuture").finish_non_exhaustive()
    }
}

impl<F, T, E> Future for BoxedFuture<F>
where
    F: Future<Output = Result<T, Error<E>>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(cx).map_err(Error::boxed)
    }
}
