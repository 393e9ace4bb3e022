//! Requests in flight and how many may be, in one word.
//!
//! Whether one more may begin depends on two numbers, and both change at any time. Kept apart they cannot be read together:
//! two requests that each see the last free place both take it (Netflix/concurrency-limits#234 saw 12 in flight at a limit
//! of 10), and a limit that is lowered meanwhile is overshot. In one word the check and the count are one operation, so the
//! cap is exact whatever is in a race with what.
//!
//! Three numbers of 21 bits, about two million each, and one bit:
//!
//! | bits | what |
//! |---|---|
//! | 0 to 20 | *open*: in flight to the end of the answer, which is what the limit bounds: a slow reader still holds a connection |
//! | 21 to 41 | *waiting*: of those, how many wait for the head of their answer, for who wants to know the backend's own work |
//! | 42 to 62 | the limit; all ones for none |
//! | 63 | whether anybody stands in a queue. Then nobody may begin past it, and who ends has to look who is next |
//!
//! A limit may be lowered below what is in flight: nothing is taken back, and nothing begins until enough has ended.

use crate::sync::{AtomicU64, Ordering};
use std::fmt;

const BITS: u32 = 21;
const MASK: u64 = (1 << BITS) - 1;
const OPEN: u64 = 1;
const WAITING: u64 = 1 << BITS;
const LIMIT_AT: u32 = 2 * BITS;
const QUEUED: u64 = 1 << 63;

/// In flight without a limit, which leaves room for as many threads to find out at once that there is no room.
const MOST: u64 = MASK - (1 << 12);

/// The word.
#[derive(Debug)]
pub(crate) struct Permits(AtomicU64);

/// What was in flight when a request began, itself included: the two counts as they stand in the word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct InFlight(u64);

impl InFlight {
    /// How many bits it takes.
    pub(crate) const BITS: u32 = LIMIT_AT;

    #[inline]
    pub(crate) fn from_bits(word: u64) -> Self {
        InFlight(word & ((1 << InFlight::BITS) - 1))
    }

    #[inline]
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// To the end of their answers.
    #[inline]
    pub(crate) fn open(self) -> u32 {
        open(self.0) as u32
    }

    /// Of those, to the heads.
    #[inline]
    pub(crate) fn waiting(self) -> u32 {
        (self.0 >> BITS & MASK) as u32
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} open, {} waiting", self.open(), self.waiting())
    }
}

/// There is no room, or somebody came earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full {
    /// A place was taken for a moment and given back, and somebody stands in the queue who may have missed it: they have to
    /// be let in.
    pub(crate) has_ended: bool,
}

const FULL: Full = Full { has_ended: false };

#[inline]
fn open(word: u64) -> u64 {
    word & MASK
}

#[inline]
fn limit(word: u64) -> u64 {
    word >> LIMIT_AT & MASK
}

// Relaxed, but where somebody queues: the word stands alone and publishes nothing else. All its changes have one order, so that
// no count is lost, a check and its count are one, and who ends after somebody has queued sees that. What a waiter is given
// goes through the queue's lock.
impl Permits {
    /// Nothing in flight, and no limit.
    pub(crate) fn new() -> Self {
        Permits(AtomicU64::new(MASK << LIMIT_AT))
    }

    /// One more in flight, if the limit allows it and nobody stands in the queue.
    ///
    /// `waits` says whether it counts as waiting for its head.
    #[inline]
    pub(crate) fn try_begin(&self, waits: bool) -> Result<InFlight, Full> {
        let word = self.0.load(Ordering::Relaxed);
        if limit(word) == MASK {
            return self.begin_freely(waits);
        }
        self.begin_within(word, waits, QUEUED)
    }

    /// The same for one who leaves a quarter of the limit, rounded up, to others.
    pub(crate) fn try_begin_aside(&self, waits: bool) -> Result<InFlight, Full> {
        let aside = |word: u64| open(word) < limit(word) * 3 / 4 && open(word) < MOST && word & QUEUED == 0;
        self.change(|word| aside(word).then_some(word + step(waits)))
            .map(|word| InFlight::from_bits(word + step(waits)))
    }

    /// The same for the one who stands first in the queue.
    pub(crate) fn try_begin_queued(&self, waits: bool) -> Result<InFlight, Full> {
        self.begin_within(self.0.load(Ordering::Relaxed), waits, 0)
    }

    /// One more in flight, whatever the limit: refused only where the word cannot count it.
    pub(crate) fn begin(&self, waits: bool) -> Result<InFlight, Full> {
        self.change(|word| (open(word) < MOST).then_some(word + step(waits)))
            .map(|word| InFlight::from_bits(word + step(waits)))
    }

    #[inline]
    fn begin_within(&self, mut word: u64, waits: bool, stops: u64) -> Result<InFlight, Full> {
        loop {
            if open(word) >= limit(word).min(MOST) || word & stops != 0 {
                return Err(FULL);
            }
            let next = word + step(waits);
            match self.0.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(InFlight::from_bits(next)),
                Err(later) => word = later,
            }
        }
    }

    /// Without a limit there is nothing to check, and an addition never has to be tried again. Should a limit have come
    /// meanwhile, it is taken back and tried properly. Who looks in between sees one too many, never one too few; so if
    /// somebody stands in the queue by then, they may have found no room for no other reason.
    #[inline]
    fn begin_freely(&self, waits: bool) -> Result<InFlight, Full> {
        let before = self.0.fetch_add(step(waits), Ordering::Relaxed);
        if limit(before) == MASK && open(before) < MOST {
            return Ok(InFlight::from_bits(before + step(waits)));
        }
        self.take_back(waits)
    }

    #[cold]
    fn take_back(&self, waits: bool) -> Result<InFlight, Full> {
        let before = self.0.fetch_sub(step(waits), Ordering::Relaxed);
        let after = before - step(waits);
        self.begin_within(after, waits, QUEUED).map_err(|_| Full { has_ended: after & QUEUED != 0 })
    }

    /// The head of an answer is there, of a request that counted as waiting for it.
    #[inline]
    pub(crate) fn head(&self) {
        self.0.fetch_sub(WAITING, Ordering::Relaxed);
    }

    /// One less in flight; whether anybody stands in the queue, who may now begin.
    #[inline]
    #[must_use = "who stands in the queue has to be let in"]
    pub(crate) fn end(&self, waits: bool) -> bool {
        self.0.fetch_sub(step(waits), Ordering::Relaxed) & QUEUED != 0
    }

    /// Sets the limit, none for no limit; whether anybody stands in the queue, who may now begin.
    #[must_use = "who stands in the queue has to be let in"]
    pub(crate) fn set_limit(&self, to: Option<u32>) -> bool {
        let to = to.map_or(MASK, |to| u64::from(to).min(MASK - 1));
        let cleared = |word: u64| word & !(MASK << LIMIT_AT);
        self.change(|word| Some(cleared(word) | to << LIMIT_AT)).is_ok_and(|word| word & QUEUED != 0)
    }

    /// Says whether anybody stands in the queue. To be called by whoever holds the queue's lock.
    pub(crate) fn set_queued(&self, is_queued: bool) {
        if is_queued {
            // Release pairs with the fence in `let_in`: whoever finds the bit finds the queue, also on a place that had no
            // limit when it began.
            self.0.fetch_or(QUEUED, Ordering::Release);
        } else {
            self.0.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    /// How many are in flight.
    #[inline]
    pub(crate) fn open(&self) -> u32 {
        InFlight::from_bits(self.0.load(Ordering::Relaxed)).open()
    }

    /// How many of those wait for their head.
    #[inline]
    pub(crate) fn waiting(&self) -> u32 {
        InFlight::from_bits(self.0.load(Ordering::Relaxed)).waiting()
    }

    /// How many may be in flight, if that is bounded.
    pub(crate) fn limit(&self) -> Option<u32> {
        let limit = limit(self.0.load(Ordering::Relaxed));
        (limit != MASK).then_some(limit as u32)
    }

    /// Changes the word, and gives what it was before.
    fn change(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, Full> {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change).map_err(|_| FULL)
    }
}

#[inline]
fn step(waits: bool) -> u64 {
    if waits { OPEN + WAITING } else { OPEN }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests;

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
