use super::service::FailoverService;
use crate::traffic::Traffic;
use tower_layer::Layer;

/// Sends each attempt to an endpoint: see [`Traffic::failover`].
#[derive(Clone, Debug, Default)]
pub struct FailoverLayer {
    shows_decision: bool,
}

impl Traffic {
    /// The failover layer, for stacks that are arranged by hand. Inside it stands a leaf.
    pub fn failover(&self) -> FailoverLayer {
        FailoverLayer::default()
    }
}

impl FailoverLayer {
    /// Puts the [`Decision`](crate::Decision) beside the answer, in an HTTP response's extensions: for debugging, since it
    /// costs allocations.
    pub fn with_decision(mut self) -> Self {
        self.shows_decision = true;
        self
    }
}

impl<L> Layer<L> for FailoverLayer {
    type Service = FailoverService<L>;

    fn layer(&self, leaf: L) -> Self::Service {
        FailoverService::new(leaf, self.shows_decision)
    }
}
