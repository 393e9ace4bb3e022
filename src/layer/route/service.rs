use super::future::RouteFuture;
use crate::error::Error;
use crate::layer::pass::Pass;
use crate::protocol::Describe;
use crate::traffic::Reader;
use std::fmt;
use std::task::{Context, Poll};
use tower_service::Service;

/// A request whose route and cluster are decided.
pub struct Routed<R, K> {
    pub(crate) request: R,
    pub(crate) pass: Pass,
    pub(crate) protocol: K,
}

impl<R, K> Routed<R, K> {
    /// The request, as it came.
    pub fn request(&self) -> &R {
        &self.request
    }

    /// The request, for layers of other makes that stand in between.
    pub fn request_mut(&mut self) -> &mut R {
        &mut self.request
    }
}

impl<R: fmt::Debug, K> fmt::Debug for Routed<R, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routed").field("request", &self.request).finish_non_exhaustive()
    }
}

/// The service of [`RouteLayer`](super::RouteLayer).
#[derive(Clone, Debug)]
pub struct RouteService<K, S> {
    reader: Reader,
    protocol: K,
    inner: S,
}

impl<K, S> RouteService<K, S> {
    pub(super) fn new(reader: Reader, protocol: K, inner: S) -> Self {
        RouteService { reader, protocol, inner }
    }
}

impl<R, K, S, E> Service<R> for RouteService<K, S>
where
    K: Describe<R> + Clone,
    S: Service<Routed<R, K>, Error = Error<E>>,
{
    type Response = S::Response;
    type Error = Error<E>;
    type Future = RouteFuture<S::Future>;

    /// As the layer inside: those of this crate are always ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, request: R) -> Self::Future {
        let mut pass = match Pass::route(&mut self.reader, &self.protocol, &request) {
            Ok(pass) => pass,
            Err(rejected) => return RouteFuture::rejected(rejected),
        };
        let timing = pass.hand_over_deadline();
        RouteFuture::new(self.inner.call(Routed { request, pass, protocol: self.protocol.clone() }), timing)
    }
}
