//! What an answer holds from its head to its end.
//!
//! One guard for the whole stack: it keeps the request counted as in flight at its endpoint, judges it if only the end can
//! tell, and gives back what it counts at the head, the first frame or the end, as the route says. It keeps the endpoint's
//! state and no table, so a download of an hour keeps no old table alive.
//!
//! A reader that has stopped reading must not hold a place for ever. But nobody polls a body that is not read, so a timer
//! that wakes the reader's task would change nothing. So the timer wakes the guard's own place: whatever thread drives the
//! timers gives back the count, and no task is needed for it. It is set when a first frame came that is not the last, or had
//! to be waited for; a body of one frame never sets it.

use crate::decide::Decision;
use crate::protocol::{Guard, Outcome, Verdict};
use crate::state::{EndpointState, Hold, RouteState, Seat, Sent};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::table::{Policy, ReleaseOn, Signal};
use crate::time::{Instant, Sleep, nanos};
use crate::traffic::Pinned;
use std::fmt;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Keeps a request counted as in flight while its answer goes on.
// Small, since it is moved with every answer: what few need is in boxes.
pub struct Held {
    counted: Counted,
    place: Place,
    says: Says,
    /// When the attempt began, on the traffic's clock.
    began: Instant,
    /// How long the body may stand still, in milliseconds; for ever at the most.
    at_most: u32,
    /// How long the head took, in nanoseconds.
    took: u64,
    watched: Option<Box<Watched>>,
    /// For observers of an answer that only its end judges.
    witness: Option<Box<(Pinned, Decision)>>,
}

/// What is true of an answer: a set of bits.
#[derive(Clone, Copy, Default)]
struct Says(u8);

impl Says {
    /// It counts until its first frame.
    const TO_FIRST_FRAME: u8 = 1;
    /// The head left open what the answer says.
    const IS_OPEN: u8 = 2;
    const IS_JUDGED: u8 = 4;
    /// It has the place of a probe, which its judgement gives back.
    const IS_PROBE: u8 = 8;

    fn has(self, bit: u8) -> bool {
        self.0 & bit != 0
    }

    fn with(self, bit: u8, is_set: bool) -> Self {
        Says(if is_set { self.0 | bit } else { self.0 & !bit })
    }
}

/// What goes on counting after the head of an answer: at its endpoint and region, and at its route if that has a limit.
#[derive(Clone)]
pub(super) struct Counted {
    pub(super) endpoint: Arc<EndpointState>,
    pub(super) of_region: Hold,
    pub(super) route: Option<OfRoute>,
}

/// What goes on counting at a route's limit.
#[derive(Clone)]
pub(super) enum OfRoute {
    Own(Arc<RouteState>, Hold),
    /// Of a request with several attempts.
    Shared(Arc<Seat>),
}

impl Counted {
    /// Gives it back. To be called once.
    #[inline]
    fn end(&self) {
        self.endpoint.end(self.of_region, true);
        match &self.route {
            None => {}
            Some(OfRoute::Own(route, of_route)) => route.bound.release(*of_route),
            Some(OfRoute::Shared(seat)) => seat.leave(),
        }
    }
}

/// Who gives back the count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nobody any more.
    Free,
    /// The guard.
    Counted,
    /// The guard or its timer, whoever is first.
    Watched,
}

struct Watched {
    watch: Arc<Watch>,
    timer: Sleep,
}

const _: () = assert!(size_of::<Held>() <= 72);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    #[inline]
    pub(super) fn new(
        counted: Counted,
        policy: &Policy,
        verdict: Verdict,
        sent: Sent,
        witness: Option<Box<(Pinned, Decision)>>,
    ) -> Self {
        let place = if policy.release == ReleaseOn::Head {
            counted.end();
            Place::Free
        } else {
            Place::Counted
        };
        Held {
            counted,
            place,
            says: Says::default()
                .with(Says::TO_FIRST_FRAME, policy.release == ReleaseOn::FirstFrame)
                .with(Says::IS_OPEN, verdict == Verdict::AtEnd)
                // A head that was a failure has been counted, and an end that fails too is no second one.
                .with(Says::IS_JUDGED, verdict == Verdict::Known(Outcome::Failure))
                .with(Says::IS_PROBE, sent.is_probe),
            began: sent.began,
            at_most: u32::try_from(policy.hold_at_most.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX),
            took: nanos(sent.took),
            watched: None,
            witness,
        }
    }

    /// Gives back what it counts.
    #[inline]
    fn release(&mut self) {
        match std::mem::replace(&mut self.place, Place::Free) {
            Place::Free => {}
            Place::Counted => self.counted.end(),
            Place::Watched => self.release_watched(),
        }
    }

    #[cold]
    fn release_watched(&mut self) {
        if let Some(watched) = self.watched.take() {
            watched.watch.release();
        }
    }

    /// From now on the body may stand still for so long.
    #[cold]
    fn watch(&mut self) {
        if self.watched.as_ref().is_some_and(|watched| watched.watch.is_over()) {
            // The timer gave the place back: there is nothing left to watch.
            self.release();
        }
        let clock = self.counted.endpoint.clock();
        if self.place == Place::Free || self.at_most == u32::MAX || !clock.has_timers() {
            return;
        }
        let until = clock.now().after(Duration::from_millis(u64::from(self.at_most)));
        let watched = self.watched.get_or_insert_with(|| {
            let watch = Arc::new(Watch { counted: self.counted.clone(), count: AtomicU64::new(1) });
            Box::new(Watched { watch, timer: clock.sleep_until(until) })
        });
        if self.place == Place::Watched {
            watched.timer.reset(clock, until);
        }
        self.place = Place::Watched;
        if watched.timer.is_over_or_wakes(&Waker::from(watched.watch.clone())) {
            self.release();
        }
    }

    #[cold]
    fn tell(&mut self, outcome: Outcome) {
        if let Some((pin, decision)) = self.witness.take().as_deref() {
            let took = Duration::from_nanos(self.took);
            pin.shared().tell(|observer| observer.outcome(pin, decision, outcome, took));
        }
    }
}

impl Guard for Held {
    fn progressed(&mut self) {
        if self.says.has(Says::TO_FIRST_FRAME) {
            self.release();
        }
        self.watch();
    }

    fn waited(&mut self) {
        // Waiting is no progress: a watch that is set goes on.
        if self.place == Place::Counted {
            self.watch();
        }
    }

    fn judge(&mut self, outcome: Outcome) {
        if self.says.has(Says::IS_JUDGED) || !(self.says.has(Says::IS_OPEN) || outcome == Outcome::Failure) {
            return;
        }
        let is_probe = self.says.has(Says::IS_PROBE);
        self.says = self.says.with(Says::IS_JUDGED, true).with(Says::IS_PROBE, false);
        let endpoint = &self.counted.endpoint;
        let (took, now) = (Duration::from_nanos(self.took), endpoint.clock().now());
        // Views follow when somebody looks: there is no table here.
        endpoint.judge(outcome, Sent { began: self.began, took, is_probe }, now);
        if outcome == Outcome::Success {
            endpoint.region().fund(|first| first);
        }
        if outcome == Outcome::Busy {
            endpoint.region().bound.sample_late(Signal::Dropped, took, now);
            if let Some(OfRoute::Own(route, _)) = &self.counted.route {
                route.bound.sample_late(Signal::Dropped, took, now);
            }
        }
        self.tell(outcome);
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        if self.says.has(Says::IS_PROBE) {
            self.counted.endpoint.release_probe();
        }
        self.release();
        if self.witness.is_some() {
            // Left before its end: it says nothing.
            self.tell(Outcome::Ignore);
        }
    }
}

/// One count, which either the guard or its timer gives back.
struct Watch {
    counted: Counted,
    /// 1 until it is given back.
    count: AtomicU64,
}

impl Watch {
    /// Whether it was given back.
    fn is_over(&self) -> bool {
        // Relaxed: whoever gave it back has nothing else to tell.
        self.count.load(Ordering::Relaxed) == 0
    }

    fn release(&self) {
        // Relaxed: exactly one takes the 1; the count it gives back is ordered by itself.
        if self.count.swap(0, Ordering::Relaxed) == 1 {
            self.counted.end();
        }
    }
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        self.release();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.release();
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use super::*;
    use crate::entropy::Entropy;
    use crate::id::Generation;
    use crate::state::Registry;
    use crate::table::TableSpec;
    use crate::time::Clock;

    /// I-33: of the guard and its timer exactly one gives back the count.
    #[test]
    fn loom_a_guard_and_its_timer_give_back_one_count_once() {
        loom::model(|| {
            let table = TableSpec::new()
                .cluster("c", |c| c.region("r", |r| r.endpoint("e", "e:1")))
                .route("all", |route| route.any().to("c"))
                .build()
                .expect("a sound table");
            let mut registry = Registry::new(Entropy::seeded(1), Clock::manual().0);
            let handles = registry.adopt(&table, Generation::FIRST, Instant::START);
            let endpoint = &handles.clusters[0].regions[0].endpoints[0];
            let admission = endpoint.begin().expect("there is room");
            endpoint.head(admission);
            let counted = Counted { endpoint: endpoint.clone(), of_region: admission.after_head(), route: None };
            let watch = Arc::new(Watch { counted, count: AtomicU64::new(1) });
            let timer = {
                let watch = watch.clone();
                loom::thread::spawn(move || watch.wake())
            };
            watch.release();
            timer.join().expect("the timer does not panic");
            assert_eq!((endpoint.in_flight(), handles.clusters[0].regions[0].state.in_flight()), (0, 0));
        });
    }
}
