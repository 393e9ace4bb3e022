//! The algorithm of one limiter: what it runs, and what it has learned.

use super::limit::make;
use crate::sync::{AtomicU64, Meeting, Ordering};
use crate::table::{Algorithm, Limit, LimitAlgorithm, Sample, Signal};
use crate::time::nanos;
use std::time::Duration;

/// How much a response time counts in the average: an eighth, as in RFC 6298.
const WEIGHT_SHIFT: u32 = 3;

#[derive(Debug)]
pub(crate) struct Learning {
    /// Its lock is held, too, while a limit is put in force: one that was learned a moment ago never comes after one that a
    /// table has set meanwhile, which nobody might correct.
    running: Meeting<Option<Running>>,
    /// Drops that came while another sample was being taken.
    missed: AtomicU64,
    /// The average response time in nanoseconds, zero before the first.
    average: AtomicU64,
}

#[derive(Debug)]
struct Running {
    knobs: Algorithm,
    algorithm: Box<dyn LimitAlgorithm>,
}

impl Running {
    fn limit(&self) -> u32 {
        self.algorithm.limit().clamp(1, Limit::MAX)
    }
}

impl Learning {
    pub(crate) fn new() -> Self {
        Learning { running: Meeting::new(None), missed: AtomicU64::new(0), average: AtomicU64::new(0) }
    }

    /// Runs this from now on, and puts the limit to begin with in force. What was learned is kept if only knobs differ;
    /// another algorithm begins where the last one was.
    pub(crate) fn run<T>(&self, knobs: &Algorithm, seed: u64, put: impl FnOnce(u32) -> T) -> T {
        let mut running = self.running.lock();
        let running = match running.take() {
            Some(known) if known.knobs == *knobs => running.insert(known),
            Some(mut known) => {
                let knobs = knobs.clone();
                if known.algorithm.adjust(&knobs) {
                    running.insert(Running { knobs, ..known })
                } else {
                    let algorithm = make(&knobs, Some(known.limit()), seed);
                    running.insert(Running { knobs, algorithm })
                }
            }
            None => running.insert(Running { knobs: knobs.clone(), algorithm: make(knobs, None, seed) }),
        };
        put(running.limit())
    }

    /// Puts the limit that it has found in force again.
    pub(crate) fn again<T>(&self, put: impl FnOnce(u32) -> T) -> Option<T> {
        let running = self.running.lock();
        running.as_ref().map(|running| put(running.limit()))
    }

    /// There is no limit from now on; what was learned is kept for when there is one again.
    pub(crate) fn pause<T>(&self, put: impl FnOnce() -> T) -> T {
        let _running = self.running.lock();
        put()
    }

    /// Takes a sample and puts the limit that follows in force, if it was this thread's turn.
    pub(crate) fn observe<T>(&self, sample: &Sample, put: impl FnOnce(u32) -> T) -> Option<T> {
        let Some(mut running) = self.running.try_lock() else {
            if sample.signal == Signal::Dropped {
                // Relaxed, as below: a count that whoever comes next takes over.
                self.missed.fetch_add(1, Ordering::Relaxed);
            }
            return None;
        };
        let running = running.as_mut()?;
        if self.missed.load(Ordering::Relaxed) > 0 {
            for _ in 0..self.missed.swap(0, Ordering::Relaxed) {
                running.algorithm.observe(&Sample { signal: Signal::Dropped, ..*sample });
            }
        }
        running.algorithm.observe(sample);
        if sample.signal == Signal::Success {
            self.take_average(nanos(sample.took));
        }
        Some(put(running.limit()))
    }

    /// Under the lock.
    fn take_average(&self, took: u64) {
        let old = self.average.load(Ordering::Relaxed);
        let new = if old == 0 { took } else { old - (old >> WEIGHT_SHIFT) + (took >> WEIGHT_SHIFT) };
        self.average.store(new, Ordering::Relaxed);
    }

    /// How long a request usually takes, if any was seen.
    pub(crate) fn average(&self) -> Option<Duration> {
        Some(self.average.load(Ordering::Relaxed)).filter(|average| *average > 0).map(Duration::from_nanos)
    }
}

#[cfg(all(test, contraflow_loom))]
mod loom_tests;

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
