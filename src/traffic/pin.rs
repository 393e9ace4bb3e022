//! How a request takes the table in force without meeting other requests.
//!
//! Counting a reference on one shared `Arc` costs 25 to 50 ns when two cores do it at once, and more with each core. So
//! the cell holds as many replicas of the pointer as the machine has lanes to spread threads over; each has its own counts
//! on its own cache lines, and a thread always counts on the same one. All replicas are swapped by one pointer.
//!
//! # Order
//! A publish raises the generation's number first and swaps second. Reading threads go through one pointer, so none goes
//! back. A [`Reader`] that kept its pin compares its generation with the number: before the swap it is equal or already
//! behind (then it loads, and gets the old table, which is still in force); after the swap the number was raised earlier,
//! so it always sees that it is behind. A thread that has seen the new table therefore never decides by a kept old one.

use super::Traffic;
use super::shared::Shared;
use crate::entropy::lane;
use crate::state::Snapshot;
use crate::sync::{Arc, ArcCell, AtomicU64, Ordering, Padded};
use crate::time::Instant;
use std::ops::Deref;

/// The table in force, in replicas.
#[derive(Debug)]
pub(super) struct Cell {
    replicas: ArcCell<Replicas>,
    /// At least the generation of what `replicas` holds.
    generation: Padded<AtomicU64>,
}

/// One for each lane; the number is a power of two.
#[derive(Debug)]
struct Replicas(Box<[Arc<Replica>]>);

/// The alignment keeps the counts of two replicas on different lines.
#[derive(Debug)]
#[repr(align(128))]
struct Replica {
    snapshot: Arc<Snapshot>,
    shared: Arc<Shared>,
}

/// A snapshot that stays as it is for whoever has it.
///
/// Cheap to clone, and meant to travel with a request. It keeps its table alive: do not store it for longer than a unit of
/// work; a [`Permit`](crate::state::Permit) does not need it.
#[derive(Clone, Debug)]
pub struct Pinned(Arc<Replica>);

impl Deref for Pinned {
    type Target = Snapshot;

    #[inline]
    fn deref(&self) -> &Snapshot {
        &self.0.snapshot
    }
}

impl Pinned {
    /// What is the same for all tables of the traffic.
    #[inline]
    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// The moment on the traffic's clock.
    #[inline]
    pub fn now(&self) -> Instant {
        self.shared().clock().now()
    }
}

impl Cell {
    pub(super) fn new(snapshot: &Arc<Snapshot>, shared: &Arc<Shared>) -> Self {
        let lanes = lanes();
        Cell {
            replicas: ArcCell::new(Arc::new(Replicas::new(snapshot, shared, lanes))),
            generation: Padded(AtomicU64::new(snapshot.generation().as_u64())),
        }
    }

    #[inline]
    pub(super) fn pin(&self) -> Pinned {
        let Replicas(replicas) = &**self.replicas.load();
        Pinned(replicas[lane() & (replicas.len() - 1)].clone())
    }

    /// Writers must not meet here: they hold the publisher's lock.
    pub(super) fn swap(&self, snapshot: &Arc<Snapshot>) {
        let (lanes, shared) = {
            let Replicas(replicas) = &**self.replicas.load();
            (replicas.len(), replicas[0].shared.clone())
        };
        // Release, and before the swap: whoever sees the new table (the cell's load acquires) sees this number.
        self.generation.store(snapshot.generation().as_u64(), Ordering::Release);
        self.replicas.swap(Arc::new(Replicas::new(snapshot, &shared, lanes)));
    }

    /// A number that is at least that of every table this thread has seen.
    #[inline]
    fn generation(&self) -> u64 {
        // Acquire pairs with the store in `swap`.
        self.generation.load(Ordering::Acquire)
    }
}

impl Replicas {
    fn new(snapshot: &Arc<Snapshot>, shared: &Arc<Shared>, lanes: usize) -> Self {
        let replica = || Replica { snapshot: snapshot.clone(), shared: shared.clone() };
        Replicas((0..lanes).map(|_| Arc::new(replica())).collect())
    }
}

/// Twice the cores, so that threads rarely share a lane: 4 to 64.
fn lanes() -> usize {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    (2 * cores).next_power_of_two().clamp(4, 64)
}

/// Pins for one request after another, and keeps the pin while the generation stands.
///
/// A clone starts without a pin: a service that is cloned for each request pays nothing for what it would not use. A reader
/// that is not asked for long keeps an old table alive; [`Traffic::sweep`] counts it.
#[derive(Debug)]
pub struct Reader {
    traffic: Traffic,
    kept: Option<Pinned>,
}

impl Clone for Reader {
    /// A reader of the same traffic, without a pin of its own yet.
    fn clone(&self) -> Self {
        Reader { traffic: self.traffic.clone(), kept: None }
    }
}

impl Reader {
    pub(super) fn new(traffic: Traffic) -> Self {
        Reader { traffic, kept: None }
    }

    /// The table in force, pinned.
    #[inline]
    pub fn pin(&mut self) -> Pinned {
        let cell = &self.traffic.core.cell;
        match &self.kept {
            Some(kept) if kept.generation().as_u64() == cell.generation() => kept.clone(),
            _ => self.kept.insert(cell.pin()).clone(),
        }
    }

    /// The traffic this reads.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use super::*;
    use crate::table::TableSpec;
    use crate::time::Clock;

    fn traffic() -> Traffic {
        let table = TableSpec::new()
            .cluster("c", |cluster| cluster.region("r", |region| region.endpoint("e", "e:1")))
            .route("all", |route| route.any().to("c"))
            .build()
            .expect("a sound table");
        Traffic::with_sources(table, Clock::manual().0, crate::Entropy::seeded(1))
    }

    /// I-02: a thread that pins afresh and by a reader, in any order, never goes back; what was published before it began
    /// is the least it sees.
    #[test]
    fn loom_no_thread_goes_back_to_an_older_table() {
        loom::model(|| {
            let traffic = traffic();
            let writer = {
                let traffic = traffic.clone();
                loom::thread::spawn(move || {
                    let table = traffic.snapshot().table().clone();
                    traffic.publish(table).expect("a sound table");
                })
            };
            let mut reader = traffic.reader();
            let seen = [
                reader.pin().generation(),
                traffic.snapshot().generation(),
                reader.pin().generation(),
                traffic.snapshot().generation(),
                reader.pin().generation(),
            ];
            assert!(seen.is_sorted(), "{seen:?}");
            writer.join().expect("the writer does not panic");
            assert_eq!(reader.pin().generation().as_u64(), 2);
        });
    }
}
