//! The base: what an answer takes while nothing waits.

use super::window::Window;

/// The limit is free after so many windows in a row without a sample that used all of it: 160 samples or more. What is seen
/// then is no queue of ours.
const FREE_WINDOWS: u32 = 8;
/// A free window may raise the base if its latency is below this multiple of it: above, it may be the queue of others.
const NEAR: f64 = 1.4;
/// The part of the way that it goes then.
const RISE: f64 = 0.05;

/// A window this far below the base halves it: 20 exponential service times do not average a fifth of their mean (one in
/// 10^8), so the server became faster.
const FAR_BELOW: f64 = 0.2;

/// Samples of the long mean. Its standard error is 1/sqrt(128) = 9 % of an exponential's mean.
const LONG: f64 = 128.0;
/// The base falls to the long mean if it is above this multiple of it: 2.7 of those errors.
const CLEARLY_BELOW: f64 = 1.31;
/// How far above that mean it falls, one error: the lowest of many means is too low.
const LONG_MARGIN: f64 = 1.1;

/// What an answer takes while nothing waits, in nanoseconds, and what may move it outside of drains and trials.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Base {
    /// 0 until the first window ends.
    pub(super) latency: f64,
    free_windows: u32,
    long_samples: f64,
    long_cost: f64,
}

impl Base {
    /// Whether one is known.
    pub(super) fn is_known(&self) -> bool {
        self.latency > 0.0
    }

    /// Learns from a window of ordinary work.
    pub(super) fn learn(&mut self, window: &Window) {
        let cost = window.mean_cost();
        self.free_windows = if window.at_limit == 0 { self.free_windows.saturating_add(1) } else { 0 };
        if self.free_windows >= FREE_WINDOWS && cost < NEAR * self.latency {
            self.latency += RISE * (cost - self.latency);
        } else if cost < FAR_BELOW * self.latency {
            self.latency *= 0.5;
        }
        self.long_samples += f64::from(window.samples);
        self.long_cost += window.cost;
        if self.long_samples >= LONG {
            let long = self.long_cost / self.long_samples;
            if long * CLEARLY_BELOW < self.latency {
                self.latency = long * LONG_MARGIN;
            }
            self.forget_long();
        }
    }

    /// Begins the long mean anew: samples of a low limit are not part of it.
    pub(super) fn forget_long(&mut self) {
        (self.long_samples, self.long_cost) = (0.0, 0.0);
    }
}
