use super::attempts::{Layered, LayeredFuture};
use super::future::RetryFuture;
use super::more::prepare;
use crate::error::Error;
use crate::layer::attempt::{Attempt, seal};
use crate::layer::route::Routed;
use crate::protocol::Replay;
use std::task::{Context, Poll};
use tower_service::Service;

/// The service of [`RetryLayer`](super::RetryLayer).
#[derive(Clone, Debug)]
pub struct RetryService<S> {
    inner: S,
}

impl<S> RetryService<S> {
    pub(super) fn new(inner: S) -> Self {
        RetryService { inner }
    }
}

impl<R, K, S, E> Service<Routed<R, K>> for RetryService<S>
where
    K: Replay<R> + Clone,
    S: Service<Attempt<K::Sent, K>, Error = Error<E>> + Clone,
{
    type Response = S::Response;
    type Error = Error<E>;
    type Future = RetryFuture<K, K::Sent, Layered<S>>;

    /// As the layer inside, for the first attempt; each other one asks a clone of it.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, routed: Routed<R, K>) -> Self::Future {
        let Routed { request, mut pass, protocol } = routed;
        let mut request = seal(&protocol, &pass, request);
        let more = prepare(&protocol, &mut pass, &mut request, || Layered::new(self.inner.clone()));
        let ledger = pass.ledger();
        let future = self.inner.call(Attempt { request, pass, protocol });
        RetryFuture::new(LayeredFuture::calling(future, ledger), more)
    }
}
