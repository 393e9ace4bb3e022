//! Additive increase, multiplicative decrease, as Netflix's `AIMDLimit` (concurrency-limits, `limit/AIMDLimit.java`).
//!
//! What a backend can take is not visible, but going beyond it is: answers get late, or do not come. So the limit creeps
//! up by one with each answer that comes in time, and drops to a part of itself with each that does not. Callers that
//! share a backend end up with equal parts of it, since who has more gives up more (Chiu and Jain, 1989).
//!
//! In time means within an objective that somebody wrote down. It needs no history, so it is right from the first sample
//! on, and does not drift as averages do. The price: it is right only as long as the objective fits the backend.
//!
//! With the defaults a burst of ten drops takes a limit of 100 to 32, and 68 answers that used the limit bring it back.

use crate::table::{self, Algorithm, LimitAlgorithm, Sample, Signal};
use std::time::Duration;

/// One more after an answer in time, a part of it after any other.
#[derive(Debug)]
pub(crate) struct Aimd {
    limit: u32,
    min: u32,
    max: u32,
    backoff: f64,
    objective: Duration,
}

impl Aimd {
    pub(crate) fn new(knobs: &table::Aimd) -> Self {
        let table::Aimd { initial, min, max, backoff, objective } = *knobs;
        Aimd { limit: initial, min, max, backoff: backoff.get(), objective }
    }
}

impl LimitAlgorithm for Aimd {
    fn limit(&self) -> u32 {
        self.limit.max(1)
    }

    fn observe(&mut self, sample: &Sample) {
        let is_late = match sample.signal {
            Signal::Ignored => return,
            Signal::Dropped => true,
            Signal::Success => sample.took > self.objective,
        };
        let next = if is_late {
            (f64::from(self.limit) * self.backoff) as u32
        } else if u64::from(sample.in_flight) * 2 >= u64::from(self.limit) {
            self.limit.saturating_add(1)
        } else {
            return;
        };
        self.limit = next.max(self.min).min(self.max);
    }

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let Algorithm::Aimd(knobs) = knobs else { return false };
        *self = Aimd { limit: self.limit.max(knobs.min).min(knobs.max), ..Aimd::new(knobs) };
        true
    }
}
