//! What goes by degrees: how many steps of a time have passed, and when the next does.
//!
//! A function of when it began and of now, so that nobody has to run for it and nothing restarts it.

use crate::time::{Instant, nanos};
use std::time::Duration;

/// How many of the steps have passed of a time that began then, and when the next does; all at once where it takes no time.
pub(crate) fn passed(steps: u64, since: Instant, time: Duration, now: Instant) -> (u64, Instant) {
    let (gone, time) = (u128::from(nanos(now.since(since))), u128::from(nanos(time)));
    if gone >= time || steps == 0 {
        return (steps, Instant::NEVER);
    }
    let step = (gone * u128::from(steps) / time) as u64;
    let due = (time * u128::from(step + 1)).div_ceil(u128::from(steps));
    (step, since.after(Duration::from_nanos(due as u64)))
}
