use crate::layer::leaf::{Leaf, NotReady, Target};
use std::fmt;
use std::task::{Context, Poll};

/// A leaf whose requests are changed before it gets them: see [`Stack::map_attempt`](super::Stack::map_attempt).
#[derive(Clone, Copy)]
pub struct MapAttempt<L, F> {
    leaf: L,
    map: F,
}

impl<L, F> MapAttempt<L, F> {
    /// A leaf for stacks that are arranged by hand.
    pub fn new<Q, T>(leaf: L, map: F) -> Self
    where
        F: Fn(Q, &Target<'_>) -> T,
    {
        MapAttempt { leaf, map }
    }
}

impl<L: fmt::Debug, F> fmt::Debug for MapAttempt<L, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapAttempt").field("leaf", &self.leaf).finish_non_exhaustive()
    }
}

impl<Q, T, L, F> Leaf<Q> for MapAttempt<L, F>
where
    F: Fn(Q, &Target<'_>) -> T + Clone,
    L: Leaf<T>,
{
    type Response = L::Response;
    type Error = L::Error;
    type Future = L::Future;

    const SHARED: bool = L::SHARED;

    #[inline]
    fn poll_ready(&mut self, target: &Target<'_>, cx: &mut Context<'_>) -> Poll<Result<(), NotReady<L::Error>>> {
        self.leaf.poll_ready(target, cx)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, request: Q, target: &Target<'_>) -> L::Future {
        let request = (self.map)(request, target);
        self.leaf.call(request, target)
    }
}
