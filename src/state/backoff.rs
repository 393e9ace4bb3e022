//! How long to wait before a retry: functions of the policy and of random bits.
//!
//! Those who failed together must not come back together. So the wait is drawn, from a range that doubles with each retry
//! (Brooker, *Exponential backoff and jitter*, AWS 2015); and where a server says when to come back, which it says to all in
//! the same words, a part is added to what it says.

use crate::entropy::below;
use crate::table::{Backoff, Jitter};
use crate::time::nanos;
use std::time::Duration;

/// The wait before this retry, of which the first is 0, after a wait of `last` before the one before it.
///
/// At most `max`, whatever else; zero if `base` is.
pub(crate) fn delay(backoff: &Backoff, retry: u32, last: Duration, bits: u64) -> Duration {
    let (base, max) = (nanos(backoff.base), nanos(backoff.max));
    let envelope = doubled(base, retry).min(max);
    let wait = match backoff.jitter {
        Jitter::Full => up_to(envelope, bits),
        Jitter::Equal => envelope / 2 + up_to(envelope - envelope / 2, bits),
        Jitter::Decorrelated => {
            // Before the first there was none: as if that had been the base.
            let last = nanos(last).max(base);
            base.saturating_add(up_to(last.saturating_mul(3) - base, bits)).min(max)
        }
    };
    Duration::from_nanos(wait)
}

/// The wait if a server says when to come back: the longer of both, and up to a fifth of what it says on top, since it says the
/// same to all. None when it asks for more than `max_hint`, which is also the most that is waited.
pub(crate) fn with_hint(delay: Duration, hint: Duration, max_hint: Duration, bits: u64) -> Option<Duration> {
    let spread = Duration::from_nanos(up_to(nanos(hint / 5), bits));
    (hint <= max_hint).then(|| delay.max(hint).saturating_add(spread).min(max_hint))
}

/// `base x 2^retry`, at most all there is.
fn doubled(base: u64, retry: u32) -> u64 {
    if base == 0 || retry <= base.leading_zeros() { base << retry.min(63) } else { u64::MAX }
}

/// From nothing to so many, both included.
fn up_to(most: u64, bits: u64) -> u64 {
    below(bits, most.saturating_add(1))
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
