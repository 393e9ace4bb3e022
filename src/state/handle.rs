//! The state of a region and of its endpoints, by place: what the registry hands to a snapshot.

use super::cluster::ClusterHandle;
use super::endpoint::EndpointState;
use super::partitions::Slot;
use super::region::RegionState;
use super::route::RouteHandle;
use crate::sync::Arc;

/// The state of everything in a table, by place.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) clusters: Box<[ClusterHandle]>,
    /// None for a route without a limit.
    pub(crate) routes: Box<[Option<RouteHandle>]>,
}

/// A region's state, by place.
#[derive(Debug)]
pub(crate) struct RegionHandle {
    pub(crate) state: Arc<RegionState>,
    /// Of the partitions of its limit, by place.
    pub(crate) slots: Box<[Slot]>,
    pub(crate) endpoints: Box<[Arc<EndpointState>]>,
}
