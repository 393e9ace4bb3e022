//! A cluster's state in one snapshot, and the cell of its view.
//!
//! Reading a cell that others may replace takes two locked operations, a tenth of a decision. Most views are never replaced
//! while their snapshot is in force, so the first stands beside the cell, where it lives as long as the snapshot, and one
//! plain load tells whether it still holds.

use super::budget::Budget;
use super::demand::Demand;
use super::handle::RegionHandle;
use super::view::View;
use crate::entropy::Draws;
use crate::id::Epoch;
use crate::protocol::Priority;
use crate::sync::{Arc, ArcCell, AtomicU64, Loaded, Mutex, OnceLock, Ordering};
use crate::table::Cluster;
use crate::time::Instant;
use std::ops::Deref;

/// A cluster's state, by place.
#[derive(Debug)]
pub(crate) struct ClusterHandle {
    /// The last epoch of any view, shared by all clusters and all snapshots.
    epochs: Arc<AtomicU64>,
    /// The view that came with the snapshot.
    first: Arc<View>,
    /// Whether one came after it: 0 or 1.
    is_replaced: AtomicU64,
    /// The last of all.
    view: ArcCell<View>,
    /// Held from reading what a view depends on until the view is in its cell, so that a slow rebuild cannot put an old
    /// answer over a newer one: who changes something first and then takes the lock comes after every such rebuild.
    rebuilding: Mutex<()>,
    /// What bounds its retries and hedges.
    pub(crate) budget: Arc<Budget>,
    pub(crate) regions: Box<[RegionHandle]>,
    /// The rank of each region, as seen from where the process runs.
    ranks: Box<[u32]>,
    common: Arc<Common>,
}

/// What a cluster has in common in all snapshots.
#[derive(Debug, Default)]
pub(crate) struct Common {
    /// Counts what health has said: a view of an older turn has missed something.
    pub(super) turn: AtomicU64,
    /// Who asks for more than all can take, by priority; once it is asked.
    demand: OnceLock<Box<Demand>>,
}

/// A view that is being read. It must not live over an await.
pub(crate) enum Viewed<'h> {
    First(&'h View),
    Later(Loaded<View>),
}

impl Deref for Viewed<'_> {
    type Target = View;

    #[inline]
    fn deref(&self) -> &View {
        match self {
            Viewed::First(view) => view,
            Viewed::Later(view) => view,
        }
    }
}

impl ClusterHandle {
    pub(crate) fn new(
        cluster: &Cluster,
        epochs: Arc<AtomicU64>,
        budget: Arc<Budget>,
        regions: Box<[RegionHandle]>,
        home: Option<&str>,
        common: Arc<Common>,
        now: Instant,
    ) -> Self {
        let ranks: Box<[u32]> = (0..regions.len() as u32).map(|place| cluster.rank_from(home, place)).collect();
        let first = Arc::new(View::build(
            cluster,
            &regions,
            &ranks,
            common.turn.load(Ordering::Acquire),
            now,
            next_epoch(&epochs),
        ));
        let view = ArcCell::new(first.clone());
        ClusterHandle {
            epochs,
            first,
            is_replaced: AtomicU64::new(0),
            view,
            rebuilding: Mutex::new(()),
            budget,
            regions,
            ranks,
            common,
        }
    }

    /// Requests in flight in all its regions.
    pub(crate) fn in_flight(&self) -> u64 {
        self.regions.iter().map(|region| u64::from(region.state.in_flight())).sum()
    }

    /// The view now.
    #[inline]
    pub(crate) fn view(&self) -> Viewed<'_> {
        // Acquire pairs with `put`: a thread that has seen a later view, or was told of one, never takes the first again.
        if self.is_replaced.load(Ordering::Acquire) == 0 {
            Viewed::First(&self.first)
        } else {
            Viewed::Later(self.view.load())
        }
    }

    /// Whether a view has to be built again: its time has come, or health has said something since.
    #[inline]
    pub(crate) fn is_due(&self, view: &View, now: Instant) -> bool {
        view.next_change <= now || view.turn != self.common.turn.load(Ordering::Acquire)
    }

    /// Whether a request is one of those that no region has a part for.
    #[inline]
    pub(crate) fn sheds(&self, view: &View, priority: Priority, draws: Draws) -> bool {
        view.shed > 0
            && self.common.demand.get_or_init(Box::default).is_shed(
                priority,
                draws,
                view.shed,
                view.shares.total() + view.shed,
            )
    }

    /// Builds the view again: something it depends on has changed.
    pub(super) fn rebuild(&self, cluster: &Cluster, now: Instant) {
        let _building = self.rebuilding.lock();
        self.put(cluster, now);
    }

    /// Builds the view again if its time has come and nobody is at it.
    pub(super) fn rebuild_if_due(&self, cluster: &Cluster, now: Instant) {
        if let Some(_building) = self.rebuilding.try_lock()
            && self.is_due(&self.view(), now)
        {
            self.put(cluster, now);
        }
    }

    /// The view as it is at a moment.
    pub(crate) fn build(&self, cluster: &Cluster, now: Instant, epoch: Epoch) -> View {
        for region in &self.regions {
            // What is due by time. Who could begin for it and waits is let in when the next of those ends that are in its way: there is
            // one, or nobody would wait.
            region.state.look(false, now);
        }
        // Acquire, and before what it counts is read: a view that has missed something is of an older turn. It pairs with who counts.
        let turn = self.common.turn.load(Ordering::Acquire);
        View::build(cluster, &self.regions, &self.ranks, turn, now, epoch)
    }

    /// The lock must be held.
    fn put(&self, cluster: &Cluster, now: Instant) {
        let view = self.build(cluster, now, next_epoch(&self.epochs));
        self.view.swap(Arc::new(view));
        // Release, and after the swap: whoever sees it finds a later view in the cell.
        self.is_replaced.store(1, Ordering::Release);
    }
}

/// Epochs count over all clusters and snapshots, so that no two views share one, also of a cluster that left and came back.
fn next_epoch(epochs: &AtomicU64) -> Epoch {
    // Relaxed: the number need only be new; the view that carries it is published by its cell.
    Epoch::from_u64(epochs.fetch_add(1, Ordering::Relaxed) + 1)
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use crate::entropy::Entropy;
    use crate::id::Generation;
    use crate::state::{Registry, Snapshot};
    use crate::sync::Arc;
    use crate::table::TableSpec;
    use crate::time::{Clock, Instant};
    use std::time::Duration;

    /// I-01, I-23: no thread goes back to an older view, and who was told of an evacuation has the view that knows of it.
    #[test]
    fn loom_no_thread_goes_back_to_the_first_view() {
        loom::model(|| {
            let table = TableSpec::new()
                .cluster("c", |c| c.region("eu", |r| r.endpoint("e", "e:1")).region("us", |r| r.endpoint("u", "u:1")))
                .route("all", |route| route.any().to("c"))
                .build()
                .expect("a sound table");
            let mut registry = Registry::new(Entropy::seeded(1), Clock::manual().0);
            let handles = registry.adopt(&table, Generation::FIRST, Instant::START);
            let snapshot = Snapshot::new(Generation::FIRST, table, handles, &registry);
            let snapshot = Arc::new(snapshot);
            let operator = {
                let snapshot = snapshot.clone();
                loom::thread::spawn(move || {
                    registry.set_veto("eu", Instant::START, Duration::ZERO, Instant::NEVER);
                    snapshot.rebuild_views(Instant::START);
                })
            };
            let handle = snapshot.cluster(0);
            let seen = [handle.view().epoch, handle.view().epoch, handle.view().epoch];
            assert!(seen.is_sorted(), "{seen:?}");
            operator.join().expect("the operator does not panic");
            let shares: Vec<u32> = handle.view().shares.iter().map(|region| *region.target).collect();
            assert_eq!(shares, [1]);
        });
    }
}
