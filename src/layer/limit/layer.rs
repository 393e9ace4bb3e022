use super::service::LimitService;
use crate::traffic::Traffic;
use tower_layer::Layer;

/// Admits requests at their route's limit: see [`Traffic::limit`].
#[derive(Clone, Debug, Default)]
pub struct LimitLayer(());

impl Traffic {
    /// The limit layer, for stacks that are arranged by hand: between [`route`](Self::route) and
    /// [`failover`](Self::failover).
    ///
    /// The limits of regions and endpoints are the failover layer's.
    pub fn limit(&self) -> LimitLayer {
        LimitLayer::default()
    }
}

impl<S> Layer<S> for LimitLayer {
    type Service = LimitService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        LimitService::new(inner)
    }
}
