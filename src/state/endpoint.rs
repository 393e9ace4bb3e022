//! What traffic taught us about one endpoint.

use super::bound::{Admission, Asker, Hold, Refused};
use super::checks::Checked;
use super::ewma::PeakEwma;
use super::gate::HOLD;
use super::health::{Health, Phase};
use super::patience::Patience;
use super::permits::Permits;
use super::region::RegionState;
use super::standing::{EndpointHealth, Fitness};
use crate::error::Reason;
use crate::protocol::Outcome;
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering};
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
    health: OnceLock<Arc<Health>>,
    /// When it joined a region that was running; never for one that was there from the region's beginning.
    joined: Instant,
    incarnation: u64,
}

/// One request that was given up, above 2^60 failures.
const UNANSWERED: u64 = 1 << 60;

/// More than two given up in a row: one may be chance, two are rarely.
const SUSPECT: u64 = 3 * UNANSWERED;

/// A request that was sent to an endpoint, as its end is judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// When its time at the endpoint began.
    pub(crate) began: Instant,
    /// How long until its head came, or it was given up.
    pub(crate) took: Duration,
    /// Whether it has a place for a probe, which its end gives back.
    pub(crate) is_probe: bool,
}

/// Why a request was not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotAdmitted {
    ByRegion(Refused),
    ByEndpoint,
    /// The region's share of the retry budget is spent.
    ByShare,
    /// The region takes no more requests a second; one more after so long.
    ByRate(Duration),
    /// Whatever refused it, it is no probe there: it goes where it would have gone without.
    AsProbe,
}

impl NotAdmitted {
    /// The same, whoever refused: nobody waits for an endpoint.
    pub(crate) fn into_refused(self) -> Refused {
        match self {
            NotAdmitted::ByRegion(refused) => refused,
            NotAdmitted::ByEndpoint | NotAdmitted::AsProbe => Refused { reason: Reason::Limit, may_wait: false },
            NotAdmitted::ByShare => Refused { reason: Reason::RetryBudget, may_wait: false },
            NotAdmitted::ByRate(_) => Refused { reason: Reason::Rate, may_wait: false },
        }
    }

    pub(crate) fn reason(self) -> Reason {
        self.into_refused().reason
    }

    /// How long it is until another try makes sense, where no limit counts whom it refuses, and so knows that.
    pub(crate) fn uncounted(self) -> Option<Duration> {
        match self {
            NotAdmitted::ByRegion(_) => None,
            NotAdmitted::ByRate(after) => Some(after),
            NotAdmitted::ByEndpoint | NotAdmitted::ByShare | NotAdmitted::AsProbe => Some(HOLD),
        }
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
            health: OnceLock::new(),
            joined: joined.unwrap_or(Instant::NEVER),
            incarnation,
        }
    }

    /// Lets a request in, if the limits of the region and of the endpoint allow it.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "where every request passes, and where nobody hurries")]
    pub(crate) fn admit(&self, asker: Asker, now: Instant) -> Result<Admission, NotAdmitted> {
        self.region.take_rate(asker.priority, now).map_err(NotAdmitted::ByRate)?;
        match self.region.bound.admit(asker, now).map_err(NotAdmitted::ByRegion) {
            Ok(admission) => match self.enter_alone() {
                Ok(()) => Ok(admission),
                Err(full) => {
                    self.region.bound.release(admission.before_head());
                    self.region.give_back_rate();
                    Err(full)
                }
            },
            Err(refused) => {
                self.region.give_back_rate();
                Err(refused)
            }
        }
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

    /// What an answer says whose head came after so long; whether that changes what may be used.
    #[inline]
    pub(crate) fn judge(&self, outcome: Outcome, sent: Sent, now: Instant) -> bool {
        let took = sent.took;
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
        self.testify(outcome, sent, now)
    }

    /// Tells its health, if anybody watches; whether views have to follow.
    #[inline]
    fn testify(&self, outcome: Outcome, sent: Sent, now: Instant) -> bool {
        let Some(health) = self.health() else { return false };
        let is_asked = health.record(outcome, sent.took, sent.began, now, sent.is_probe);
        self.region.look(is_asked, now)
    }

    /// Whether its time is over and it waits for evidence.
    pub(crate) fn may_be_probed(&self) -> bool {
        let is_half_open = |phase| matches!(phase, Phase::HalfOpen | Phase::DoubtedHalfOpen);
        self.health().is_some_and(|health| is_half_open(health.phase().0) && health.checked() != Checked::Down)
    }

    /// Whether only probes may go there.
    pub(crate) fn is_out(&self) -> bool {
        self.fitness() == Fitness::Out
    }

    /// Takes a place for a probe, if it may be probed and fewer than so many are.
    pub(crate) fn try_probe(&self, at_once: u32) -> bool {
        self.health().is_some_and(|health| health.try_probe(at_once))
    }

    /// Probes that are under way.
    pub(crate) fn probes(&self) -> u32 {
        self.health().map_or(0, |health| health.probes())
    }

    /// Gives the place of a probe back that was not sent, or says nothing.
    pub(crate) fn release_probe(&self) {
        if let Some(health) = self.health() {
            health.release_probe();
        }
    }

    /// Nobody waits for the head any more, after so long. A wait beyond the endpoint's patience, or one that the deadline
    /// ended, is a failure that took at least as long; a shorter one says nothing.
    pub(crate) fn abandon(&self, sent: Sent, by_deadline: bool, now: Instant) -> Outcome {
        let waited = sent.took;
        if !by_deadline && waited < self.patience.after(self.successes()) {
            self.testify(Outcome::Ignore, sent, now);
            return Outcome::Ignore;
        }
        let another = |word: u64| {
            let unanswered = if word >= SUSPECT { 0 } else { UNANSWERED };
            Some(word + 1 + unanswered)
        };
        _ = self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, another);
        self.ewma.observe_at_least(waited, now);
        self.testify(Outcome::Failure, sent, now);
        Outcome::Failure
    }

    /// Whether it has left so many requests in a row without an answer that it looks like a hole rather than like a part
    /// of a busy region, or is out for its answers: what it does not answer says nothing of what the region can take.
    pub(crate) fn is_suspect(&self) -> bool {
        let is_out = |health: &Arc<Health>| health.phase().0 != Phase::In;
        self.failures.load(Ordering::Relaxed) >= SUSPECT || self.health().is_some_and(is_out)
    }

    /// Gives back what a request held.
    #[inline]
    pub(crate) fn end(&self, hold: Hold, had_head: bool) {
        // Nobody queues for an endpoint.
        _ = self.in_flight.end(!had_head);
        self.region.bound.release(hold);
    }

    /// How it stands, as far as health knows.
    pub(crate) fn fitness(&self) -> Fitness {
        let Some(health) = self.health() else { return Fitness::Well };
        let is_out = matches!(health.phase().0, Phase::Ejected | Phase::HalfOpen);
        match health.checked() {
            _ if is_out => Fitness::Out,
            Checked::Down => Fitness::Out,
            Checked::Unknown => Fitness::Unchecked,
            Checked::Degraded => Fitness::Degraded,
            Checked::Never | Checked::Up => Fitness::Well,
        }
    }

    /// The same, for people.
    pub(crate) fn stands(&self) -> EndpointHealth {
        let Some(health) = self.health() else { return EndpointHealth::Well };
        match (health.phase().0, health.checked()) {
            (_, Checked::Down) => EndpointHealth::Down,
            (Phase::Ejected, _) => EndpointHealth::Ejected,
            (Phase::HalfOpen | Phase::DoubtedHalfOpen, _) => EndpointHealth::Probing,
            (Phase::Doubted, _) => EndpointHealth::Doubted,
            (Phase::In, Checked::Unknown) => EndpointHealth::Unchecked,
            (Phase::In, Checked::Degraded) => EndpointHealth::Degraded,
            (Phase::In, Checked::Never | Checked::Up) => EndpointHealth::Well,
        }
    }

    /// What is known of its health, if anybody watches.
    #[inline]
    pub(crate) fn health(&self) -> Option<&Arc<Health>> {
        self.health.get()
    }

    /// The same, watched from now on.
    pub(super) fn watched(&self) -> &Arc<Health> {
        self.health.get_or_init(|| Arc::new(Health::new()))
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
        self.joined().map(|joined| now.since(joined))
    }

    /// When it last began to serve in a running region, if it did: it joined then, or came back from an ejection.
    pub(crate) fn joined(&self) -> Option<Instant> {
        let returned = self.health().map(|health| health.phase());
        let returned = returned.filter(|(phase, since)| *phase == Phase::In && *since > Instant::START);
        let joined = Some(self.joined).filter(|joined| *joined != Instant::NEVER);
        joined.max(returned.map(|(_, since)| since))
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// What active checks have come to.
    pub(crate) fn checked(&self) -> Checked {
        self.health().map_or(Checked::Never, |health| health.checked())
    }

    /// Active checks have come to this; whether it is something new. The views must be built again after it.
    pub(crate) fn set_checked(&self, checked: Checked) -> bool {
        self.watched().set_checked(checked)
    }
}
