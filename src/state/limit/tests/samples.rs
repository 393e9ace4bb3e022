//! Short ways to write a sample.

use crate::table::{Sample, Signal};
use crate::time::Instant;
use std::time::Duration;

/// An answer after so many milliseconds, with so many in flight.
pub(super) fn success(milliseconds: u64, in_flight: u32) -> Sample {
    sample(Duration::from_millis(milliseconds), in_flight, Signal::Success)
}

/// No answer within so many milliseconds, with so many in flight.
pub(super) fn dropped(milliseconds: u64, in_flight: u32) -> Sample {
    sample(Duration::from_millis(milliseconds), in_flight, Signal::Dropped)
}

pub(super) fn sample(took: Duration, in_flight: u32, signal: Signal) -> Sample {
    Sample { now: Instant::START, took, in_flight, waiting: in_flight, signal }
}
