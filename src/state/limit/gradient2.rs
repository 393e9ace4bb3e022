//! Netflix's second gradient (concurrency-limits, `limit/Gradient2Limit.java`).
//!
//! The least latency is a bad measure of what is usual where some answers are cheap. So this one compares with an average:
//! the latency now, *short*, with its average over hundreds of samples, *long*. While `tolerance x long >= short` there is
//! room, and the limit grows by the queue that is wanted; otherwise it is multiplied by the gradient
//! `tolerance x long / short`, at least 0.5 so that one slow answer halves nothing: a step is smoothed, and costs 10% at
//! most with the default of 0.2.
//!
//! The average begins as the mean of ten samples, so the limit moves from the first on. When latency falls to less than
//! half of the average, which happens when an overload ends, the average loses 5% with each sample and is back in some
//! dozens of them, not in hundreds. What it cannot do: an overload that lasts becomes the average, and the limit grows
//! again while the overload goes on. That is upstream's rule, and a reason to prefer another algorithm.
//!
//! # Drops
//! Upstream, a drop is a sample like any other, and its gradient is that of the time it took: a backend that refuses at
//! once looks quick, one whose answers all time out looks as usual as soon as the average has learned the timeout, and the
//! limit grows to its most while nobody is served.
//!
//! Here a drop is an answer that took for ever: its gradient is 0.5, the lowest, whatever it took and whatever is usual.
//! The average does not learn it, since there is no telling how long it would have taken. And in place of the queue that
//! an answer adds it takes away that of four:
//!
//! | sample | limit goes towards |
//! |---|---|
//! | success | `limit x gradient + queue` |
//! | drop | `limit x 0.5 - 4 x queue` |
//!
//! Where one sample in five is a drop, the four others add what it takes away, and what is left is the halving. So at a
//! fifth of drops or more the limit falls to its least, whatever it was, whatever the least is. Chance lifts it from there
//! now and then: where each sample is a drop with a probability of a fifth it is 4 above a least of 20 on average, and 7
//! above a least of 1; at a half 1 above.
//!
//! With a part of `p` below a fifth it rests at `2 x queue x (1 - 5p) / p` if latency is as usual: with the default queue
//! of 4 at 40 for 10%, at 120 for 5%, and above the default most of 200 for 3%. Without the four it would rest at
//! `2 x queue / p`, which is 40 where a fifth of all answers never come.

use crate::table::{self, Algorithm, LimitAlgorithm, Sample, Signal};
use crate::time::nanos;

/// The lowest gradient, as upstream.
const STEEPEST: f64 = 0.5;

/// Answers whose growth a drop takes back: with itself they are five, and it is a fifth of them.
const TAKEN_BACK: f64 = 4.0;

/// Samples whose mean the average begins with, as upstream.
const WARM_UP: u32 = 10;

/// An average this many times the latency is of an overload that has ended, as upstream.
const OVERLOAD_ENDED: f64 = 2.0;

/// What is left of such an average after one sample, as upstream.
const FORGETTING: f64 = 0.95;

/// Compares the latency with what is usual.
#[derive(Debug)]
pub(crate) struct Gradient2 {
    /// The limit with its fraction.
    pub(super) estimate: f64,
    min: f64,
    max: f64,
    smoothing: f64,
    queue: f64,
    tolerance: f64,
    pub(super) long: Average,
}

impl Gradient2 {
    pub(crate) fn new(knobs: &table::Gradient2) -> Self {
        let table::Gradient2 { initial, min, max, smoothing, queue, tolerance, long_window } = *knobs;
        Gradient2 {
            estimate: f64::from(initial),
            min: f64::from(min),
            max: f64::from(max),
            smoothing: smoothing.get(),
            queue: f64::from(queue),
            tolerance,
            long: Average::over(long_window),
        }
    }

    fn go_towards(&mut self, wanted: f64) {
        // Written so that a step down is one in floating point too: the sum of two weighted values may come out above both.
        let next = self.estimate + self.smoothing * (wanted - self.estimate);
        self.estimate = next.max(self.min).min(self.max);
    }
}

impl LimitAlgorithm for Gradient2 {
    fn limit(&self) -> u32 {
        (self.estimate as u32).max(1)
    }

    fn observe(&mut self, sample: &Sample) {
        match sample.signal {
            Signal::Ignored => return,
            Signal::Dropped => return self.go_towards(self.estimate * STEEPEST - TAKEN_BACK * self.queue),
            Signal::Success => {}
        }
        // At least a nanosecond, so that nothing is divided by zero.
        let short = nanos(sample.took).max(1) as f64;
        let long = self.long.add(short);
        if long / short > OVERLOAD_ENDED {
            self.long.value *= FORGETTING;
        }
        if f64::from(sample.in_flight) * 2.0 < self.estimate {
            return;
        }
        let gradient = (self.tolerance * long / short).clamp(STEEPEST, 1.0);
        self.go_towards(self.estimate * gradient + self.queue);
    }

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let Algorithm::Gradient2(knobs) = knobs else { return false };
        let new = Gradient2::new(knobs);
        let long = Average { weight: new.long.weight, ..self.long };
        *self = Gradient2 { estimate: self.estimate.max(new.min).min(new.max), long, ..new };
        true
    }
}

/// A moving average that begins as a mean: Netflix's `ExpAvgMeasurement`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Average {
    pub(super) value: f64,
    /// Of the samples that it began with.
    sum: f64,
    count: u32,
    /// The weight of a sample after those.
    weight: f64,
}

impl Average {
    fn over(samples: u32) -> Self {
        Average { value: 0.0, sum: 0.0, count: 0, weight: 2.0 / (f64::from(samples) + 1.0) }
    }

    /// The average with one more sample.
    fn add(&mut self, sample: f64) -> f64 {
        if self.count < WARM_UP {
            self.count += 1;
            self.sum += sample;
            self.value = self.sum / f64::from(self.count);
        } else {
            self.value = self.value * (1.0 - self.weight) + sample * self.weight;
        }
        self.value
    }
}
