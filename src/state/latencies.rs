//! How long answers took lately: what a hedge's delay is taken from.
//!
//! A hedge is for the slowest few in a hundred, so the delay is a quantile of the response times, and of those of late. A
//! histogram holds it: eight buckets for each doubling, so that a value is known to an eighth, from a microsecond to 69 s,
//! beyond which nobody hedges. To record is one addition.
//!
//! **The slow ones must not be missing.** A request that was overtaken by its hedge, or timed out, has no response time; left
//! out, only the quick would count, the quantile would sink, and with it more would be hedged (finagle records what was
//! superseded, tower's `Hedge` does not). What is known of such a one is that it took longer than it was waited for. It counts
//! if that is at least the present delay: then it is known to be among the slow ones. A shorter wait says nothing.
//!
//! **Ageing.** Each ten seconds all counts are halved, so what is a minute old counts a sixty-fourth. But only while enough
//! remains to tell a quantile by: a quiet route remembers for longer, in place of forgetting all it knew.
//!
//! **Cold start.** Below a hundred samples there is no delay, and nothing is hedged. **Cost.** A delay is found again at most
//! once a second, by whoever asks first: 209 reads. Finagle takes three seconds; in three a route that becomes slow has sent
//! all its hedges for nothing, and the reads are not worth sparing.

use crate::sync::{AtomicU64, Ordering};
use crate::time::{Instant, nanos};
use std::time::Duration;

/// Buckets for each doubling: 2^3.
const PARTS_SHIFT: u32 = 3;
const PARTS: u64 = 1 << PARTS_SHIFT;

/// The first bucket ends after 2^10 ns, which is a microsecond and a little, and the last at 2^36 ns, which is 69 s.
const FIRST_SHIFT: u32 = 10;
const LAST_SHIFT: u32 = 36;
const BUCKETS: usize = 1 + ((LAST_SHIFT - FIRST_SHIFT) as usize) * PARTS as usize;

/// One sample: several halvings pass before one is forgotten by rounding.
const SAMPLE: u64 = 16;

/// Fewer say too little of one in twenty.
const ENOUGH: u64 = 100 * SAMPLE;

/// How long a delay that was found holds.
const REFRESH: Duration = Duration::from_secs(1);

/// How often all is halved.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// No hedge comes sooner: below it the timer is coarser than what it measures.
const LEAST: Duration = Duration::from_millis(1);

/// The response times of one route.
#[derive(Debug)]
pub(crate) struct Latencies {
    counts: [AtomicU64; BUCKETS],
    /// The delay that was found last, in nanoseconds; zero for none.
    delay: AtomicU64,
    /// When it was; zero for never.
    refreshed: AtomicU64,
    /// When the counts were halved last, or first looked at; zero for never.
    halved: AtomicU64,
}

// Relaxed throughout: each word stands alone, and a delay that misses the last samples is as good.
impl Latencies {
    /// Nothing known.
    pub(crate) fn new() -> Self {
        let [delay, refreshed, halved] = [0; 3].map(AtomicU64::new);
        Latencies { counts: std::array::from_fn(|_| AtomicU64::new(0)), delay, refreshed, halved }
    }

    /// An answer took so long.
    #[inline]
    pub(crate) fn record(&self, took: Duration) {
        self.counts[bucket(took)].fetch_add(SAMPLE, Ordering::Relaxed);
    }

    /// An answer was waited for so long, and had not come by then.
    #[inline]
    pub(crate) fn record_at_least(&self, waited: Duration) {
        let delay = self.delay.load(Ordering::Relaxed);
        if delay > 0 && nanos(waited) >= delay {
            self.record(waited);
        }
    }

    /// What this part of the answers needed lately, at least a millisecond; none until a hundred are known.
    ///
    /// The upper edge of a bucket: up to an eighth more. If the part has changed, that shows a second later.
    pub(crate) fn delay(&self, quantile: f64, now: Instant) -> Option<Duration> {
        let refreshed = self.refreshed.load(Ordering::Relaxed);
        if refreshed == 0 || now.since(Instant::from_nanos(refreshed)) >= REFRESH {
            let turn = now.as_nanos().max(1);
            // Who loses takes what there is.
            if self.refreshed.compare_exchange(refreshed, turn, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                self.refresh(quantile, now);
            }
        }
        Some(self.delay.load(Ordering::Relaxed)).filter(|delay| *delay > 0).map(Duration::from_nanos)
    }

    #[cold]
    fn refresh(&self, quantile: f64, now: Instant) {
        let counts: [u64; BUCKETS] = std::array::from_fn(|place| self.counts[place].load(Ordering::Relaxed));
        let total: u64 = counts.iter().sum();
        let delay = if total < ENOUGH { 0 } else { nanos(quantile_of(&counts, total, quantile).max(LEAST)) };
        self.delay.store(delay, Ordering::Relaxed);
        self.age(total, now);
    }

    /// Halves as often as is due, while enough remains.
    fn age(&self, total: u64, now: Instant) {
        let halved = self.halved.load(Ordering::Relaxed);
        let due = now.since(Instant::from_nanos(halved)).as_nanos() / HALF_LIFE.as_nanos();
        if halved != 0 && due == 0 {
            return;
        }
        self.halved.store(now.as_nanos().max(1), Ordering::Relaxed);
        if halved == 0 {
            return;
        }
        // Rounding takes less than one from each.
        let spare = (total / (ENOUGH + BUCKETS as u64)).checked_ilog2().unwrap_or(0);
        let halvings = due.min(u128::from(spare)) as u32;
        for count in &self.counts {
            // Not a plain store: samples come meanwhile.
            _ = count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| Some(count >> halvings));
        }
    }
}

/// Which bucket a response time is counted in: below a microsecond the first, above 69 s the last.
#[inline]
fn bucket(took: Duration) -> usize {
    let nanos = nanos(took).min((1 << LAST_SHIFT) - 1);
    let Some(octave) = nanos.checked_ilog2().and_then(|log| log.checked_sub(FIRST_SHIFT)) else { return 0 };
    let part = (nanos >> (octave + FIRST_SHIFT - PARTS_SHIFT)) - PARTS;
    1 + (u64::from(octave) * PARTS + part) as usize
}

/// Where it ends: the least response time that is counted in the next.
fn upper_edge(bucket: usize) -> Duration {
    let (octave, part) = (bucket as u64 / PARTS, bucket as u64 % PARTS);
    Duration::from_nanos((PARTS + part) << (octave + u64::from(FIRST_SHIFT - PARTS_SHIFT)))
}

fn quantile_of(counts: &[u64], total: u64, quantile: f64) -> Duration {
    let rank = (total as f64 * quantile).ceil() as u64;
    let mut below = 0;
    let reaches = counts.iter().position(|count| {
        below += count;
        below >= rank
    });
    upper_edge(reaches.unwrap_or(counts.len() - 1))
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
