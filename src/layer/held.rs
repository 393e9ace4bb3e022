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
use crate::time::{Clock, Sleep, nanos};
use crate::traffic::Pinned;
use std::fmt;
use std::task::{Wake, Waker};
use std::time::Duration;

/// Keeps a request counted as in flight while its answer goes on.
pub struct Held {
    endpoint: Arc<EndpointState>,
    place: Place,
    clock: Clock,
    /// How long the body may stand still, in nanoseconds.
    at_most: u64,
    to_first_frame: bool,
    /// How long the head took.
    took: Duration,
    /// Whether the head left open what the answer says.
    is_open: bool,
    is_judged: bool,
    /// For observers of an answer that only its end judges.
    witness: Option<Box<(Pinned, Decision)>>,
}

/// What it counts.
enum Place {
    /// Nothing any more.
    Free,
    /// One.
    Counted,
    /// One, until the body has stood still for too long.
    Watched { watch: Arc<Watch>, timer: Sleep },
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    #[inline]
    pub(super) fn new(
        endpoint: &Arc<EndpointState>,
        clock: &Clock,
        policy: &Policy,
        verdict: Verdict,
        took: Duration,
        witness: Option<Box<(Pinned, Decision)>>,
    ) -> Self {
        let place = match policy.release {
            ReleaseOn::Head => {
                endpoint.end(true);
                Place::Free
            }
            ReleaseOn::FirstFrame | ReleaseOn::End => Place::Counted,
        };
        let to_first_frame = policy.release == ReleaseOn::FirstFrame;
        let (endpoint, clock, at_most) = (endpoint.clone(), clock.clone(), nanos(policy.hold_at_most));
        let is_open = verdict == Verdict::AtEnd;
        Held { endpoint, place, clock, at_most, to_first_frame, took, is_open, is_judged: false, witness }
    }

    /// Gives back what it counts.
    #[inline]
    fn release(&mut self) {
        match std::mem::replace(&mut self.place, Place::Free) {
            Place::Free => {}
            Place::Counted => self.endpoint.end(true),
            Place::Watched { watch, timer } => {
                drop(timer);
                watch.release();
            }
        }
    }

    /// From now on the body may stand still for so long.
    fn watch(&mut self) {
        if self.at_most == u64::MAX || matches!(self.place, Place::Free) {
            return;
        }
        let until = self.clock.now().after(Duration::from_nanos(self.at_most));
        if let Place::Watched { timer, .. } = &mut self.place {
            timer.reset(&self.clock, until);
        } else if self.clock.has_timers() {
            let watch = Arc::new(Watch { endpoint: self.endpoint.clone(), count: AtomicU64::new(1) });
            self.place = Place::Watched { watch, timer: self.clock.sleep_until(until) };
        }
        if let Place::Watched { watch, timer } = &mut self.place
            && timer.is_over_or_wakes(&Waker::from(watch.clone()))
        {
            self.release();
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
        if !matches!(self.place, Place::Watched { .. }) {
            self.watch();
        }
    }

    fn judge(&mut self, outcome: Outcome) {
        if self.is_judged || !(self.is_open || outcome == Outcome::Failure) {
            return;
        }
        self.is_judged = true;
        self.endpoint.judge(outcome, self.took, self.clock.now());
        self.tell(outcome);
    }
}

impl Held {
    fn tell(&mut self, outcome: Outcome) {
        if let Some((pin, decision)) = self.witness.take().as_deref() {
            pin.shared().tell(|observer| observer.outcome(pin, decision, outcome, self.took));
        }
    }
}

impl Drop for Held {
    #[inline]
    fn drop(&mut self) {
        self.release();
        // Left before its end: it says nothing.
        self.tell(Outcome::Ignore);
    }
}

/// One count, which either the guard or its timer gives back.
struct Watch {
    endpoint: Arc<EndpointState>,
    /// 1 until it is given back.
    count: AtomicU64,
}

impl Watch {
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
