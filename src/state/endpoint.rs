//! What traffic taught us about one endpoint.

use super::ewma::PeakEwma;
use super::in_flight::InFlight;
use super::patience::Patience;
use super::region::RegionState;
use crate::protocol::Outcome;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::time::{Clock, Instant};
use std::time::Duration;

/// The state of one incarnation of one endpoint. Found by name when a table is published; by place in a request.
///
/// What a request writes stands together, next to the counts of its `Arc`: one line to fetch.
#[derive(Debug)]
pub(crate) struct EndpointState {
    in_flight: InFlight,
    ewma: PeakEwma,
    patience: Patience,
    successes: AtomicU64,
    failures: AtomicU64,
    region: Arc<RegionState>,
    /// When it joined a region that was running; none for one that was there from the region's beginning.
    joined: Option<Instant>,
    incarnation: u64,
}

impl EndpointState {
    pub(crate) fn new(region: Arc<RegionState>, joined: Option<Instant>, incarnation: u64) -> Self {
        EndpointState {
            in_flight: InFlight::new(),
            ewma: PeakEwma::new(),
            patience: Patience::new(),
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            region,
            joined,
            incarnation,
        }
    }

    #[inline]
    pub(crate) fn begin(&self) {
        self.in_flight.begin();
        self.region.begin();
    }

    /// The head of the answer is there.
    #[inline]
    pub(crate) fn head(&self) {
        self.in_flight.head();
    }

    /// What an answer says whose head came after so long.
    #[inline]
    pub(crate) fn judge(&self, outcome: Outcome, took: Duration, now: Instant) {
        // Relaxed: counters that are shown, or tell how many samples there are.
        match outcome {
            Outcome::Success => {
                self.successes.fetch_add(1, Ordering::Relaxed);
                self.ewma.observe(took, now);
                self.patience.observe(took);
            }
            Outcome::Failure => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Busy | Outcome::Ignore => {}
        }
    }

    /// Nobody waits for the head any more, after so long. A wait beyond the endpoint's patience, or one that the deadline
    /// ended, is a failure that took at least as long; a shorter one says nothing.
    pub(crate) fn abandon(&self, waited: Duration, by_deadline: bool, now: Instant) -> Outcome {
        if !by_deadline && waited < self.patience.after(self.successes()) {
            return Outcome::Ignore;
        }
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.ewma.observe_at_least(waited, now);
        Outcome::Failure
    }

    #[inline]
    pub(crate) fn end(&self, had_head: bool) {
        self.in_flight.end(had_head);
        self.region.end();
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

    /// The traffic's clock, for a guard that has no table any more.
    pub(crate) fn clock(&self) -> &Clock {
        self.region.clock()
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
