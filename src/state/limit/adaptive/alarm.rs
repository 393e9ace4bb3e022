//! The signs of a sudden step: something changed that is not ours.
//!
//! A queue of ours grows with our limit. What becomes slow from one moment to the next became so for another reason: the
//! path is longer, or the server slower, or others send more. Two signs are watched, each against what is usual. An unbroken
//! run of slow answers is seen within ten answers. A throughput that falls while as much is in flight is seen within a few
//! windows, and also when the answers vary too much for a run.

use super::window::{Window, later};
use crate::time::Instant;

/// So many slow answers in a row are a step.
const RUN: u32 = 10;
/// An answer is slow above this multiple of the usual latency: one in nine exponential ones, so a run of ten is chance once
/// in 3 x 10^9.
const SLOW: f64 = 2.2;
/// And above this multiple of the base, so that a usual that is too low raises no alarm.
const SLOW_TO_BASE: f64 = 3.0;

/// A throughput lower than usual by less than this factor is no news: 20 exponential answers are off by 22 %, and how many are
/// in flight varies, too.
const STEP: f64 = 1.8;
/// The sum of logarithms beyond it that is a step: one window at a third of the usual, or several at half (CUSUM, Page
/// 1954).
const STEP_SUM: f64 = 0.5;
/// The sum grows to this at most, so that it is soon gone when the step is.
const MOST_SUM: f64 = 2.0;
/// A step is one only if the latency is above this multiple of the base.
const STEP_TO_BASE: f64 = 1.6;

/// The weight of a healthy window in what is usual, and of one with a queue: usual is what was healthy.
const WEIGHT: f64 = 0.1;
const SICK_WEIGHT: f64 = 0.002;
/// The weight of a healthy window in how often the limit binds: about 20 windows.
const BINDS_WEIGHT: f64 = 0.05;
/// A limit that binds for less than this ratio of the samples is free.
const FREE: f64 = 0.05;

/// Between two experiments: at least this long, nanoseconds, and so many of the usual latency.
const PAUSE: f64 = 1e9;
const PAUSE_LATENCIES: f64 = 50.0;
/// The pause after many experiments that found a queue.
const LONGEST_PAUSE: f64 = 60e9;
/// By how much a healthy window shortens it.
const RECOVERS: f64 = 0.98;
/// A step is sudden if it is seen so soon after the last healthy window, nanoseconds, and so many latencies.
const SUDDEN: f64 = 0.3e9;
const SUDDEN_LATENCIES: f64 = 5.0;

/// What is usual, in windows without much of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usual {
    /// Nanoseconds; 0 until the first window ends.
    pub(super) latency: f64,
    pub(super) limit: f64,
    in_flight: f64,
    /// The ratio of samples that used all of the limit.
    binds: f64,
}

/// Watches for steps, and says when one may be tried out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    run: Option<Run>,
    /// The sum of logarithms of how much lower than usual the throughput was.
    sum: f64,
    /// When the last experiment ended.
    rests_since: Instant,
    /// How long to wait after it, nanoseconds.
    pause: f64,
    last_healthy: Instant,
    /// Whether there was an alarm since.
    is_old: bool,
}

/// Slow answers in a row, so far.
#[derive(Clone, Copy, Debug)]
struct Run {
    began: Instant,
    answers: u32,
    latency: f64,
}

/// What was seen of a step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The mean latency, nanoseconds.
    pub(super) latency: f64,
    /// How long it took to see it, nanoseconds: others need as long, and what is seen before then is their queue too.
    pub(super) notice: u64,
}

impl Usual {
    /// Before anything is known.
    pub(super) fn new(limit: f64) -> Self {
        Usual { latency: 0.0, limit, in_flight: 1.0, binds: 0.0 }
    }

    /// Whether the limit hardly ever binds.
    pub(super) fn is_free(&self) -> bool {
        self.binds < FREE
    }

    /// Learns from a window of ordinary work.
    pub(super) fn learn(&mut self, window: &Window, limit: f64, is_healthy: bool) {
        if is_healthy {
            self.binds += BINDS_WEIGHT * (window.ratio_at_limit() - self.binds);
        }
        let weight = if is_healthy { WEIGHT } else { SICK_WEIGHT };
        self.latency += weight * (window.mean_cost() - self.latency);
        self.limit += weight * (limit - self.limit);
        self.in_flight += weight * (window.mean_in_flight() - self.in_flight);
    }

    /// How much lower than usual the throughput was: Little's law, in flight by latency.
    fn slowdown(&self, window: &Window) -> f64 {
        (window.mean_cost() / window.mean_in_flight()) / (self.latency / self.in_flight.max(1.0))
    }
}

impl Alarm {
    pub(super) fn new() -> Self {
        Alarm {
            run: None,
            sum: 0.0,
            rests_since: Instant::START,
            pause: PAUSE,
            last_healthy: Instant::START,
            is_old: false,
        }
    }

    /// Whether the last experiment is long enough ago for another.
    pub(super) fn is_rested(&self, now: Instant, usual: &Usual) -> bool {
        now > self.rested_at(usual)
    }

    fn rested_at(&self, usual: &Usual) -> Instant {
        later(self.rests_since, self.pause.max(PAUSE_LATENCIES * usual.latency))
    }

    /// An experiment ended, or the first growth: what comes is new.
    pub(super) fn rest(&mut self, now: Instant) {
        self.rests_since = now;
    }

    /// Takes an answer, or a drop, that came while rested; the step, if there is one.
    pub(super) fn answered(
        &mut self,
        now: Instant,
        took: Option<f64>,
        usual: &Usual,
        limit: f64,
        base: f64,
    ) -> Option<Step> {
        let slow = SLOW * usual.latency * (limit / usual.limit).max(1.0);
        let Some(took) = took.filter(|&took| took > slow && took > SLOW_TO_BASE * base) else {
            self.run = None;
            return None;
        };
        let run = self.run.get_or_insert(Run { began: now, answers: 0, latency: 0.0 });
        run.answers += 1;
        run.latency += took;
        if run.answers < RUN {
            return None;
        }
        let latency = run.latency / f64::from(run.answers);
        let notice = now.as_nanos().saturating_sub(run.began.as_nanos());
        Some(Step { latency, notice })
    }

    /// Takes a window of ordinary work; the step, if there is one.
    pub(super) fn gathered(&mut self, now: Instant, window: &Window, usual: &Usual, base: f64) -> Option<Step> {
        self.sum = (self.sum + (usual.slowdown(window) / STEP).ln()).clamp(0.0, MOST_SUM);
        let is_step = self.sum > STEP_SUM && window.mean_cost() > STEP_TO_BASE * base && !window.has_drops();
        is_step.then(|| Step { latency: window.mean_latency(), notice: window.age(now).saturating_mul(2) })
    }

    /// A window was healthy: whatever it was is over, and the next may be tried out sooner.
    pub(super) fn calm(&mut self, now: Instant) {
        self.last_healthy = now;
        self.is_old = false;
        self.pause = (self.pause * RECOVERS).max(PAUSE);
    }

    /// Whether a step is new: the first since all was well, and that was a moment ago.
    pub(super) fn is_sudden(&mut self, now: Instant, step: &Step, usual: &Usual) -> bool {
        let from = self.last_healthy.max(self.rested_at(usual));
        let is_first = !std::mem::replace(&mut self.is_old, true);
        is_first && now < later(from, SUDDEN + SUDDEN_LATENCIES * step.latency)
    }

    /// Forgets slow answers: the limit changes, and with it what they say.
    pub(super) fn forget_run(&mut self) {
        self.run = None;
    }

    /// Forgets the throughput, too.
    pub(super) fn forget_sum(&mut self) {
        self.sum = 0.0;
    }

    /// A trial found a queue: the next waits longer.
    pub(super) fn was_false(&mut self) {
        self.pause = (self.pause * 2.0).min(LONGEST_PAUSE);
    }
}
