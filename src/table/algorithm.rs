//! What a limit's algorithm is told, and what it says: one contract for those we ship and for yours.
//!
//! An algorithm sees requests that ended, one at a time, and answers with a limit. It has no clock, no timer and no lock:
//! samples carry their moment, and whoever calls it sees to it that it is alone. It never admits anything. The cap is exact
//! whatever the algorithm does, since it is enforced elsewhere, in one word.
//!
//! A sample has one of three values, not two. A *success* tells how long an answer takes. A *drop* tells that the backend did
//! not answer in time or said that it has too much to do: it always counts against the limit, or a backend that answers
//! nobody would look idle. What is *ignored* says nothing: an answer that failed for reasons of its own, a caller that left
//! early, a refusal of ours.

use super::limit::Algorithm;
use crate::protocol::{Outcome, Verdict};
use crate::time::Instant;
use std::fmt;
use std::time::Duration;

/// Finds how many requests a backend should be given at once.
///
/// Those that come with the crate are made by [`Limit`](super::Limit); one of your own by [`Limit::by`](super::Limit::by).
///
/// ```
/// use contraflow::table::{LimitAlgorithm, Sample, Signal};
/// use contraflow::{Limit, Traffic};
///
/// /// Half after a drop, one more after a success that used the limit.
/// #[derive(Debug)]
/// struct Cautious(u32);
///
/// impl LimitAlgorithm for Cautious {
///     fn limit(&self) -> u32 {
///         self.0
///     }
///     fn observe(&mut self, sample: &Sample) {
///         match sample.signal {
///             Signal::Dropped => self.0 = (self.0 / 2).max(1),
///             Signal::Success if sample.in_flight * 2 >= self.0 => self.0 = (self.0 + 1).min(1000),
///             Signal::Success | Signal::Ignored => {}
///         }
///     }
/// }
///
/// let traffic = Traffic::single("db", |route| route.limit(Limit::by(|| Cautious(10))))?;
/// # let _ = traffic;
/// # Ok::<(), contraflow::TableError>(())
/// ```
pub trait LimitAlgorithm: fmt::Debug + Send {
    /// The limit now. Less than 1 counts as 1, more than [`Limit::MAX`](super::Limit::MAX) as that.
    fn limit(&self) -> u32;

    /// Takes the sample of a request that ended.
    ///
    /// Called for each that says something, in the order in which they ended, or nearly: of two that end at the same moment on
    /// two threads one may be left out, unless it is a drop.
    fn observe(&mut self, sample: &Sample);

    /// Takes other knobs and keeps what it has learned; whether it could. Default: it cannot.
    ///
    /// Asked when a publish changes the limit. One that cannot is replaced, and the new one begins with the limit that was in
    /// force; one of your own begins where it begins.
    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let _ = knobs;
        false
    }
}

/// What one request showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When its answer's head came, or it failed or was given up.
    pub now: Instant,
    /// How long that took from the moment it was handed over.
    pub took: Duration,
    /// Requests in flight when it was admitted, itself included: what the limit bounds.
    pub in_flight: u32,
    /// Of those, how many were waiting for the head of their answer: fewer when bodies go on for long after their heads.
    pub waiting: u32,
    /// What it says.
    pub signal: Signal,
}

/// What a request that ended says about the load of the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    /// It was answered, and took as long as it took.
    Success,
    /// It says nothing.
    Ignored,
    /// It was not answered in time, or the backend said that it has too much to do.
    Dropped,
}

impl Signal {
    /// What an answer that says this of its endpoint says of the load: only who is busy has too much to do. One that fails has
    /// other troubles, and how fast it fails is no measure.
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Success => Signal::Success,
            Outcome::Busy => Signal::Dropped,
            Outcome::Failure | Outcome::Ignore => Signal::Ignored,
        }
    }
}

impl From<Verdict> for Signal {
    /// Where only the end will tell, the head has told how long it took.
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Known(outcome) => Signal::of(outcome),
            Verdict::AtEnd => Signal::Success,
        }
    }
}
