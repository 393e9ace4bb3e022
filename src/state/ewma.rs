//! The peak-sensitive moving average of response times, in one word.
//!
//! As Finagle's `p2cPeakEwma` and tower's `load::peak_ewma`: a sample above the average becomes the average at once, one
//! below pulls it down with weight `1 - e^(-dt / decay)`, and without samples it decays towards zero, so that an endpoint
//! that was slow once is tried again. The cost of an endpoint is `average x (requests in flight + 1)`.
//!
//! An endpoint without a sample costs nothing while idle, so it gets its first request, and more than anything measured
//! while it has not answered that one (Finagle's penalty, `i64::MAX >> 16`), so it does not get a second. Failures are no
//! samples, since a quick refusal is no sign of speed, except those that are known by how long they took: of them the
//! average learns what a timeout shows, that an answer takes at least so long. So an endpoint that only fails, or that was not
//! asked for long, looks free: cost has to be read together with health, which is not built yet.
//!
//! Average and time of the last sample share one word: an `f32` of nanoseconds and a 32-bit count of 2^16 ns (65.5 us).
//! Samples inside one tick add no weight of their own, so above 15 000 a second some are left out, which biases nothing.
//! The tick wraps after 78 hours; an average that was idle for that long has its old value for a second, and decays again.

use crate::sync::{AtomicU64, Ordering};
use crate::time::{Instant, nanos};
use std::time::Duration;

/// The time in which an old sample's weight falls to 1/e: 10 s, as Finagle and tower.
const DECAY: Duration = Duration::from_secs(10);

/// What one request in flight costs where nothing has been measured: Finagle's `Long.MaxValue >> 16`, about 39 hours.
const PENALTY: u64 = (i64::MAX as u64) >> 16;

/// Nanoseconds in a tick, as a power of two.
const TICK: u32 = 16;

/// Ticks by which a sample may come from a clock that is ahead of the reader's: 1 s. Everything else is time that passed.
const SKEW: u32 = 1 << 14;

#[derive(Debug)]
pub(crate) struct PeakEwma(AtomicU64);

impl PeakEwma {
    /// Nothing measured.
    pub(crate) fn new() -> Self {
        PeakEwma(AtomicU64::new(0))
    }

    /// Takes a response time.
    #[inline]
    pub(crate) fn observe(&self, took: Duration, now: Instant) {
        // At least a nanosecond, so that a measured word is never zero.
        let sample = (nanos(took) as f32).max(1.0);
        let tick = tick(now);
        // Relaxed: the word stands alone. A racing sample that loses is taken after the one that won.
        // Relaxed: the word is a figure and publishes nothing else.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (average, is_peak) = match average(word, tick) {
                Some((old, weight)) if sample < old * weight => (old * weight + sample * (1.0 - weight), false),
                _ => (sample, true),
            };
            let new = pack(average.max(1.0), tick);
            match self.0.compare_exchange(word, new, Ordering::Relaxed, Ordering::Relaxed) {
                // Of two samples at the same moment one below the average may be lost; a peak may not.
                Err(later) if is_peak => word = later,
                _ => return,
            }
        }
    }

    /// Takes a response time of which only a lower bound is known: it counts if the average is below it.
    pub(crate) fn observe_at_least(&self, bound: Duration, now: Instant) {
        if self.average(now).is_none_or(|average| average < bound) {
            self.observe(bound, now);
        }
    }

    /// The cost of sending one more request to an endpoint that has `in_flight` already, in nanoseconds.
    #[inline]
    pub(crate) fn cost(&self, in_flight: u32, now: Instant) -> u64 {
        match average(self.0.load(Ordering::Relaxed), tick(now)) {
            Some((old, weight)) => (f64::from(old * weight) * (f64::from(in_flight) + 1.0)) as u64,
            None if in_flight == 0 => 0,
            None => PENALTY + u64::from(in_flight),
        }
    }

    /// The average now; none before the first sample.
    pub(crate) fn average(&self, now: Instant) -> Option<Duration> {
        let (old, weight) = average(self.0.load(Ordering::Relaxed), tick(now))?;
        Some(Duration::from_nanos((old * weight) as u64))
    }
}

/// The average when the last sample came, and the weight that it still has.
#[inline]
fn average(word: u64, now: u32) -> Option<(f32, f32)> {
    if word == 0 {
        return None;
    }
    let ticks = now.wrapping_sub((word >> 32) as u32);
    // Half the range back is a sample from a thread that read its clock later.
    if ticks == 0 || ticks > u32::MAX - SKEW {
        return Some((f32::from_bits(word as u32), 1.0));
    }
    let idle = ticks as f32 * ((1u64 << TICK) as f32 / DECAY.as_nanos() as f32);
    Some((f32::from_bits(word as u32), (-idle).exp()))
}

fn tick(now: Instant) -> u32 {
    (now.as_nanos() >> TICK) as u32
}

fn pack(average: f32, tick: u32) -> u64 {
    u64::from(tick) << 32 | u64::from(average.to_bits())
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn at(seconds: u64) -> Instant {
        Instant::START.after(Duration::from_secs(seconds))
    }

    fn close(ewma: &PeakEwma, now: Instant, in_flight: u32, milliseconds: f64) {
        let cost = ewma.cost(in_flight, now) as f64 / 1e6;
        assert!((cost - milliseconds).abs() < milliseconds * 1e-3, "{cost} is not {milliseconds}");
    }

    #[test]
    fn it_follows_finagles_vector() {
        // reference: 100 ms, 5 s later 50 ms -> 80.33; 200 -> 200; 10 s idle -> 73.58; with 3 in flight 294.3.
        let ewma = PeakEwma::new();
        ewma.observe(MS(100), at(0));
        close(&ewma, at(0), 0, 100.0);
        ewma.observe(MS(50), at(5));
        close(&ewma, at(5), 0, 80.33);
        ewma.observe(MS(200), at(5));
        close(&ewma, at(5), 0, 200.0);
        close(&ewma, at(15), 0, 73.58);
        close(&ewma, at(15), 3, 294.3);
    }

    #[test]
    fn an_unmeasured_endpoint_gets_one_request_and_not_a_second() {
        let ewma = PeakEwma::new();
        assert_eq!(ewma.cost(0, at(1)), 0);
        assert_eq!(ewma.cost(1, at(1)), 140_737_488_355_328);
        assert_eq!(ewma.average(at(1)), None);
    }

    #[test]
    fn a_sample_from_a_slightly_later_clock_counts_as_now() {
        let ewma = PeakEwma::new();
        ewma.observe(MS(10), at(5));
        close(&ewma, at(4), 0, 10.0);
    }
}
