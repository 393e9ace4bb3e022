//! What one run came to.

use crate::client::Answer;
use contraflow::Cause;
use contraflow::time::Instant;
use contraflow::{Error, GiveUp};
use std::ops::Range;
use std::time::Duration;

/// Everything is counted by the tenth of a second.
const SLICES: f64 = 10.0;

/// All that was counted in a run.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    slices: Vec<Slice>,
    /// Publishes that forgot what had been spent.
    pub(crate) resets: u32,
    /// What the crate counts as in flight or under way when all has ended, and requests that never ended.
    pub(crate) leaked: u64,
}

/// A tenth of a second.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slice {
    /// Requests that came, and of them those that were answered, and that failed with the budget spent.
    pub(crate) asked: u32,
    pub(crate) good: u32,
    pub(crate) unpaid: u32,
    /// How long those that came took.
    took: Vec<Duration>,
    /// Attempts that were sent, and of them those into the first region.
    pub(crate) sent: u32,
    pub(crate) sent_first: u32,
    /// Attempts after the first that were paid for, by cause.
    pub(crate) failed: u32,
    pub(crate) timed_out: u32,
    pub(crate) hedges: u32,
}

impl Measured {
    fn at(&mut self, moment: Instant) -> &mut Slice {
        let slice = (moment.since(Instant::START).as_secs_f64() * SLICES) as usize;
        if self.slices.len() <= slice {
            self.slices.resize(slice + 1, Slice::default());
        }
        &mut self.slices[slice]
    }

    pub(crate) fn asked(&mut self, now: Instant) {
        self.at(now).asked += 1;
    }

    pub(crate) fn sent(&mut self, now: Instant, is_first_region: bool) {
        let slice = self.at(now);
        slice.sent += 1;
        slice.sent_first += u32::from(is_first_region);
    }

    pub(crate) fn another(&mut self, moment: Instant, cause: Cause) {
        let slice = self.at(moment);
        match cause {
            Cause::Slow => slice.hedges += 1,
            Cause::TimedOut => slice.timed_out += 1,
            _ => slice.failed += 1,
        }
    }

    /// A request that came at a moment is over.
    pub(crate) fn settled(&mut self, came: Instant, took: Duration, answer: &Answer) {
        let slice = self.at(came);
        slice.took.push(took);
        match answer {
            Ok(()) => slice.good += 1,
            Err(Error::GaveUp(gave_up)) if gave_up.why() == GiveUp::Budget => slice.unpaid += 1,
            Err(_) => {}
        }
    }

    /// The sum of a count over some seconds.
    pub(crate) fn sum(&self, seconds: Range<f64>, count: impl Fn(&Slice) -> u32) -> f64 {
        let [from, to] = [seconds.start, seconds.end].map(|second| (second * SLICES).round() as usize);
        let slices = self.slices.iter().skip(from).take(to - from);
        f64::from(slices.map(count).sum::<u32>())
    }

    /// One count in units of another over some seconds; nothing of nothing.
    pub(crate) fn part(
        &self,
        seconds: Range<f64>,
        count: impl Fn(&Slice) -> u32,
        whole: impl Fn(&Slice) -> u32,
    ) -> f64 {
        self.sum(seconds.clone(), count) / self.sum(seconds, whole).max(1.0)
    }

    /// Requests that were answered, in percent.
    pub(crate) fn success(&self, seconds: Range<f64>) -> f64 {
        100.0 * self.part(seconds, |slice| slice.good, |slice| slice.asked)
    }

    /// Attempts for each request.
    pub(crate) fn amplification(&self, seconds: Range<f64>) -> f64 {
        self.part(seconds, |slice| slice.sent, |slice| slice.asked)
    }

    /// The greatest part of all windows of so many seconds that lie in these.
    pub(crate) fn peak(
        &self,
        seconds: Range<f64>,
        window: f64,
        count: impl Fn(&Slice) -> u32,
        whole: impl Fn(&Slice) -> u32,
    ) -> f64 {
        let windows = ((seconds.end - seconds.start - window) * SLICES).round() as usize;
        let part = |slice: usize| {
            let from = seconds.start + slice as f64 / SLICES;
            self.part(from..from + window, &count, &whole)
        };
        (0..=windows).map(part).fold(0.0, f64::max)
    }

    /// Seconds from the first of these until 99% of the requests that come within a second succeed; all of them if that is never
    /// so.
    pub(crate) fn recovery(&self, seconds: Range<f64>) -> f64 {
        let moments = ((seconds.end - seconds.start - 1.0) * SLICES).round() as usize;
        let is_well = |slice: &usize| {
            let from = seconds.start + *slice as f64 / SLICES;
            self.success(from..from + 1.0) >= 99.0
        };
        (0..moments).find(is_well).map_or(seconds.end - seconds.start, |slice| slice as f64 / SLICES)
    }

    /// A quantile of how long requests took, those that failed with what they waited, in milliseconds.
    pub(crate) fn quantile(&self, seconds: Range<f64>, quantile: f64) -> f64 {
        let [from, to] = [seconds.start, seconds.end].map(|second| (second * SLICES).round() as usize);
        let slices = self.slices.iter().skip(from).take(to - from);
        let mut took: Vec<Duration> = slices.flat_map(|slice| &slice.took).copied().collect();
        took.sort_unstable();
        let place = (quantile * took.len() as f64) as usize;
        took.get(place).map_or(0.0, |took| took.as_secs_f64() * 1e3)
    }
}
