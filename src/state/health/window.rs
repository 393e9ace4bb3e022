//! What an endpoint answered lately: ten exact buckets.
//!
//! An average that decays hides a burst in what came before it, and a rate of two buckets that are swapped forgets half of what it
//! knew at each swap (Envoy). Ten buckets of a tenth of the window, each counted exactly, forget a tenth at a time, as linkerd's
//! breaker does. A bucket is one word, `tick | successes | failures`, so that a record is a load and an addition, and a compare
//! and swap for the first of each tick.
//!
//! **What is not exact.** A thread that loads a bucket's word and is stopped for a whole window before it adds, adds to the tick that
//! has the bucket then. The tick has 24 bits: a bucket that nobody wrote to since is counted again when they come round, after
//! half a year of ticks of a second. A bucket that is full counts neither successes nor failures any more, so that what it says of
//! their ratio stays true: at a million of either, more than any process sends to an endpoint in a second.

use crate::sync::{AtomicU64, Ordering};
use crate::time::{Instant, nanos};
use std::time::Duration;

const BUCKETS: usize = 10;

/// Where the tick begins: a count has 20 bits, a sum of microseconds 40.
const TICK_SHIFT: u32 = 40;
const TICKS: u64 = 1 << (u64::BITS - TICK_SHIFT);

const COUNT_SHIFT: u32 = 20;
const COUNT: u64 = (1 << COUNT_SHIFT) - 1;

/// Full below what fits: so many threads may add at once after each saw room.
const FULL: u64 = COUNT - (1 << 14);

/// A bucket that is so far ahead was written by somebody with a later moment; further, before the ticks came round.
const AHEAD: u64 = 1024;

/// The longest response time, in microseconds, that is added as it is: 2^30, a quarter of an hour.
const LONGEST: u64 = 1 << 30;

/// Nothing is added to a sum above: 2^39 and five hundred of the longest at once are less than 2^40.
const FULL_SUM: u64 = 1 << 39;

/// The counts of one endpoint.
#[derive(Debug)]
pub(super) struct Window {
    /// How long a bucket lasts, in nanoseconds; zero while nobody asks for counts.
    width: AtomicU64,
    counts: [AtomicU64; BUCKETS],
    /// `tick | microseconds`: how long the successes took.
    sums: [AtomicU64; BUCKETS],
}

// Relaxed throughout: each word stands alone, and who judges reads what has been added by then.
impl Window {
    /// Empty, and switched off.
    pub(super) fn new() -> Self {
        let empty = || std::array::from_fn(|_| AtomicU64::new(0));
        Window { width: AtomicU64::new(0), counts: empty(), sums: empty() }
    }

    /// Looks back so long from now on; zero switches it off. Another length begins anew: ticks of two lengths do not compare.
    pub(super) fn look_back(&self, length: Duration) {
        let width = nanos(length).div_ceil(BUCKETS as u64);
        if self.width.load(Ordering::Relaxed) != width {
            self.width.store(width, Ordering::Relaxed);
            self.clear();
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        for bucket in self.counts.iter().chain(&self.sums) {
            bucket.store(0, Ordering::Relaxed);
        }
    }

    /// Counts an answer.
    #[inline]
    pub(super) fn record(&self, is_success: bool, now: Instant) {
        let Some(tick) = self.tick(now) else { return };
        let is_full = |word: u64| (word & COUNT) >= FULL || (word >> COUNT_SHIFT & COUNT) >= FULL;
        add(&self.counts, tick, if is_success { 1 << COUNT_SHIFT } else { 1 }, is_full);
    }

    /// Adds how long a success took.
    pub(super) fn record_time(&self, took: Duration, now: Instant) {
        let Some(tick) = self.tick(now) else { return };
        let micros = u64::try_from(took.as_micros()).unwrap_or(LONGEST).min(LONGEST);
        add(&self.sums, tick, micros, |word| sum_of(word) >= FULL_SUM);
    }

    /// Successes and failures of the last ten buckets, of which the newest is not over.
    pub(super) fn counts(&self, now: Instant) -> (u64, u64) {
        self.fold(&self.counts, now, (0, 0), |(ok, fail), word| {
            (ok + (word >> COUNT_SHIFT & COUNT), fail + (word & COUNT))
        })
    }

    /// How long the successes took together, in microseconds.
    pub(super) fn micros(&self, now: Instant) -> u64 {
        self.fold(&self.sums, now, 0, |sum, word| sum + sum_of(word))
    }

    fn fold<T>(&self, buckets: &[AtomicU64; BUCKETS], now: Instant, none: T, add: impl Fn(T, u64) -> T) -> T {
        let Some(tick) = self.tick(now) else { return none };
        let words = buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed));
        words.filter(|word| distance(tick, word >> TICK_SHIFT) < BUCKETS as u64).fold(none, add)
    }

    #[inline]
    fn tick(&self, now: Instant) -> Option<u64> {
        now.as_nanos().checked_div(self.width.load(Ordering::Relaxed))
    }
}

#[inline]
fn add(buckets: &[AtomicU64; BUCKETS], tick: u64, amount: u64, is_full: impl Fn(u64) -> bool) {
    let bucket = &buckets[(tick % BUCKETS as u64) as usize];
    let mut word = bucket.load(Ordering::Relaxed);
    loop {
        let ahead = distance(word >> TICK_SHIFT, tick);
        if ahead == 0 {
            if !is_full(word) {
                bucket.fetch_add(amount, Ordering::Relaxed);
            }
            return;
        }
        // Zero was never written to.
        if word != 0 && ahead < AHEAD {
            return;
        }
        let first = (tick % TICKS) << TICK_SHIFT | amount;
        match bucket.compare_exchange(word, first, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return,
            Err(found) => word = found,
        }
    }
}

/// How far one tick is after another, as far as their bits tell.
#[inline]
fn distance(tick: u64, other: u64) -> u64 {
    tick.wrapping_sub(other) % TICKS
}

fn sum_of(word: u64) -> u64 {
    word & ((1 << TICK_SHIFT) - 1)
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(milliseconds: u64) -> Instant {
        Instant::START.after(Duration::from_millis(milliseconds))
    }

    fn window() -> Window {
        let window = Window::new();
        window.look_back(10 * SECOND);
        window
    }

    #[test]
    fn a_tenth_is_forgotten_at_a_time() {
        let window = window();
        for second in 0..10 {
            window.record(second % 2 == 0, at(second * 1000 + 999));
        }
        assert_eq!(window.counts(at(9_999)), (5, 5));
        assert_eq!(window.counts(at(10_000)), (4, 5), "and what is not over counts");
        window.record(true, at(10_000));
        assert_eq!(window.counts(at(10_000)), (5, 5));
        assert_eq!(window.counts(at(19_999)), (1, 0));
        assert_eq!(window.counts(at(20_000)), (0, 0));
    }

    #[test]
    fn what_is_older_than_the_window_is_not_counted_and_takes_nothing_away() {
        let window = window();
        window.record(false, at(20_000));
        window.record(true, at(10_000));
        assert_eq!(window.counts(at(20_000)), (0, 1));
    }

    #[test]
    fn an_empty_window_counts_at_any_time() {
        for now in [Instant::START, Instant::NEVER, at((TICKS - 5) * 1000)] {
            let window = window();
            assert_eq!(window.counts(now), (0, 0));
            window.record(true, now);
            assert_eq!(window.counts(now), (1, 0), "at {now:?}");
        }
    }

    #[test]
    fn a_bucket_that_is_full_keeps_its_ratio() {
        let window = window();
        window.counts[0].store(FULL << COUNT_SHIFT | 7, Ordering::Relaxed);
        window.record(false, Instant::START);
        window.record(true, Instant::START);
        assert_eq!(window.counts(Instant::START), (FULL, 7));
    }

    #[test]
    fn times_are_added_beside_and_a_full_sum_stays() {
        let window = window();
        window.record_time(Duration::from_millis(3), at(0));
        window.record_time(Duration::from_millis(4), at(1000));
        assert_eq!(window.micros(at(9_999)), 7000);
        assert_eq!(window.micros(at(10_000)), 4000);
        (0..600).for_each(|_| window.record_time(Duration::MAX, at(2000)));
        assert_eq!(window.micros(at(2000)), 7000 + FULL_SUM);
    }

    #[test]
    fn switched_off_nothing_is_counted_and_another_length_begins_anew() {
        let window = Window::new();
        window.record(true, at(1));
        assert_eq!(window.counts(at(1)), (0, 0));
        window.look_back(10 * SECOND);
        window.record(true, at(1));
        window.look_back(10 * SECOND);
        assert_eq!(window.counts(at(1)), (1, 0));
        window.look_back(20 * SECOND);
        assert_eq!(window.counts(at(1)), (0, 0));
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        /// I-31: the counts are of the answers in the last ten buckets, exactly, in whatever gaps they came.
        #[test]
        fn the_counts_are_those_of_a_list(answers in prop::collection::vec((any::<bool>(), 0u64..3000), 0..200)) {
            let (window, mut now, mut list) = (window(), 0, Vec::new());
            for (is_success, gap) in answers {
                now += gap;
                window.record(is_success, at(now));
                list.push((is_success, now / 1000));
                let inside = |kind| list.iter().filter(|(one, tick)| *one == kind && now / 1000 - tick < 10).count() as u64;
                prop_assert_eq!(window.counts(at(now)), (inside(true), inside(false)));
            }
        }
    }
}
