//! One service, and nothing said of the endpoint.

use super::target::{Leaf, NotReady, Target};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// One service takes all requests as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passthrough {
    _private: (),
}

/// The leaf of [`Passthrough`].
#[derive(Clone, Copy, Debug)]
pub struct PassthroughLeaf<S> {
    service: S,
}

impl Passthrough {
    /// A layer for stacks that are arranged by hand.
    pub const fn new() -> Self {
        Passthrough { _private: () }
    }
}

impl<S> Layer<S> for Passthrough {
    type Service = PassthroughLeaf<S>;

    fn layer(&self, service: S) -> Self::Service {
        PassthroughLeaf { service }
    }
}

impl<R, S: Service<R> + Clone> Leaf<R> for PassthroughLeaf<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    const SHARED: bool = true;

    #[inline]
    fn poll_ready(&mut self, _: &Target<'_>, cx: &mut Context<'_>) -> Poll<Result<(), NotReady<S::Error>>> {
        self.service.poll_ready(cx).map_err(NotReady::Broken)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, request: R, _: &Target<'_>) -> S::Future {
        self.service.call(request)
    }
}
