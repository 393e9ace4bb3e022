//! One table and the state of its names, tied together by place: all that a request looks at.

use super::registry::RegionHandle;
use super::view::View;
use crate::id::{Epoch, Generation};
use crate::sync::{Arc, ArcCell, AtomicU64, Mutex, Ordering};
use crate::table::{Cluster, Table};
use crate::time::Instant;

/// A published table with the state of its names: immutable but for what traffic teaches.
///
/// A request takes one and keeps it, so all its decisions are by the same table.
#[derive(Debug)]
pub struct Snapshot {
    generation: Generation,
    table: Table,
    clusters: Box<[ClusterHandle]>,
}

/// A cluster's state, by place.
#[derive(Debug)]
pub(crate) struct ClusterHandle {
    /// The cluster's last epoch, shared by all snapshots that have the cluster.
    epochs: Arc<AtomicU64>,
    view: ArcCell<View>,
    /// Held from reading what a view depends on until the view is in its cell, so that a slow rebuild cannot put an old
    /// answer over a newer one: who changes something first and then takes the lock comes after every such rebuild.
    rebuilding: Mutex<()>,
    pub(crate) regions: Box<[RegionHandle]>,
}

impl ClusterHandle {
    pub(crate) fn new(cluster: &Cluster, epochs: Arc<AtomicU64>, regions: Box<[RegionHandle]>, now: Instant) -> Self {
        let view = View::build(cluster, &regions, now, next_epoch(&epochs));
        ClusterHandle { epochs, view: ArcCell::new(Arc::new(view)), rebuilding: Mutex::new(()), regions }
    }

    /// The view now. The guard must not live over an await.
    #[inline]
    pub(crate) fn view(&self) -> impl std::ops::Deref<Target = Arc<View>> {
        self.view.load()
    }

    fn rebuild(&self, cluster: &Cluster, now: Instant) {
        let _building = self.rebuilding.lock();
        self.put(cluster, now);
    }

    /// The lock must be held.
    fn put(&self, cluster: &Cluster, now: Instant) {
        let view = View::build(cluster, &self.regions, now, next_epoch(&self.epochs));
        self.view.swap(Arc::new(view));
    }
}

/// Epochs count over all snapshots of a cluster, so that no two views share one.
fn next_epoch(epochs: &AtomicU64) -> Epoch {
    // Relaxed: the number need only be new; the view that carries it is published by its cell.
    Epoch::from_u64(epochs.fetch_add(1, Ordering::Relaxed) + 1)
}

impl Snapshot {
    pub(crate) fn new(generation: Generation, table: Table, clusters: Box<[ClusterHandle]>) -> Self {
        Snapshot { generation, table, clusters }
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
    pub(crate) fn cluster(&self, place: u32) -> &ClusterHandle {
        &self.clusters[place as usize]
    }

    /// Rebuilds every view: something that all may depend on has changed.
    pub(crate) fn rebuild_views(&self, now: Instant) {
        for (cluster, handle) in self.table.clusters().zip(&self.clusters) {
            handle.rebuild(cluster, now);
        }
    }

    /// Rebuilds a view whose time has come, unless somebody is at it: then the old one serves a moment longer.
    #[cold]
    pub(crate) fn rebuild_due_view(&self, place: u32, now: Instant) {
        let handle = self.cluster(place);
        if let Some(_building) = handle.rebuilding.try_lock()
            && handle.view.load().next_change <= now
        {
            handle.put(self.table.cluster_at(place), now);
        }
    }
}
