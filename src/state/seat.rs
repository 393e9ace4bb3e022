//! A place at a route's limit that all attempts of a request share.
//!
//! A route's limit bounds requests, not attempts: one that is retried, or hedged, has one place from its first attempt to the
//! end of the answer that its caller gets. Attempts end in any order and in any thread, so the last to leave gives the place
//! back. Most requests have one attempt only, and carry their place themselves.

use super::bound::Admission;
use super::route::RouteState;
use crate::sync::{Arc, AtomicU64, OnceLock, Ordering};

/// A request's place at its route's limit. Whoever has entered has to leave, once.
#[derive(Debug)]
pub(crate) struct Seat {
    route: Arc<RouteState>,
    /// None until the limit has let the request in.
    admission: OnceLock<Admission>,
    inside: AtomicU64,
    /// Whether the head of an answer came: 0 or 1.
    had_head: AtomicU64,
}

impl Seat {
    /// A seat that one has entered, and nobody was let in for.
    pub(crate) fn new(route: Arc<RouteState>) -> Self {
        Seat { route, admission: OnceLock::new(), inside: AtomicU64::new(1), had_head: AtomicU64::new(0) }
    }

    /// The place, once there is one.
    pub(crate) fn admission(&self) -> Option<Admission> {
        self.admission.get().copied()
    }

    /// The limit has let the request in.
    pub(crate) fn take(&self, admission: Admission) {
        if self.admission.set(admission).is_err() {
            // It had one already.
            self.route.bound.release(admission.before_head());
        }
    }

    /// The head of an answer is there: the first counts.
    pub(crate) fn head(&self) {
        // Relaxed: exactly one finds the 0.
        if self.had_head.swap(1, Ordering::Relaxed) == 0
            && let Some(admission) = self.admission()
        {
            self.route.bound.head(admission);
        }
    }

    /// One more has to leave.
    pub(crate) fn enter(&self) {
        // Relaxed: who enters another is inside.
        self.inside.fetch_add(1, Ordering::Relaxed);
    }

    /// The last to leave gives the place back.
    pub(crate) fn leave(&self) {
        // AcqRel: the last sees what the others did before they left, such as a head.
        if self.inside.fetch_sub(1, Ordering::AcqRel) == 1
            && let Some(admission) = self.admission()
        {
            let had_head = self.had_head.load(Ordering::Relaxed) == 1;
            self.route.bound.release(if had_head { admission.after_head() } else { admission.before_head() });
        }
    }
}
