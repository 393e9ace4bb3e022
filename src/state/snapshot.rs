//! One table and the state of its names, tied together by place: all that a request looks at.

use super::cluster::ClusterHandle;
use super::endpoint::EndpointState;
use super::handle::Handles;
use super::practices::Practices;
use super::registry::Registry;
use super::route::RouteHandle;
use super::veto::LatestVeto;
use crate::id::Generation;
use crate::sync::Arc;
use crate::table::Table;
use crate::time::Instant;
use std::fmt;

/// A published table with the state of its names: immutable but for what traffic teaches.
///
/// A request takes one and keeps it, so all its decisions are by the same table.
pub struct Snapshot {
    generation: Generation,
    table: Table,
    clusters: Box<[ClusterHandle]>,
    routes: Box<[Option<RouteHandle>]>,
    latest_veto: Arc<LatestVeto>,
    practices: Arc<Practices>,
}

impl fmt::Debug for Snapshot {
    /// The generation and its table's size; the rest is in [`table`](Self::table) and the traffic's status.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("generation", &self.generation)
            .field("routes", &self.table.routes().len())
            .field("clusters", &self.table.clusters().len())
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    pub(crate) fn new(generation: Generation, table: Table, handles: Handles, registry: &Registry) -> Self {
        let Handles { clusters, routes } = handles;
        let (latest_veto, practices) = (registry.latest_veto(), registry.practices());
        Snapshot { generation, table, clusters, routes, latest_veto, practices }
    }

    /// Which publication of a table this is.
    #[inline]
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The table.
    #[inline]
    pub fn table(&self) -> &Table {
        &self.table
    }

    #[inline]
    pub(crate) fn latest_veto(&self) -> &LatestVeto {
        &self.latest_veto
    }

    #[inline]
    pub(crate) fn practices(&self) -> &Practices {
        &self.practices
    }

    #[inline]
    pub(crate) fn clusters(&self) -> &[ClusterHandle] {
        &self.clusters
    }

    /// A route's state, if it has a limit.
    #[inline]
    pub(crate) fn route_state(&self, place: u32) -> Option<&RouteHandle> {
        self.routes[place as usize].as_ref()
    }

    #[inline]
    pub(crate) fn cluster(&self, place: u32) -> &ClusterHandle {
        &self.clusters[place as usize]
    }

    #[inline]
    pub(crate) fn endpoint_state(&self, cluster: u32, region: u32, endpoint: u32) -> &Arc<EndpointState> {
        &self.clusters[cluster as usize].regions[region as usize].endpoints[endpoint as usize]
    }

    /// Has every region that is watched looked after: somebody knows something new.
    pub(crate) fn look(&self, now: Instant) {
        for region in self.clusters.iter().flat_map(|cluster| &cluster.regions) {
            region.state.look(true, now);
        }
    }

    /// Rebuilds every view: something that all may depend on has changed.
    pub(crate) fn rebuild_views(&self, now: Instant) {
        for (cluster, handle) in self.table.clusters().zip(&self.clusters) {
            handle.rebuild(cluster, now);
        }
    }

    /// Whether a cluster's view has to be built again.
    #[inline]
    pub(crate) fn is_due(&self, place: u32, now: Instant) -> bool {
        let handle = self.cluster(place);
        handle.is_due(&handle.view(), now)
    }

    /// Rebuilds the views whose time has come.
    pub(crate) fn rebuild_due_views(&self, now: Instant) {
        for place in 0..self.clusters.len() as u32 {
            if self.is_due(place, now) {
                self.rebuild_due_view(place, now);
            }
        }
    }

    /// Rebuilds a view whose time has come, unless somebody is at it: then the old one serves a moment longer.
    #[cold]
    pub(crate) fn rebuild_due_view(&self, place: u32, now: Instant) {
        self.cluster(place).rebuild_if_due(self.table.cluster_at(place), now);
    }
}
