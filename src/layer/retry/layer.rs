use super::service::RetryService;
use crate::traffic::Traffic;
use tower_layer::Layer;

/// Sends requests again: see [`Traffic::retry`].
#[derive(Clone, Debug, Default)]
pub struct RetryLayer(());

impl Traffic {
    /// The retry layer, for stacks that are arranged by hand: between [`limit`](Self::limit) and [`failover`](Self::failover).
    ///
    /// What stands between it and failover sees each attempt. How often and when requests are sent again says the table:
    /// [`Retry`](crate::Retry), [`Hedge`](crate::Hedge).
    pub fn retry(&self) -> RetryLayer {
        RetryLayer::default()
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = RetryService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService::new(inner)
    }
}
