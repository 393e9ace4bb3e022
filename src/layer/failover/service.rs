use super::future::FailoverFuture;
use crate::error::Error;
use crate::layer::attempt::{Attempt, seal};
use crate::layer::held::Held;
use crate::layer::leaf::Leaf;
use crate::layer::pass::End;
use crate::layer::route::Routed;
use crate::protocol::{Classify, Release, Replay};
use std::task::{Context, Poll};
use tower_service::Service;

/// The service of [`FailoverLayer`](super::FailoverLayer).
#[derive(Clone, Debug)]
pub struct FailoverService<L> {
    leaf: L,
    shows_decision: bool,
}

impl<L> FailoverService<L> {
    pub(super) fn new(leaf: L, shows_decision: bool) -> Self {
        FailoverService { leaf, shows_decision }
    }
}

impl<R, K, L> Service<Routed<R, K>> for FailoverService<L>
where
    K: Replay<R> + Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<K::Sent>,
{
    type Response = K::Held<Held>;
    type Error = Error<L::Error>;
    type Future = FailoverFuture<K, K::Sent, L>;

    /// Always ready: what there would be to wait for depends on the request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, routed: Routed<R, K>) -> Self::Future {
        let Routed { request, pass, protocol } = routed;
        let request = seal(&protocol, &pass, request);
        self.call(Attempt { request, pass, protocol })
    }
}

impl<Q, K, L> Service<Attempt<Q, K>> for FailoverService<L>
where
    K: Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<Q>,
{
    type Response = K::Held<Held>;
    type Error = Error<L::Error>;
    type Future = FailoverFuture<K, Q, L>;

    /// Always ready: what there would be to wait for depends on the request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, attempt: Attempt<Q, K>) -> Self::Future {
        let Attempt { request, mut pass, protocol } = attempt;
        // Another layer may have kept it.
        if let Err(rejected) = pass.begin_now() {
            pass.ended(End::Local);
            return FailoverFuture::rejected(protocol, rejected);
        }
        pass.shows_decision(self.shows_decision);
        FailoverFuture::start(protocol, pass, request, &mut self.leaf)
    }
}
