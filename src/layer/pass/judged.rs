//! How a request ended at its endpoint: what its health, its limits and the views learn of that.

use super::{Marks, Pass, Step};
use crate::protocol::Outcome;
use crate::state::Sent;
use crate::table::Signal;
use crate::time::Instant;
use std::thread;
use std::time::Duration;

impl Pass {
    /// Counts a failure against the endpoint: its service said that it cannot take requests any more.
    pub(crate) fn blame(&mut self) {
        let now = self.pin.now();
        self.judge(Outcome::Failure, now.since(self.began), now);
    }

    /// Judges it where it stands, and has the views follow if that changes anything.
    #[inline]
    pub(super) fn judge(&mut self, outcome: Outcome, took: Duration, now: Instant) {
        let sent = self.sent(took);
        if self.state().judge(outcome, sent, now) {
            self.follow_health(now);
        }
    }

    /// What may be used has changed: the view of its cluster follows.
    #[cold]
    pub(super) fn follow_health(&self, now: Instant) {
        self.pin.rebuild_due_view(self.digest.cluster, now);
    }

    /// How it was sent, with the place of a probe that its judgement gives back.
    #[inline]
    pub(super) fn sent(&mut self, took: Duration) -> Sent {
        let is_probe = self.marks.has(Marks::IS_PROBE);
        self.marks.set(Marks::IS_PROBE, false);
        Sent { began: self.began, took, is_probe }
    }

    /// Whether it is a probe where only probes may go.
    #[inline]
    pub(super) fn may_only_probe(&self, region: u32, endpoint: u32) -> bool {
        self.marks.has(Marks::IS_PROBE) && self.pin.endpoint_state(self.digest.cluster, region, endpoint).is_out()
    }

    /// The same where it stands.
    pub(crate) fn is_there_to_probe(&self) -> bool {
        self.may_only_probe(self.region, self.endpoint)
    }

    /// It is no probe there after all.
    #[inline]
    pub(super) fn release_probe(&mut self, region: u32, endpoint: u32) {
        if self.marks.has(Marks::IS_PROBE) {
            self.marks.set(Marks::IS_PROBE, false);
            self.pin.endpoint_state(self.digest.cluster, region, endpoint).release_probe();
        }
    }

    /// Dropped before the head came. A service whose future nobody polled has done nothing, however long that was.
    #[cold]
    pub(super) fn abandon(&mut self) {
        let now = self.pin.now();
        let mut outcome = Outcome::Ignore;
        if self.step == Step::Awaited {
            // A deadline that had passed before the endpoint's time began was missed by the caller.
            let by_deadline = self.began < self.deadline && now >= self.deadline;
            let waited = now.since(self.began);
            let sent = self.sent(waited);
            outcome = self.state().abandon(sent, by_deadline, now);
            if self.pin.is_due(self.digest.cluster, now) {
                self.pin.rebuild_due_view(self.digest.cluster, now);
            }
            let is_superseded = self.is_superseded_after(waited);
            // What lost to a hedge was slow, not refused. And while a panic unwinds, another out of an algorithm would abort the
            // process.
            if outcome == Outcome::Failure && !is_superseded && !self.is_blamed_alone() && !thread::panicking() {
                self.sample(Signal::Dropped, waited, now);
            }
        }
        self.end();
        self.tell_outcome(outcome, now);
    }
}
