//! What all endpoints of a region share.

use super::bound::Bound;
use super::veto::Veto;
use crate::sync::{Arc, AtomicU64, Ordering, Padded};
use crate::time::Clock;

/// What the endpoints of a region share.
#[derive(Debug)]
pub(crate) struct RegionState {
    /// Counts and bounds its requests in flight, to the end of their bodies.
    pub(crate) bound: Bound,
    tickets: Padded<AtomicU64>,
    veto: Arc<Veto>,
    clock: Clock,
}

impl RegionState {
    /// A region whose round robin begins at `first_ticket`: at random, so that many young processes do not all begin with
    /// the same endpoint. Nothing here reads the clock: it is kept for guards that outlive their table.
    pub(crate) fn new(veto: Arc<Veto>, first_ticket: u64, clock: Clock) -> Self {
        RegionState { bound: Bound::new(), tickets: Padded(AtomicU64::new(first_ticket)), veto, clock }
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Requests in flight in the region, to the end of their bodies.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.bound.in_flight()
    }

    /// Takes the next ticket of the region's round robin.
    #[inline]
    pub(crate) fn take_ticket(&self) -> u64 {
        // Relaxed: tickets need be distinct, which the read-modify-write is, not ordered with anything.
        self.tickets.fetch_add(1, Ordering::Relaxed)
    }

    /// The ticket that the next taker gets.
    pub(crate) fn next_ticket(&self) -> u64 {
        self.tickets.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn veto(&self) -> &Veto {
        &self.veto
    }
}
