//! A low limit after a sudden step, to tell a queue from a longer path or a slower server.
//!
//! If the latency follows the limit down, it was a queue. If it stays, the base is what was seen, and the limit grows by as
//! much, so that the throughput of before is possible again.
//!
//! What one client sees says nothing about a queue that others fill. So there are three kinds, by what is known of the
//! queue. Without these conditions clients talk each other up: simulated, ten went from a 99th percentile of 68 ms to the
//! timeout.

use super::alarm::Step;
use super::window::{Window, later};
use crate::table::Sample;
use crate::time::{Instant, nanos};

/// No trial raises the base unless the latency is above this multiple of it.
const WORTH: f64 = 1.6;
/// The limit is raised by this at most.
const MOST_RAISE: f64 = 20.0;
/// The part of the most in flight before that a cut is reckoned from, to be sure that it binds.
const ABOVE_PEAK: f64 = 1.2;
/// Samples count if they were handed over so many latencies after the cut: the queue of before is mostly gone.
const SETTLE: f64 = 0.7;
/// Others cut, too, if the mean falls below this part of what it was: what was gathered before is void.
const FALLS: f64 = 0.7;
/// Windows after which the latency is taken as it is.
const MOST_WINDOWS: u32 = 20;
/// How long the latency has to stay where the queue may be that of others.
const HOLD: f64 = 3e9;
/// And by how much the base rises then at most.
const CAUTIOUS_RAISE: f64 = 1.5;

/// What is known of the queue before a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The limit did not bind: there was no queue, and this is the first trial since.
    Free,
    /// Our own drains took the queue away: it is ours.
    Owner,
    /// It may be that of others.
    Guest,
}

impl Kind {
    /// The limit for the trial, from what was in use and what is usual.
    fn cut(self, used: f64, usual: f64) -> f64 {
        match self {
            Kind::Free => 0.4 * used,
            Kind::Owner | Kind::Guest => (0.25 * usual).min(0.5 * used),
        }
    }

    /// The samples of a window, and of the whole trial.
    fn samples(self) -> (u32, u32) {
        match self {
            // A longer path is seen in every answer, so a few are enough.
            Kind::Free => (8, 8),
            Kind::Owner | Kind::Guest => (16, 36),
        }
    }

    /// The latency stays if it is above this part of the most that was seen.
    fn stays(self) -> f64 {
        match self {
            Kind::Free => 0.62,
            Kind::Owner => 0.55,
            Kind::Guest => 0.85,
        }
    }
}

/// A trial that is under way. Times are in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    kind: Kind,
    /// The limit, the usual latency and the most in flight before it.
    before: f64,
    usual: f64,
    peak: u32,
    /// Samples handed over from here on count.
    counts_from: Instant,
    cut_at: Instant,
    /// The most that a window of it showed, or the step itself.
    most: f64,
    /// The mean so far, of so many samples, in so many windows.
    latency: f64,
    samples: u32,
    windows: u32,
}

/// What a trial found.
#[derive(Clone, Copy, Debug)]
pub(super) enum Finding {
    /// The latency followed the limit.
    Queue,
    /// It stayed: this is the base, and that the limit.
    Path { base: f64, limit: f64 },
}

impl Trial {
    pub(super) fn new(kind: Kind, now: Instant, before: f64, usual: f64, peak: u32, step: Step) -> Self {
        let Step { latency, notice } = step;
        let settled = later(now, SETTLE * latency);
        let counts_from = Instant::from_nanos(settled.as_nanos().saturating_add(notice));
        let (samples, windows) = (0, 0);
        Trial { kind, before, usual, peak, counts_from, cut_at: now, most: latency, latency, samples, windows }
    }

    /// The limit before it.
    pub(super) fn before(&self) -> f64 {
        self.before
    }

    /// The limit during it, where so much is usual.
    pub(super) fn limit(&self, usual_limit: f64) -> f64 {
        let used = self.before.min(f64::from(self.peak.max(1)) * ABOVE_PEAK);
        self.kind.cut(used, usual_limit)
    }

    /// Whether a sample was handed over late enough to show what the cut did.
    pub(super) fn counts(&self, sample: &Sample) -> bool {
        let handed_over = sample.now.as_nanos().saturating_sub(nanos(sample.took));
        handed_over >= self.counts_from.as_nanos()
    }

    pub(super) fn is_full(&self, samples: u32) -> bool {
        samples >= self.kind.samples().0
    }

    /// Takes a window; the latency, once it is known whether it stays.
    pub(super) fn gathered(&mut self, now: Instant, window: &Window) -> Option<f64> {
        let latency = window.mean_latency();
        self.most = self.most.max(latency);
        let is_last = self.windows >= MOST_WINDOWS;
        self.windows += 1;
        if self.samples > 0 && latency < FALLS * self.latency && !is_last {
            (self.samples, self.latency) = (window.samples, latency);
            return None;
        }
        let before = if self.samples > 0 { self.latency * f64::from(self.samples) } else { 0.0 };
        let sum = latency * f64::from(window.samples) + before;
        self.samples += window.samples;
        let is_enough = self.samples >= self.kind.samples().1;
        if self.kind == Kind::Guest {
            // The last window alone: the others had time to react.
            self.latency = latency;
            return (is_enough && now > later(self.cut_at, HOLD)).then_some(latency);
        }
        self.latency = sum / f64::from(self.samples);
        (is_enough || is_last).then_some(self.latency)
    }

    /// What it means that the latency ended here.
    pub(super) fn finding(&self, latency: f64, base: f64) -> Finding {
        if latency <= WORTH * base || latency <= self.kind.stays() * self.most {
            return Finding::Queue;
        }
        if self.kind == Kind::Guest {
            return Finding::Path { base: latency.min(CAUTIOUS_RAISE * base), limit: self.before };
        }
        let is_used = f64::from(self.peak) * 2.0 >= self.before;
        let raise = if is_used { (latency / self.usual).clamp(1.0, MOST_RAISE) } else { 1.0 };
        Finding::Path { base: latency, limit: self.before * raise }
    }
}
