//! The only way to count a request as in flight by hand: a guard that gives back what it counted when it is dropped, however
//! that comes about.

use super::bound::Admission;
use super::endpoint::{EndpointState, Sent};
use crate::protocol::Outcome;
use crate::sync::Arc;
use crate::table::Signal;
use crate::time::Instant;
use std::time::Duration;

/// One request in flight at one endpoint: counted while this lives.
///
/// It holds the endpoint's state, never the table, so a long download keeps no old table alive.
#[derive(Debug)]
#[must_use = "the request counts as in flight while its permit lives"]
pub struct Permit {
    endpoint: Arc<EndpointState>,
    admission: Admission,
    began: Instant,
    had_head: bool,
    gave_up: bool,
}

impl Permit {
    #[inline]
    pub(crate) fn new(endpoint: &Arc<EndpointState>, admission: Admission, now: Instant) -> Self {
        Permit { endpoint: endpoint.clone(), admission, began: now, had_head: false, gave_up: false }
    }

    fn sent(&self, took: Duration) -> Sent {
        Sent { began: self.began, took, is_probe: false }
    }

    /// Records the head of the answer and what it says: the response time is known, the body may still come.
    ///
    /// Only the first call counts.
    #[inline]
    pub fn answered(&mut self, outcome: Outcome, now: Instant) {
        if !self.had_head && !self.gave_up {
            self.had_head = true;
            let took = now.since(self.began);
            self.endpoint.head(self.admission);
            self.endpoint.judge(outcome, self.sent(took), now);
            if outcome == Outcome::Success {
                self.endpoint.region().fund(|first| first);
            }
            self.endpoint.region().bound.sample(self.admission, Signal::of(outcome), took, now);
        }
    }

    /// Records that nobody waits for the head any more, and what that says: a wait that a deadline ended, or one beyond the
    /// endpoint's patience, is a timeout; a shorter one says nothing. After two in a row without an answer the region's limit
    /// learns nothing more from the endpoint until it answers.
    ///
    /// Only the first call counts, and none after [`answered`](Self::answered).
    pub fn gave_up(&mut self, by_deadline: bool, now: Instant) -> Outcome {
        if self.had_head || self.gave_up {
            return Outcome::Ignore;
        }
        self.gave_up = true;
        let waited = now.since(self.began);
        let outcome = self.endpoint.abandon(self.sent(waited), by_deadline, now);
        // As in the layers, but without a look at the others of the region.
        if outcome == Outcome::Failure && !self.endpoint.is_suspect() {
            self.endpoint.region().bound.sample(self.admission, Signal::Dropped, waited, now);
        }
        outcome
    }
}

impl Drop for Permit {
    #[inline]
    fn drop(&mut self) {
        let hold = if self.had_head { self.admission.after_head() } else { self.admission.before_head() };
        self.endpoint.end(hold, self.had_head);
    }
}
