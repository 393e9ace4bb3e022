//! What a window of samples gathers, and its means.

use crate::table::{Sample, Signal};
use crate::time::Instant;
use std::time::Duration;

/// No window waits longer for the effect of a cut; a clock that is further behind its beginning went back.
const MAX_SETTLE: f64 = 10e9;

/// Lost work that ends a window early: so many drops, if they are a quarter of it or more.
const MANY_DROPS: u32 = 4;

/// Sums over the samples since a moment. Times are in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    /// When it begins; none until the very first sample.
    begins: Option<Instant>,
    /// Samples, of which so many drops.
    pub(super) samples: u32,
    drops: u32,
    /// Latencies as [`Cost`] sees them.
    pub(super) cost: f64,
    /// Latencies of the answers that came, as they were.
    latency: f64,
    in_flight: f64,
    /// Whether a sample used half of the limit.
    pub(super) is_used: bool,
    /// Samples that used all of it.
    pub(super) at_limit: u32,
    /// The most in flight.
    pub(super) peak: u32,
}

/// How a sample's latency counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// What a drop and a late answer count as, and what others count as at most; none while no base is known.
    pub(super) most: Option<f64>,
    pub(super) objective: Option<Duration>,
}

/// What the clock says of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    Inside,
    /// The effect of a cut is still awaited.
    TooEarly,
    /// The clock went back.
    Astray,
}

impl Window {
    /// One that counts samples from `settle` nanoseconds after `now` on.
    pub(super) fn after(now: Instant, settle: f64) -> Self {
        Window { begins: Some(later(now, settle.min(MAX_SETTLE))), ..Window::default() }
    }

    pub(super) fn place(&mut self, now: Instant) -> Moment {
        let begins = *self.begins.get_or_insert(now);
        if now >= begins {
            Moment::Inside
        } else if begins.since(now).as_nanos() as f64 > MAX_SETTLE {
            Moment::Astray
        } else {
            Moment::TooEarly
        }
    }

    /// Counts a sample that took so many nanoseconds under this limit.
    pub(super) fn add(&mut self, sample: &Sample, took: f64, limit: u32, cost: Cost) {
        self.samples += 1;
        self.in_flight += f64::from(sample.in_flight);
        self.is_used |= sample.in_flight >= limit.div_ceil(2);
        self.at_limit += u32::from(sample.in_flight >= limit);
        self.peak = self.peak.max(sample.in_flight);
        if sample.signal == Signal::Dropped {
            self.drops += 1;
        } else {
            self.latency += took;
        }
        self.cost += cost.of(sample, took);
    }

    /// The mean latency, clipped, with drops: what an answer costs.
    pub(super) fn mean_cost(&self) -> f64 {
        self.cost / f64::from(self.samples)
    }

    /// The mean latency of the answers that came; 0 if none did.
    pub(super) fn mean_latency(&self) -> f64 {
        let answers = self.samples - self.drops;
        if answers > 0 { self.latency / f64::from(answers) } else { 0.0 }
    }

    pub(super) fn mean_in_flight(&self) -> f64 {
        self.in_flight / f64::from(self.samples)
    }

    /// The ratio of samples that used all of the limit.
    pub(super) fn ratio_at_limit(&self) -> f64 {
        f64::from(self.at_limit) / f64::from(self.samples)
    }

    /// The ratio of samples that were drops.
    pub(super) fn ratio_dropped(&self) -> f64 {
        f64::from(self.drops) / f64::from(self.samples)
    }

    pub(super) fn has_drops(&self) -> bool {
        self.drops > 0
    }

    /// Whether so much was lost that no more samples are needed.
    pub(super) fn is_lost(&self) -> bool {
        self.drops >= MANY_DROPS && self.drops * 4 >= self.samples
    }

    /// Nanoseconds since it began.
    pub(super) fn age(&self, now: Instant) -> u64 {
        self.begins.map_or(0, |begins| now.as_nanos().saturating_sub(begins.as_nanos()))
    }
}

impl Cost {
    fn of(self, sample: &Sample, took: f64) -> f64 {
        let Some(most) = self.most else { return took };
        let is_late = self.objective.is_some_and(|objective| sample.took > objective);
        if is_late || sample.signal == Signal::Dropped { most } else { took.min(most) }
    }
}

/// The moment so many nanoseconds later.
pub(super) fn later(now: Instant, nanos: f64) -> Instant {
    Instant::from_nanos(now.as_nanos().saturating_add(nanos as u64))
}
