//! Requests a second that a region takes, in one word.
//!
//! The generic cell rate algorithm (ITU-T I.371): the word is the moment at which the bucket will be full again, each request moves
//! it on by what one costs, and who would move it further ahead of now than the bucket is deep is refused. No thread refills
//! anything, and one compare-and-swap is the whole of it, so the bound is exact whatever is in a race with what: in any time
//! `t` at most `rate x t` and the bucket.
//!
//! What is refused is the least important first: each step of priority below the highest finds the bucket a fifth shallower. While
//! the demand is above the rate the bucket stays as low as the most important of the demand leave it, and the others wait outside.

use crate::protocol::Priority;
use crate::sync::{AtomicU64, Ordering};
use crate::time::{Instant, nanos};
use std::time::Duration;

/// The bucket holds a tenth of a second's requests: enough for what arrives at once by chance, and little for who has to bear it.
const BURST_OF: u64 = 10;

/// A rate that no region has declared.
const NONE: u64 = 0;

#[derive(Debug)]
pub(crate) struct Rate {
    full_at: AtomicU64,
    /// What a request costs, in nanoseconds; and how deep the bucket is. Written together, read one by one: a change that is seen by
    /// halves is over in a moment.
    every: AtomicU64,
    depth: AtomicU64,
}

impl Rate {
    /// Bounds nothing.
    pub(crate) fn new() -> Self {
        Rate { full_at: AtomicU64::new(0), every: AtomicU64::new(NONE), depth: AtomicU64::new(0) }
    }

    /// From now on so many a second, at least one; or as many as come.
    pub(crate) fn set(&self, per_second: Option<u64>) {
        let every = per_second.map_or(NONE, |rate| 1_000_000_000_u64.div_ceil(rate.max(1)));
        // Relaxed: a bound that others see a moment later.
        self.depth.store(per_second.map_or(0, |rate| (rate / BURST_OF).max(1) * every), Ordering::Relaxed);
        self.every.store(every, Ordering::Relaxed);
    }

    /// Takes one; else how long it is until one of this priority may have it.
    #[inline]
    pub(crate) fn take(&self, priority: Priority, now: Instant) -> Result<(), Duration> {
        let every = self.every.load(Ordering::Relaxed);
        if every == NONE { Ok(()) } else { self.take_from(every, priority, now) }
    }

    #[inline(never)]
    fn take_from(&self, every: u64, priority: Priority, now: Instant) -> Result<(), Duration> {
        let (step, steps) = (priority as u64 + 1, Priority::ALL.len() as u64);
        let depth = (self.depth.load(Ordering::Relaxed) / steps * step).max(every);
        let now = now.as_nanos();
        // Relaxed: the word stands alone, and all its changes have one order.
        let mut word = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = word.max(now).saturating_add(every);
            let ahead = next - now;
            if ahead > depth {
                return Err(Duration::from_nanos(ahead - depth));
            }
            match self.full_at.compare_exchange_weak(word, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(other) => word = other,
            }
        }
    }

    /// Gives one back that was not used.
    pub(crate) fn give_back(&self) {
        let every = self.every.load(Ordering::Relaxed);
        if every != NONE {
            _ = self
                .full_at
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |word| Some(word.saturating_sub(every)));
        }
    }

    /// How many a second it lets in, if that is bounded.
    pub(crate) fn per_second(&self) -> Option<u64> {
        let every = self.every.load(Ordering::Relaxed);
        (every != NONE).then(|| nanos(Duration::from_secs(1)) / every)
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests {
    use super::*;
    use crate::sync::Arc;

    /// I-18: two that take the last one at once do not both get it.
    #[test]
    fn loom_the_last_of_the_bucket_is_taken_once() {
        loom::model(|| {
            let rate = Arc::new(Rate::new());
            rate.set(Some(1));
            let other = {
                let rate = rate.clone();
                loom::thread::spawn(move || rate.take(Priority::Normal, Instant::START).is_ok())
            };
            let took = rate.take(Priority::Normal, Instant::START).is_ok();
            let other = other.join().expect("nobody panics");
            assert!(took != other, "exactly one");
        });
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn at(millis: u64) -> Instant {
        Instant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_rate_that_nobody_declared_bounds_nothing() {
        let rate = Rate::new();
        assert!((0..10_000).all(|_| rate.take(Priority::Background, at(0)).is_ok()));
        assert_eq!(rate.per_second(), None);
    }

    #[test]
    fn the_refused_are_told_when_there_will_be_one() {
        let rate = Rate::new();
        rate.set(Some(10));
        assert_eq!(rate.take(Priority::Critical, at(0)), Ok(()));
        assert_eq!(rate.take(Priority::Critical, at(40)), Err(Duration::from_millis(60)));
        assert_eq!(rate.take(Priority::Critical, at(100)), Ok(()));
    }

    #[test]
    fn what_was_not_used_is_there_again() {
        let rate = Rate::new();
        rate.set(Some(10));
        assert_eq!(rate.take(Priority::Normal, at(1000)), Ok(()));
        rate.give_back();
        assert_eq!(rate.take(Priority::Normal, at(1000)), Ok(()));
        assert!(rate.take(Priority::Normal, at(1000)).is_err());
    }

    #[test]
    fn the_least_important_are_refused_first() {
        let rate = Rate::new();
        rate.set(Some(1000));
        let mut admitted = [0; Priority::ALL.len()];
        // Each priority alone asks for 600 a second, over ten seconds.
        for millis in 0..10_000 {
            for priority in Priority::ALL {
                if millis % 5 < 3 && rate.take(priority, at(millis)).is_ok() {
                    admitted[priority as usize] += 1;
                }
            }
        }
        let [background, low, normal, high, critical] = admitted;
        assert_eq!(critical, 6000);
        assert!((3900..=4100).contains(&high), "{high}");
        assert!(normal + low + background < 200, "{admitted:?}");
    }

    proptest! {
        #![proptest_config(crate::property_config())]

        /// I-18: over any time at most the rate and the bucket, whoever asks.
        #[test]
        fn over_any_time_at_most_the_rate_and_the_bucket(
            per_second in 1u64..5000,
            asks in vec((0u64..20_000_000, 0usize..5), 1..400),
        ) {
            let rate = Rate::new();
            rate.set(Some(per_second));
            let (mut now, mut admitted) = (0, Vec::new());
            for (pause, priority) in asks {
                now += pause;
                if rate.take(Priority::ALL[priority], Instant::from_nanos(now)).is_ok() {
                    admitted.push(now);
                }
            }
            let burst = (per_second / BURST_OF).max(1);
            for (first, from) in admitted.iter().enumerate() {
                for (last, to) in admitted.iter().enumerate().skip(first) {
                    let (count, most) = ((last - first) as u64 + 1, burst + (to - from) * per_second / 1_000_000_000 + 1);
                    prop_assert!(count <= most, "{} in {} ns", count, to - from);
                    prop_assert!(to > from || count <= burst);
                }
            }
        }
    }
}
