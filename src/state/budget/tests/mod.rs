//! Budgets against the vectors of those who had them first, and against naive models.
//!
//! The vectors are in `tests/vectors/retries.json`, each with its source. [`coverage`] says which are not read, and why.

#![expect(clippy::float_cmp, reason = "tokens are whole thousandths here, and those are exact")]

mod any_span;
mod coverage;
mod finagle;
mod given_back;
mod policies;
mod publish;
mod ratios;
mod upstream;
mod vectors;

pub(in crate::state) use vectors::vector;

use crate::time::Instant;
use std::time::Duration;

/// So many milliseconds after a moment that is not the first of the clock.
fn at(milliseconds: u64) -> Instant {
    Instant::START.after(Duration::from_secs(3600)).after(Duration::from_millis(milliseconds))
}
