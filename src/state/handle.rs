//! The state of a region and of its endpoints, by place: what the registry hands to a snapshot.

use super::endpoint::EndpointState;
use super::region::RegionState;
use crate::sync::Arc;

/// A region's state, by place.
#[derive(Debug)]
pub(crate) struct RegionHandle {
    pub(crate) state: Arc<RegionState>,
    pub(crate) endpoints: Box<[Arc<EndpointState>]>,
}
