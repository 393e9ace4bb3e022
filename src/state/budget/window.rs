//! Finagle's window: what requests add counts for so long, and so does what retries take.
//!
//! Ten slots. A request adds to the newest, a retry takes from the newest, and both are forgotten with their slot. A retry is
//! let through while the sum and the reserve together are worth one; so over any span that the ten cover, retries are at most
//! what the requests in it added, and the reserve. As in finagle's `RetryBudget` and its `WindowedAdder`, but for two things:
//! all happens under one lock, so that a check is also the withdrawal, and a window that was idle for a year is cleared in ten
//! steps. What is withdrawn after its deposit has been forgotten is paid by the reserve.

use super::deposit::TOKEN;
use crate::time::{Instant, nanos};
use std::time::Duration;

const SLOTS: u64 = 10;

/// What was added less what was taken, by slot, in millionths of a token.
#[derive(Debug)]
pub(super) struct Window {
    slots: [i64; SLOTS as usize],
    /// The number of the newest slot. Slots are counted and not computed from the time: a window that gets another length goes
    /// on with the same ones.
    newest: u64,
    /// When it began.
    since: Instant,
    /// How long it lasts, in nanoseconds: by whoever looked last.
    width: u64,
}

impl Window {
    /// An empty one.
    pub(super) fn new() -> Self {
        Window { slots: [0; SLOTS as usize], newest: 0, since: Instant::START, width: 1 }
    }

    /// Adds so many millionths.
    pub(super) fn add(&mut self, amount: u64, length: Duration, now: Instant) {
        self.pass(length, now);
        self.put(self.newest, amount.cast_signed());
    }

    /// Takes one token if with this reserve it is there; the slot that it was taken from.
    pub(super) fn take(&mut self, reserve: u64, length: Duration, now: Instant) -> Option<u64> {
        self.has(reserve, length, now).then(|| {
            self.put(self.newest, -TOKEN.cast_signed());
            self.newest
        })
    }

    /// Gives one token back to its slot, unless that is forgotten.
    pub(super) fn give_back(&mut self, slot: u64) {
        if self.newest - slot < SLOTS {
            self.put(slot, TOKEN.cast_signed());
        }
    }

    /// Whether there is a token.
    pub(super) fn has(&mut self, reserve: u64, length: Duration, now: Instant) -> bool {
        self.left(reserve, length, now) >= TOKEN
    }

    /// What is left, in millionths.
    pub(super) fn left(&mut self, reserve: u64, length: Duration, now: Instant) -> u64 {
        self.pass(length, now);
        let sum = self.slots.iter().fold(0, |sum: i64, slot| sum.saturating_add(*slot));
        reserve.saturating_add_signed(sum)
    }

    fn put(&mut self, slot: u64, amount: i64) {
        let slot = &mut self.slots[(slot % SLOTS) as usize];
        *slot = slot.saturating_add(amount);
    }

    /// Goes on to the slot of this moment. Who comes by an earlier one finds the newest there is.
    fn pass(&mut self, length: Duration, now: Instant) {
        self.pass_slots(now);
        let width = (nanos(length) / SLOTS).max(1);
        if width != self.width {
            // The newest lasts so long from now on: by its beginning, ten shorter ones might be over already.
            self.width = width;
            self.since = self.since.max(now);
        }
    }

    fn pass_slots(&mut self, now: Instant) {
        let passed = nanos(now.since(self.since)) / self.width;
        for number in 1..=passed.min(SLOTS) {
            self.slots[((self.newest + number) % SLOTS) as usize] = 0;
        }
        self.newest += passed;
        self.since = self.since.after(Duration::from_nanos(passed * self.width));
    }
}
