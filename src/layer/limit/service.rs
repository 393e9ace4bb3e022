use super::future::LimitFuture;
use crate::error::Error;
use crate::layer::pass::Unplaced;
use crate::layer::route::Routed;
use std::mem;
use std::task::{Context, Poll};
use tower_service::Service;

/// The service of [`LimitLayer`](super::LimitLayer).
#[derive(Clone, Debug)]
pub struct LimitService<S> {
    inner: S,
}

impl<S> LimitService<S> {
    pub(super) fn new(inner: S) -> Self {
        LimitService { inner }
    }
}

impl<R, K, S, E> Service<Routed<R, K>> for LimitService<S>
where
    S: Service<Routed<R, K>, Error = Error<E>> + Clone,
{
    type Response = S::Response;
    type Error = Error<E>;
    type Future = LimitFuture<R, K, S, S::Future>;

    /// As the layer inside: those of this crate are always ready. Nothing is admitted here, so an idle clone holds nothing.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, mut routed: Routed<R, K>) -> Self::Future {
        match routed.pass.admit_to_route() {
            Ok(()) => LimitFuture::calling(self.inner.call(routed)),
            Err(Unplaced::Rejected(rejected)) => LimitFuture::rejected(rejected),
            Err(Unplaced::Waits(turned)) => {
                // The one that was driven ready is used up, as tower has it.
                let fresh = self.inner.clone();
                LimitFuture::waiting(routed, mem::replace(&mut self.inner, fresh), turned)
            }
        }
    }
}
