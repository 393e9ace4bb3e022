//! TCP Vegas for requests, as Netflix's `VegasLimit` (concurrency-limits, `limit/VegasLimit.java`; Brakmo and Peterson,
//! 1995).
//!
//! A backend that is not busy answers in its least time; what an answer takes beyond that, it stood in a queue. With
//! `limit` requests in flight the queue is about `limit x (1 - least / latency)` long. It is kept between two bounds, which
//! grow with the logarithm of the limit: some queue, so that the backend always has work, and not much of one, so that
//! nobody waits long. Below the first bound the limit grows, by a lot if there is hardly a queue; above the second it
//! shrinks.
//!
//! The least has to be forgotten, or a backend that moved farther away would look busy for ever. After 15 to 30 samples
//! for each one of the limit, at random so that limiters do not do so together, the next answer is taken as the new
//! least, whatever it took. If the backend has a queue at that moment, the queue becomes invisible until a quicker answer
//! comes. Chance comes from the seed: the same seed and samples give the same limits.
//!
//! The first answer teaches the least, and the limit does not move before the second.
//!
//! Where we differ from upstream:
//! - A drop lowers the limit, and does nothing else. Upstream its time may become the least, and then it lowers nothing; a
//!   backend that refuses in 1 ms and answers in 50 would hold the limit at 1.
//! - An answer that took no time counts as one nanosecond. Upstream throws.

use crate::entropy::{GAMMA, mix64};
use crate::table::{self, Algorithm, LimitAlgorithm, Sample, Signal, VegasStep};
use crate::time::nanos;

/// Samples between two probes for each one of the limit, at most; the least is half of it. As upstream.
const PROBE: f64 = 30.0;

/// Keeps the queue in the backend short.
#[derive(Debug)]
pub(crate) struct Vegas {
    /// The limit with its fraction.
    pub(super) estimate: f64,
    max: f64,
    smoothing: f64,
    alpha: Option<u32>,
    beta: Option<u32>,
    decrease: VegasStep,
    /// What an answer takes without a queue, in nanoseconds; none before the first.
    pub(super) least: Option<f64>,
    /// Answers since the least was last forgotten.
    since_probe: u32,
    /// What part of the longest time between two probes this one is: half to all.
    jitter: f64,
    /// Where the stream of random words is.
    stream: u64,
}

impl Vegas {
    pub(crate) fn new(knobs: &table::Vegas, seed: u64) -> Self {
        let table::Vegas { initial, max, smoothing, alpha, beta, decrease } = *knobs;
        let mut vegas = Vegas {
            estimate: f64::from(initial),
            max: f64::from(max),
            smoothing: smoothing.get(),
            alpha,
            beta,
            decrease,
            least: None,
            since_probe: 0,
            jitter: 1.0,
            stream: seed,
        };
        vegas.begin_probe_interval();
        vegas
    }

    fn begin_probe_interval(&mut self) {
        self.since_probe = 0;
        self.stream = self.stream.wrapping_add(GAMMA);
        // 53 bits are all that an `f64` holds of a fraction.
        self.jitter = 0.5 + 0.5 * ((mix64(self.stream) >> 11) as f64 / (1u64 << 53) as f64);
    }

    /// What an answer takes without a queue, unless it was this answer that taught it.
    fn least_before(&mut self, took: f64) -> Option<f64> {
        self.since_probe = self.since_probe.saturating_add(1);
        if self.jitter * PROBE * self.estimate <= f64::from(self.since_probe) {
            self.begin_probe_interval();
            self.least = None;
        }
        if self.least.is_none_or(|least| took < least) {
            self.least = Some(took);
            return None;
        }
        self.least
    }

    /// What the limit should be, of a queue this long; none if it is right.
    fn wanted(&self, queue: f64) -> Option<f64> {
        let step = log10_root(self.estimate as u32);
        let alpha = f64::from(self.alpha.unwrap_or(3 * step));
        let beta = f64::from(self.beta.unwrap_or(6 * step));
        let step = f64::from(step);
        if queue <= step {
            // Hardly a queue: the limit is far from what the backend can take.
            Some(self.estimate + beta)
        } else if queue < alpha {
            Some(self.estimate + step)
        } else if queue > beta {
            Some(self.lowered())
        } else {
            None
        }
    }

    fn lowered(&self) -> f64 {
        match self.decrease {
            VegasStep::Log10 => self.estimate - f64::from(log10_root(self.estimate as u32)),
            VegasStep::Half => self.estimate / 2.0,
        }
    }

    fn go_towards(&mut self, wanted: f64) {
        let wanted = wanted.max(1.0).min(self.max);
        // Written so that a step down is one in floating point too: the sum of two weighted values may come out above both.
        let next = self.estimate + self.smoothing * (wanted - self.estimate);
        self.estimate = next.max(1.0).min(self.max);
    }
}

impl LimitAlgorithm for Vegas {
    fn limit(&self) -> u32 {
        (self.estimate as u32).max(1)
    }

    fn observe(&mut self, sample: &Sample) {
        match sample.signal {
            Signal::Ignored => return,
            Signal::Dropped => return self.go_towards(self.lowered()),
            Signal::Success => {}
        }
        let took = nanos(sample.took).max(1) as f64;
        let Some(least) = self.least_before(took) else { return };
        if f64::from(sample.in_flight) * 2.0 < self.estimate {
            return;
        }
        let queue = (self.estimate * (1.0 - least / took)).ceil();
        if let Some(wanted) = self.wanted(queue) {
            self.go_towards(wanted);
        }
    }

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let Algorithm::Vegas(knobs) = knobs else { return false };
        let Vegas { estimate, least, since_probe, jitter, stream, .. } = *self;
        *self = Vegas { least, since_probe, jitter, stream, ..Vegas::new(knobs, stream) };
        self.estimate = estimate.min(self.max);
        true
    }
}

/// The logarithm rounded down, at least 1: Netflix's `Log10RootIntFunction`.
pub(super) fn log10_root(limit: u32) -> u32 {
    limit.checked_ilog10().unwrap_or(0).max(1)
}
