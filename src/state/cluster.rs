//! A cluster's state in one snapshot, and the cell of its view.

use super::handle::RegionHandle;
use super::view::View;
use crate::id::Epoch;
use crate::sync::{Arc, ArcCell, AtomicU64, Mutex, Ordering};
use crate::table::Cluster;
use crate::time::Instant;

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

    /// Builds the view again: something it depends on has changed.
    pub(super) fn rebuild(&self, cluster: &Cluster, now: Instant) {
        let _building = self.rebuilding.lock();
        self.put(cluster, now);
    }

    /// Builds the view again if its time has come and nobody is at it.
    pub(super) fn rebuild_if_due(&self, cluster: &Cluster, now: Instant) {
        if let Some(_building) = self.rebuilding.try_lock()
            && self.view.load().next_change <= now
        {
            self.put(cluster, now);
        }
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
