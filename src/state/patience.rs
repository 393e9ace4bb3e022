//! How long an answer of an endpoint may take before nobody would call a caller impatient: the 99th percentile of its
//! response times, in one word.
//!
//! A caller that leaves says something about the endpoint only if it waited longer than the endpoint's own slow answers
//! take. Without that, callers with short timeouts of their own would hide a black hole: none of their requests would ever
//! fail. So a call that is dropped younger than this is no evidence, and one dropped older is a timeout whose length we
//! know a lower bound of.
//!
//! The estimate walks: each sample above it raises it by 99 small steps, each below lowers it by one, so that it rests
//! where one in a hundred lies above (stochastic descent on the quantile's loss; Ma, Muthukrishnan, Sandler, *Frugal
//! streaming for estimating quantiles*, 2013, is the same with steps of fixed size). Steps are parts of the estimate, 5%
//! up and 0.05% down, so it needs no knowledge of the scale. It rises tenfold in 47 slow answers and falls tenfold in 4600
//! quick ones; at rest it swings by a few percent. Until an endpoint has answered a hundred times it is 1 s.

use crate::sync::{AtomicU64, Ordering};
use crate::time::nanos;
use std::time::Duration;

/// Before there are samples enough.
const COLD: Duration = Duration::from_secs(1);

/// Samples enough: fewer say little about one in a hundred.
const ENOUGH: u64 = 100;

/// One step, as a part of the estimate. Ninety-nine of them are 5%.
const STEP: f64 = 0.05 / 99.0;

/// An `f64` of nanoseconds; zero before the first sample.
#[derive(Debug)]
pub(super) struct Patience(AtomicU64);

impl Patience {
    pub(super) fn new() -> Self {
        Patience(AtomicU64::new(0))
    }

    /// Takes the response time of a success.
    #[inline]
    pub(super) fn observe(&self, took: Duration) {
        let sample = nanos(took) as f64;
        // Relaxed, and not one exchange: of two samples at the same moment one may be lost, which biases nothing.
        let old = f64::from_bits(self.0.load(Ordering::Relaxed));
        let new = if old == 0.0 {
            sample.max(1.0)
        } else if sample > old {
            old * (1.0 + 99.0 * STEP)
        } else {
            (old * (1.0 - STEP)).max(1.0)
        };
        self.0.store(new.to_bits(), Ordering::Relaxed);
    }

    /// The estimate after so many samples.
    pub(super) fn after(&self, samples: u64) -> Duration {
        if samples < ENOUGH {
            return COLD;
        }
        Duration::from_nanos(f64::from_bits(self.0.load(Ordering::Relaxed)) as u64)
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::entropy::{Entropy, below};

    #[test]
    fn it_rests_where_one_in_a_hundred_is_slower() {
        let (patience, entropy) = (Patience::new(), Entropy::seeded(1));
        for count in 0..20_000 {
            // Uniform from 0 to 100 ms: the 99th percentile is 99 ms.
            patience.observe(Duration::from_nanos(below(entropy.word(), 100_000_000)));
            let estimate = patience.after(count).as_secs_f64();
            assert!(count < 2_000 || count == 0 || (0.085..0.105).contains(&estimate), "{estimate} after {count}");
        }
    }

    #[test]
    fn it_follows_an_endpoint_that_becomes_slow() {
        let patience = Patience::new();
        (0..1000).for_each(|_| patience.observe(Duration::from_millis(10)));
        assert!(patience.after(1000) <= Duration::from_micros(10_500));
        (0..60).for_each(|_| patience.observe(Duration::from_millis(100)));
        assert!(patience.after(1060) >= Duration::from_millis(90));
    }

    #[test]
    fn it_is_a_second_until_there_are_samples_enough() {
        let patience = Patience::new();
        patience.observe(Duration::from_millis(1));
        assert_eq!((patience.after(0), patience.after(99)), (COLD, COLD));
        assert_eq!(patience.after(100), Duration::from_millis(1));
    }
}
