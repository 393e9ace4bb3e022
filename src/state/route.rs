//! What all requests of a route share, if the route has a limit.

use super::bound::Bound;
use super::partitions::Slot;
use crate::sync::Arc;

/// The state of one route: found by its name when a table is published, by place in a request.
#[derive(Debug)]
pub(crate) struct RouteState {
    pub(crate) bound: Bound,
}

/// A route's state in one snapshot.
#[derive(Debug)]
pub(crate) struct RouteHandle {
    pub(crate) state: Arc<RouteState>,
    /// Of the partitions of the table's limit, by place.
    pub(crate) slots: Box<[Slot]>,
}
