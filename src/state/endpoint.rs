//! What traffic taught us about one endpoint, and what all endpoints of a region share.

use super::ewma::PeakEwma;
use super::permit::InFlight;
use super::veto::Veto;
use crate::protocol::Outcome;
use crate::sync::{Arc, AtomicU64, Ordering, Padded};
use crate::time::Instant;
use std::time::Duration;

/// The state of one incarnation of one endpoint. Found by name when a table is published; by place in a request.
///
/// What a request writes stands together, next to the counts of its `Arc`: one line to fetch.
#[derive(Debug)]
pub(crate) struct EndpointState {
    in_flight: InFlight,
    ewma: PeakEwma,
    successes: AtomicU64,
    failures: AtomicU64,
    region: Arc<RegionState>,
    /// When it joined a region that was running; none for one that was there from the region's beginning.
    joined: Option<Instant>,
    incarnation: u64,
}

/// What the endpoints of a region share.
#[derive(Debug)]
pub(crate) struct RegionState {
    in_flight: Padded<InFlight>,
    tickets: Padded<AtomicU64>,
    veto: Arc<Veto>,
}

impl EndpointState {
    pub(crate) fn new(region: Arc<RegionState>, joined: Option<Instant>, incarnation: u64) -> Self {
        EndpointState {
            in_flight: InFlight::new(),
            ewma: PeakEwma::new(),
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            region,
            joined,
            incarnation,
        }
    }

    #[inline]
    pub(super) fn begin(&self) {
        self.in_flight.begin();
        self.region.in_flight.begin();
    }

    #[inline]
    pub(super) fn head(&self, outcome: Outcome, took: Duration, now: Instant) {
        self.in_flight.head();
        self.region.in_flight.head();
        // Relaxed: counters that are shown, never decided on.
        match outcome {
            Outcome::Success => {
                self.successes.fetch_add(1, Ordering::Relaxed);
                self.ewma.observe(took, now);
            }
            Outcome::Failure => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Ignore => {}
        }
    }

    #[inline]
    pub(super) fn end(&self, had_head: bool) {
        self.in_flight.end(had_head);
        self.region.in_flight.end(had_head);
    }

    /// Requests in flight, to the end of their bodies.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.open()
    }

    /// Requests in flight that wait for their head.
    pub(crate) fn waiting(&self) -> u32 {
        self.in_flight.waiting()
    }

    /// The cost of one more request, in nanoseconds.
    #[inline]
    pub(crate) fn cost(&self, now: Instant) -> u64 {
        self.ewma.cost(self.in_flight(), now)
    }

    /// The average response time, if any was measured.
    pub(crate) fn average(&self, now: Instant) -> Option<Duration> {
        self.ewma.average(now)
    }

    pub(crate) fn successes(&self) -> u64 {
        self.successes.load(Ordering::Relaxed)
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// How long it has been warming up; none when it never had to.
    pub(crate) fn age(&self, now: Instant) -> Option<Duration> {
        self.joined.map(|joined| now.since(joined))
    }

    /// When it joined a running region, if it did.
    pub(crate) fn joined(&self) -> Option<Instant> {
        self.joined
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }
}

impl RegionState {
    /// A region whose round robin begins at `first_ticket`: at random, so that many young processes do not all begin with
    /// the same endpoint.
    pub(crate) fn new(veto: Arc<Veto>, first_ticket: u64) -> Self {
        RegionState { in_flight: Padded(InFlight::new()), tickets: Padded(AtomicU64::new(first_ticket)), veto }
    }

    /// Requests in flight in the region, to the end of their bodies.
    #[inline]
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.open()
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
