use super::service::RouteService;
use crate::traffic::Traffic;
use tower_layer::Layer;

/// Routes requests by the traffic's table: see [`Traffic::route`].
#[derive(Clone, Debug)]
pub struct RouteLayer<K> {
    traffic: Traffic,
    protocol: K,
}

impl Traffic {
    /// The route layer, for stacks that are arranged by hand. The next of ours inside is [`failover`](Self::failover).
    pub fn route<K>(&self, protocol: K) -> RouteLayer<K> {
        RouteLayer { traffic: self.clone(), protocol }
    }
}

impl<K: Clone, S> Layer<S> for RouteLayer<K> {
    type Service = RouteService<K, S>;

    fn layer(&self, inner: S) -> Self::Service {
        RouteService::new(self.traffic.reader(), self.protocol.clone(), inner)
    }
}
