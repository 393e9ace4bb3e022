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
use crate::state::EndpointState;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::table::{Policy, ReleaseOn};
use crate::time::{Sleep, nanos};
use crate::traffic::Pinned;
use std::fmt;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Keeps a request counted as in flight while its answer goes on.
// Small, since it is moved with every answer: what few need is in boxes.
pub struct Held {
    endpoint: Arc<EndpointState>,
    place: Place,
    to_first_frame: bool,
    /// Whether the head left open what the answer says.
    is_open: bool,
    is_judged: bool,
    /// How long the body may stand still, in nanoseconds.
    at_most: u64,
    /// How long the head took, in nanoseconds.
    took: u64,
    watched: Option<Box<Watched>>,
    /// For observers of an answer that only its end judges.
    witness: Option<Box<(Pinned, Decision)>>,
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

const _: () = assert!(size_of::<Held>() <= 48);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    #[inline]
    pub(super) fn new(
        endpoint: &Arc<EndpointState>,
        policy: &Policy,
        verdict: Verdict,
        took: Duration,
        witness: Option<Box<(Pinned, Decision)>>,
    ) -> Self {
        let place = if policy.release == ReleaseOn::Head {
            endpoint.end(true);
            Place::Free
        } else {
            Place::Counted
        };
        Held {
            endpoint: endpoint.clone(),
            place,
            to_first_frame: policy.release == ReleaseOn::FirstFrame,
            is_open: verdict == Verdict::AtEnd,
            // A head that was a failure has been counted, and an end that fails too is no second one.
            is_judged: verdict == Verdict::Known(Outcome::Failure),
            at_most: nanos(policy.hold_at_most),
            took: nanos(took),
            watched: None,
            witness,
        }
    }

    /// Gives back what it counts.
    #[inline]
    fn release(&mut self) {
        match std::mem::replace(&mut self.place, Place::Free) {
            Place::Free => {}
            Place::Counted => self.endpoint.end(true),
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
        let clock = self.endpoint.clock();
        if self.place == Place::Free || self.at_most == u64::MAX || !clock.has_timers() {
            return;
        }
        let until = clock.now().after(Duration::from_nanos(self.at_most));
        let watched = self.watched.get_or_insert_with(|| {
            let watch = Arc::new(Watch { endpoint: self.endpoint.clone(), count: AtomicU64::new(1) });
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
        if self.to_first_frame {
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
        if self.is_judged || !(self.is_open || outcome == Outcome::Failure) {
            return;
        }
        self.is_judged = true;
        self.endpoint.judge(outcome, Duration::from_nanos(self.took), self.endpoint.clock().now());
        self.tell(outcome);
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        self.release();
        if self.witness.is_some() {
            // Left before its end: it says nothing.
            self.tell(Outcome::Ignore);
        }
    }
}

/// One count, which either the guard or its timer gives back.
struct Watch {
    endpoint: Arc<EndpointState>,
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
            self.endpoint.end(true);
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
    use crate::time::{Clock, Instant};

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
            let endpoint = &handles[0].regions[0].endpoints[0];
            endpoint.begin();
            endpoint.head();
            let watch = Arc::new(Watch { endpoint: endpoint.clone(), count: AtomicU64::new(1) });
            let timer = {
                let watch = watch.clone();
                loom::thread::spawn(move || watch.wake())
            };
            watch.release();
            timer.join().expect("the timer does not panic");
            assert_eq!((endpoint.in_flight(), handles[0].regions[0].state.in_flight()), (0, 0));
        });
    }
}
