//! Tokens that successes earn and retries spend.
//!
//! The word holds what is spent, and not what is left. So it is zero while nothing is, whatever the capacity: a table that
//! changes the capacity has nothing to write, a young process begins with all there is, and a success while nothing is spent,
//! which is nearly every one, reads one word and is done. To check and to spend are one exchange, so that of two who ask for
//! the last token one gets it; where they are two steps, as in tower's `TpsBudget`, both do.
//!
//! # The floor
//! Where requests are rare nothing is saved up, and without an exception one bad minute would end retries for long. So with too
//! few tokens for its cost one is granted all the same: the first at once, and the next when `floor` has passed since the last.
//! Floors of many processes add up, though (in our simulation, those of fifty clients kept an outage alive), and an
//! outage is when everybody needs them. So with each grant the next one is twice as far away, up to 64 times, until something
//! succeeds. A success does not forget when the last one was granted: else each would fund a retry, whatever the ratio.
//!
//! Over any span of time, then, what is withdrawn less what is given back is at most `capacity + ratio x successes`, and the
//! grants are at most `1 + span / floor` (I-45).

use super::deposit::{Deposit, TOKEN, tokens};
use crate::sync::{AtomicU64, Ordering};
use crate::time::Instant;
use std::time::Duration;

/// Where the grants in a row stand in the word, above what is spent.
const GRANTS_AT: u32 = 61;
const SPENT: u64 = (1 << GRANTS_AT) - 1;
const GRANT: u64 = 1 << GRANTS_AT;

/// More grants in a row make no difference: 2^6 times the floor.
const MOST_GRANTS: u64 = 6;

/// What is spent of a capacity that whoever asks has to know.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// What is spent, in millionths of a token, and in the upper three bits how many were granted by the floor since the last
    /// success.
    spent: AtomicU64,
    /// When the last one was granted, in nanoseconds; zero for never. Apart from the word that every success reads, so that it
    /// needs no coarser unit and never wraps.
    granted: AtomicU64,
}

/// How something was paid: to be given back as it came. Whoever loses it has spent it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "what is not sent is given back"]
pub(crate) struct Paid(How);

#[derive(Debug, PartialEq, Eq)]
enum How {
    /// So many millionths.
    Tokens(u64),
    /// By a grant at this moment, after one at that; whether it made the next one come later.
    Floor { at: u64, before: u64, has_doubled: bool },
}

impl Paid {
    /// Whether the floor granted it.
    #[cfg(test)]
    pub(crate) fn is_by_floor(&self) -> bool {
        matches!(self.0, How::Floor { .. })
    }

    /// In millionths; nothing for what the floor granted.
    pub(super) fn cost(&self) -> u64 {
        match self.0 {
            How::Tokens(cost) => cost,
            How::Floor { .. } => 0,
        }
    }
}

// Relaxed throughout: neither word publishes anything else. All changes of one have one order, so that a check and what it
// allows are one step; what the two say together need not be of one moment, see `grant`.
impl Tokens {
    /// Nothing spent, nothing granted.
    pub(crate) fn new() -> Self {
        Tokens { spent: AtomicU64::new(0), granted: AtomicU64::new(0) }
    }

    /// Whether a success would change anything.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed) != 0
    }

    /// Something succeeded.
    #[inline]
    pub(crate) fn deposit(&self, deposit: Deposit) {
        if self.spent.load(Ordering::Relaxed) != 0 {
            self.pay_in(deposit);
        }
    }

    #[cold]
    fn pay_in(&self, deposit: Deposit) {
        _ = self.change(|word| {
            // More than all may be spent by a policy that had more.
            let spent = (word & SPENT).min(deposit.capacity).saturating_sub(deposit.amount);
            // Without the grants: the next comes as early as it may.
            (spent != word).then_some(spent)
        });
    }

    /// Takes so many tokens if they are there; if not, what the floor grants, if there is one.
    pub(crate) fn withdraw(&self, cost: u32, capacity: u32, floor: Option<Duration>, now: Instant) -> Option<Paid> {
        let (cost, capacity) = (tokens(cost), tokens(capacity));
        match self.change(|word| ((word & SPENT) + cost <= capacity).then(|| word + cost)) {
            Ok(_) => Some(Paid(How::Tokens(cost))),
            Err(word) => self.grant(word, floor?, now),
        }
    }

    /// The moment of the last grant decides: of two who find one due, the second finds that moment changed. The count follows a
    /// step later. Who looks in between sees a wait half as long, but never one below the floor.
    #[cold]
    fn grant(&self, word: u64, floor: Duration, now: Instant) -> Option<Paid> {
        let before = self.granted.load(Ordering::Relaxed);
        if !is_due(before, word, floor, now) {
            return None;
        }
        let at = now.as_nanos().max(1);
        self.granted.compare_exchange(before, at, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        let has_doubled = self.change(|word| (word >> GRANTS_AT < MOST_GRANTS).then(|| word + GRANT)).is_ok();
        Some(Paid(How::Floor { at, before, has_doubled }))
    }

    /// Gives back what was paid for something that was not sent. A grant is there again, unless the next was given meanwhile.
    pub(crate) fn refund(&self, paid: Paid) {
        let Paid(how) = paid;
        match how {
            How::Tokens(cost) => {
                // Not below zero: what it cost may have been earned again meanwhile.
                _ = self.change(|word| Some(word - cost.min(word & SPENT)));
            }
            How::Floor { at, before, has_doubled } => {
                _ = self.granted.compare_exchange(at, before, Ordering::Relaxed, Ordering::Relaxed);
                // None is left to take off where something succeeded meanwhile.
                _ = self.change(|word| if has_doubled { word.checked_sub(GRANT) } else { None });
            }
        }
    }

    /// Takes so many, as far as they are there.
    pub(crate) fn take(&self, cost: u32, capacity: u32) {
        _ = self.change(|word| {
            let spent = ((word & SPENT) + tokens(cost)).min(tokens(capacity));
            Some((word & !SPENT) | spent)
        });
    }

    /// Whether [`Tokens::withdraw`] would give something now.
    pub(crate) fn has(&self, cost: u32, capacity: u32, floor: Option<Duration>, now: Instant) -> bool {
        let word = self.spent.load(Ordering::Relaxed);
        (word & SPENT) + tokens(cost) <= tokens(capacity)
            || floor.is_some_and(|floor| is_due(self.granted.load(Ordering::Relaxed), word, floor, now))
    }

    /// Whether more than half of the capacity is left.
    pub(crate) fn has_more_than_half(&self, capacity: u32) -> bool {
        self.left_of(capacity) * 2 > tokens(capacity)
    }

    /// How many tokens are left of so many.
    pub(crate) fn left(&self, capacity: u32) -> f64 {
        self.left_of(capacity) as f64 / TOKEN as f64
    }

    fn left_of(&self, capacity: u32) -> u64 {
        tokens(capacity).saturating_sub(self.spent.load(Ordering::Relaxed) & SPENT)
    }

    /// Changes the word; what it was before, both when it was changed and when it was not.
    fn change(&self, change: impl FnMut(u64) -> Option<u64>) -> Result<u64, u64> {
        self.spent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, change)
    }
}

/// Whether the floor grants one now, after the last at that moment.
fn is_due(granted: u64, word: u64, floor: Duration, now: Instant) -> bool {
    let wait = floor.max(Duration::from_nanos(1)).saturating_mul(1 << (word >> GRANTS_AT));
    granted == 0 || now.since(Instant::from_nanos(granted)) >= wait
}
