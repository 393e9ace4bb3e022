use super::answering::Answering;
use super::service::Stack;
use crate::layer::leaf::{Origin, OriginLeaf, Passthrough, PassthroughLeaf, PerEndpoint};
use crate::protocol::Http;
use crate::table::Endpoint;
use crate::traffic::Traffic;
use tower_layer::Layer;

/// The stack of [`Traffic::http`]: over one HTTP client, with refusals as responses.
pub type HttpStack<S> = Answering<Stack<Http, OriginLeaf<S>>, Http>;

/// A stack that waits for its leaf: see [`Traffic::layers`].
#[derive(Clone, Debug)]
pub struct Layers<K> {
    traffic: Traffic,
    protocol: K,
    shows_decision: bool,
}

impl Traffic {
    /// The whole stack over one HTTP client: requests go to the endpoints that the table says, refusals are responses.
    ///
    /// Its errors are the client's. A router that wants none adds [`infallible`](Answering::infallible). The client gets
    /// `http::Request<ReplayBody<B>>` for a request of body `B`; one that takes only bodies of another type gets them by
    /// [`map_attempt`](Answering::map_attempt).
    ///
    /// For another `Host`, HTTPS or a path prefix: `traffic.layers(Http).origin(Origin::new().https(), client).answering()`.
    pub fn http<S>(&self, client: S) -> HttpStack<S> {
        self.layers(Http).origin(Origin::new(), client).answering()
    }

    /// The whole stack for a protocol; the leaf comes next: [`per_endpoint`](Layers::per_endpoint),
    /// [`passthrough`](Layers::passthrough), [`origin`](Layers::origin) or [`leaf`](Layers::leaf).
    pub fn layers<K>(&self, protocol: K) -> Layers<K> {
        Layers { traffic: self.clone(), protocol, shows_decision: false }
    }
}

impl<K> Layers<K> {
    /// Puts the [`Decision`](crate::Decision) beside each answer, in an HTTP response's extensions: for debugging, since it
    /// costs allocations.
    pub fn with_decision(mut self) -> Self {
        self.shows_decision = true;
        self
    }

    /// Over one HTTP client, which finds the endpoint in the URI.
    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is used")]
    pub fn origin<S>(self, origin: Origin, client: S) -> Stack<K, OriginLeaf<S>> {
        self.leaf(origin.layer(client))
    }

    /// Over one service for each endpoint, made by a factory when it is first needed: see [`PerEndpoint`].
    pub fn per_endpoint<F, S>(self, make: F) -> Stack<K, PerEndpoint<F, S>>
    where
        F: Fn(&Endpoint) -> S,
    {
        self.leaf(PerEndpoint::new(make))
    }

    /// Over one service, which is told nothing of the endpoint.
    pub fn passthrough<S>(self, service: S) -> Stack<K, PassthroughLeaf<S>> {
        self.leaf(Passthrough::new().layer(service))
    }

    /// Over a [`Leaf`](crate::layer::Leaf) of your own.
    pub fn leaf<L>(self, leaf: L) -> Stack<K, L> {
        Stack::new(self.traffic.reader(), self.protocol, leaf, self.shows_decision)
    }
}
