//! What a detector tells: plain data, each a sentence.

use crate::id::Name;
use crate::unit::Share;
use std::fmt;
use std::time::Duration;

/// Something that changed for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which.
    pub endpoint: Name,
    /// What.
    pub what: What,
}

/// What changed for an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// It is out of use, or in shadow would be.
    Ejected {
        /// Why.
        why: Why,
        /// For how long.
        time: Duration,
        /// Only told.
        shadow: bool,
    },
    /// It would be, but too many others are: it stays in use, and its region counts as that much weaker.
    Doubted {
        /// Why.
        why: Why,
        /// For how long, unless it succeeds before.
        time: Duration,
        /// Only told.
        shadow: bool,
    },
    /// Its time is over, and probes may reach it.
    Probing,
    /// It is in.
    Returned,
}

/// Why an endpoint is ejected or doubted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// So many failures in a row.
    Consecutive {
        /// How many.
        failures: u64,
    },
    /// Too few successes beside its peers.
    SuccessRate {
        /// Its own, of all answers in the window.
        rate: Share,
        /// Below this, in millionths.
        threshold: Share,
    },
    /// Too many failures.
    FailureRatio {
        /// Of all answers in the window.
        failed: Share,
    },
    /// Too slow beside its peers.
    Latency {
        /// The mean of its response times.
        mean: Duration,
        /// The median of its peers' means.
        median: Duration,
    },
    /// A probe failed.
    Probe,
    /// It was ejected, and its region has shrunk, so that now too many are.
    Cap,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "endpoint {} {}", self.endpoint, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Ejected { why, time, shadow: false } => write!(f, "is ejected for {time:?}: {why}"),
            What::Ejected { why, time, shadow: true } => write!(f, "would be ejected for {time:?}: {why}"),
            What::Doubted { why, time, shadow } => {
                let is = if *shadow { "would be" } else { "is" };
                write!(f, "{is} doubted for {time:?}, since too many others are out: {why}")
            }
            What::Probing => f.write_str("may be probed"),
            What::Returned => f.write_str("has returned"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Consecutive { failures } => write!(f, "{failures} failures in a row"),
            Why::SuccessRate { rate, threshold } => {
                let (rate, threshold) = (Percent(*rate), Percent(*threshold));
                write!(f, "its success rate is {rate}, below {threshold} of its peers")
            }
            Why::FailureRatio { failed } => {
                write!(f, "{} of {} answers failed, {}", failed.part(), failed.whole(), Percent(*failed))
            }
            Why::Latency { mean, median } => {
                write!(f, "its answers take {mean:?}, the median of its peers is {median:?}")
            }
            Why::Probe => f.write_str("a probe failed"),
            Why::Cap => f.write_str("it was ejected, and its region has become smaller"),
        }
    }
}

struct Percent(Share);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}%", self.0.get() * 100.0)
    }
}
