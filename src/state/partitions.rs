//! How many requests of each partition are in flight, and how many each is promised.
//!
//! Counted beside the word that bounds them all, not in it: a count that is one behind only lets somebody borrow a moment
//! longer, never more in than the limit. A partition has its slot for as long as its limiter lives, found by name, so that a
//! table that changes or renames others leaves its requests where they were counted.

use crate::sync::{AtomicU64, Meeting, Ordering};
use crate::table::Partition;

/// Names that one limiter can know over its whole life; what comes later has no guarantee.
const SLOTS: usize = 32;

/// The slot of a request's partition, if it belongs to one.
pub(crate) type Slot = Option<u8>;

#[derive(Debug)]
pub(crate) struct Partitions {
    slots: [Counts; SLOTS],
    names: Meeting<Vec<Promise>>,
}

#[derive(Debug)]
struct Counts {
    busy: AtomicU64,
    guarantee: AtomicU64,
}

#[derive(Debug)]
struct Promise {
    name: String,
    part: f64,
}

impl Partitions {
    pub(crate) fn new() -> Self {
        let counts = |_| Counts { busy: AtomicU64::new(0), guarantee: AtomicU64::new(0) };
        Partitions { slots: std::array::from_fn(counts), names: Meeting::new(Vec::new()) }
    }

    /// The slots of a table's partitions, by place, which are promised their parts from now on.
    pub(crate) fn adopt(&self, partitions: &[Partition]) -> Box<[Slot]> {
        let mut names = self.names.lock();
        names.iter_mut().for_each(|known| known.part = 0.0);
        let slot_of = |one: &Partition| {
            let place = names.iter().position(|known| known.name == one.name).or_else(|| {
                (names.len() < SLOTS).then(|| names.push(Promise { name: one.name.clone(), part: 0.0 }))?;
                Some(names.len() - 1)
            })?;
            names[place].part = one.guarantee.get();
            Some(place as u8)
        };
        partitions.iter().map(slot_of).collect()
    }

    /// The limit is another: each guarantee is its part of it, rounded up, and at least one.
    pub(crate) fn resize(&self, limit: u32) {
        let names = self.names.lock();
        for (promise, counts) in names.iter().zip(&self.slots) {
            // As computed in Netflix's limiters; what a float has too much is no place of its own.
            let exact = f64::from(limit) * promise.part;
            let promised = if promise.part > 0.0 { ((exact - 1e-9).ceil() as u64).max(1) } else { 0 };
            // Relaxed, here and below: figures that stand alone.
            counts.guarantee.store(promised, Ordering::Relaxed);
        }
    }

    /// Whether one more would be within the guarantee.
    #[inline]
    pub(crate) fn is_promised(&self, slot: u8) -> bool {
        let counts = &self.slots[usize::from(slot)];
        counts.busy.load(Ordering::Relaxed) < counts.guarantee.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn begin(&self, slot: u8) {
        self.slots[usize::from(slot)].busy.fetch_add(1, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn end(&self, slot: u8) {
        self.slots[usize::from(slot)].busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// Name, requests in flight and guarantee of each that is promised a part.
    pub(crate) fn list(&self) -> Vec<(String, u32, u32)> {
        let names = self.names.lock();
        let promised = names.iter().zip(&self.slots).filter(|(promise, _)| promise.part > 0.0);
        let listed = promised.map(|(promise, counts)| {
            let (busy, guarantee) =
                (counts.busy.load(Ordering::Relaxed) as u32, counts.guarantee.load(Ordering::Relaxed) as u32);
            (promise.name.clone(), busy, guarantee)
        });
        listed.collect()
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::unit::Ratio;

    fn partition(name: &str, percent: u8) -> Partition {
        Partition { name: name.into(), guarantee: Ratio::percent(percent), when: Vec::new() }
    }

    #[test]
    fn guarantees_follow_the_limit_as_netflixs_bins_do() {
        // limits.json: `bins` and `resize`.
        let partitions = Partitions::new();
        let slots = partitions.adopt(&[partition("batch", 30), partition("live", 70)]);
        assert_eq!(*slots, [Some(0), Some(1)]);
        partitions.resize(10);
        assert_eq!(partitions.list(), [("batch".into(), 0, 3), ("live".into(), 0, 7)]);
        partitions.begin(0);
        partitions.resize(20);
        assert_eq!(partitions.list(), [("batch".into(), 1, 6), ("live".into(), 0, 14)]);
        partitions.resize(1);
        assert_eq!(partitions.list(), [("batch".into(), 1, 1), ("live".into(), 0, 1)]);
    }

    #[test]
    fn a_partition_keeps_its_slot_whatever_comes_and_goes_beside_it() {
        let partitions = Partitions::new();
        partitions.adopt(&[partition("b", 50)]);
        partitions.begin(0);
        assert_eq!(*partitions.adopt(&[partition("a", 10), partition("b", 20)]), [Some(1), Some(0)]);
        assert_eq!(*partitions.adopt(&[partition("a", 10)]), [Some(1)]);
        partitions.resize(100);
        assert_eq!(partitions.list(), [("a".into(), 0, 10)]);
        assert!(!partitions.is_promised(0), "b is promised nothing any more");
        partitions.end(0);
        let many: Vec<_> = (0..40).map(|number| partition(&format!("p{number}"), 1)).collect();
        assert_eq!(partitions.adopt(&many).iter().filter(|slot| slot.is_some()).count(), SLOTS - 2);
    }
}
