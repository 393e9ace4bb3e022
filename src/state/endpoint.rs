//! What traffic taught us about one endpoint.

use super::bound::{Admission, Asker, Hold, Refused};
use super::checks::Checked;
use super::ewma::PeakEwma;
use super::patience::Patience;
use super::permits::Permits;
use super::region::RegionState;
use crate::error::Reason;
use crate::protocol::Outcome;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::time::{Clock, Instant};
use std::time::Duration;

/// The state of one incarnation of one endpoint. Found by name when a table is published; by place in a request.
///
/// What a request writes stands together, next to the counts of its `Arc`: one line to fetch.
#[derive(Debug)]
pub(crate) struct EndpointState {
    in_flight: Permits,
    ewma: PeakEwma,
    patience: Patience,
    successes: AtomicU64,
    /// Failures, and above [`UNANSWERED`] the requests given up one after the other, none answered in between: in one word, so
    /// that the region's pointer still stands on the same line.
    failures: AtomicU64,
    region: Arc<RegionState>,
    /// When it joined a region that was running; none for one that was there from the region's beginning.
    joined: Option<Instant>,
    incarnation: u64,
    /// What active checks say: a [`Checked`] as a word.
    checked: AtomicU64,
}

/// One request that was given up, above 2^60 failures.
const UNANSWERED: u64 = 1 << 60;

/// More than two given up in a row: one may be chance, two are rarely.
const SUSPECT: u64 = 3 * UNANSWERED;

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "not admitted by whom")]
pub(crate) enum NotAdmitted {
    ByRegion(Refused),
    ByEndpoint,
    /// The region's share of the retry budget is spent.
    ByShare,
}

impl NotAdmitted {
    /// The same, whoever refused: nobody waits for an endpoint.
    pub(crate) fn into_refused(self) -> Refused {
        match self {
            NotAdmitted::ByRegion(refused) => refused,
            NotAdmitted::ByEndpoint => Refused { reason: Reason::Limit, may_wait: false },
            NotAdmitted::ByShare => Refused { reason: Reason::RetryBudget, may_wait: false },
        }
    }

    pub(crate) fn reason(self) -> Reason {
        self.into_refused().reason
    }
}

impl EndpointState {
    pub(crate) fn new(region: Arc<RegionState>, joined: Option<Instant>, incarnation: u64) -> Self {
        EndpointState {
            in_flight: Permits::new(),
            ewma: PeakEwma::new(),
            patience: Patience::new(),
            successes: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            region,
            joined,
            incarnation,
            checked: AtomicU64::new(Checked::Never.as_word()),
        }
    }

    /// Lets a request in, if the limits of the region and of the endpoint allow it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn admit(&self, asker: Asker, now: Instant) -> Result<Admission, NotAdmitted> {
        let admission = self.region.bound.admit(asker, now).map_err(NotAdmitted::ByRegion)?;
        if let Err(full) = self.enter_alone() {
            self.region.bound.release(admission.before_head());
            return Err(full);
        }
        Ok(admission)
    }

    /// The endpoint's own part of [`admit`](Self::admit), for a request that the region has let in.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn enter_alone(&self) -> Result<(), NotAdmitted> {
        self.in_flight.try_begin(true).map(drop).map_err(|_| NotAdmitted::ByEndpoint)
    }

    /// Gives back the endpoint's own part of what a request holds that has no head yet.
    pub(crate) fn leave(&self) {
        _ = self.in_flight.end(true);
    }

    /// Counts a request as in flight, whatever the limits; none where that cannot be counted.
    pub(crate) fn begin(&self) -> Option<Admission> {
        let admission = self.region.bound.begin()?;
        if self.in_flight.begin(true).is_err() {
            self.region.bound.release(admission.before_head());
            return None;
        }
        Some(admission)
    }

    /// The head of the answer is there.
    #[inline]
    pub(crate) fn head(&self, admission: Admission) {
        self.in_flight.head();
        self.region.bound.head(admission);
        self.has_answered();
    }

    /// It is no hole.
    #[inline]
    fn has_answered(&self) {
        // Relaxed: a hint of what others saw.
        if self.failures.load(Ordering::Relaxed) >= UNANSWERED {
            self.failures.fetch_and(UNANSWERED - 1, Ordering::Relaxed);
        }
    }

    /// What an answer says whose head came after so long.
    #[inline]
    pub(crate) fn judge(&self, outcome: Outcome, took: Duration, now: Instant) {
        // Relaxed: counters that are shown, or tell how many samples there are.
        if outcome != Outcome::Ignore {
            self.has_answered();
        }
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
        let another = |word: u64| {
            let unanswered = if word >= SUSPECT { 0 } else { UNANSWERED };
            Some(word + 1 + unanswered)
        };
        _ = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, another);
        self.ewma.observe_at_least(waited, now);
        Outcome::Failure
    }

    /// Whether it has left so many requests in a row without an answer that it looks like a hole rather than like a part
    /// of a busy region: what it does not answer says nothing of what the region can take.
    pub(crate) fn is_suspect(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= SUSPECT
    }

    /// Gives back what a request held.
    #[inline]
    pub(crate) fn end(&self, hold: Hold, had_head: bool) {
        // Nobody queues for an endpoint.
        _ = self.in_flight.end(!had_head);
        self.region.bound.release(hold);
    }

    pub(crate) fn region(&self) -> &Arc<RegionState> {
        &self.region
    }

    /// Bounds the requests in flight, or no more.
    pub(crate) fn set_limit(&self, limit: Option<u32>) {
        _ = self.in_flight.set_limit(limit);
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
        self.failures.load(Ordering::Relaxed) & (UNANSWERED - 1)
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

    /// What active checks have come to.
    pub(crate) fn checked(&self) -> Checked {
        // Relaxed, here and below: who changes it has the views built again afterwards, under their locks, and nothing but a
        // view's building asks for it.
        Checked::from_word(self.checked.load(Ordering::Relaxed))
    }

    /// Active checks have come to this; whether it is something new. The views must be built again after it.
    pub(crate) fn set_checked(&self, checked: Checked) -> bool {
        self.checked.swap(checked.as_word(), Ordering::Relaxed) != checked.as_word()
    }
}
