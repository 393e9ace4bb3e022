//! The limit with its fraction, and the whole number that is shown of it.

use std::ops::RangeInclusive;

/// The golden ratio's fraction. Its multiples are spread evenly over 0..1 however many there are, so the numbers shown
/// average to the limit after a few of them already.
const GOLDEN: f64 = 0.618_033_988_75;

/// Less than 1, so that a whole limit is shown as itself.
const BELOW_ONE: f64 = 0.999_999;

/// A limit with a fraction: ten clients of one server may each need 3.5, and neither 3 nor 4.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    pub(super) limit: f64,
    shown: u32,
    /// Where in 0..1 the fraction is compared: moves with each step, so the limit is rounded up as often as its fraction says.
    phase: f64,
    min: u32,
    max: u32,
}

impl Allowance {
    pub(super) fn new(initial: u32, bounds: RangeInclusive<u32>, phase: f64) -> Self {
        let (min, max) = bounds.into_inner();
        let shown = initial.max(min).min(max);
        Allowance { limit: f64::from(shown), shown, phase, min, max }
    }

    pub(super) fn shown(&self) -> u32 {
        self.shown
    }

    /// Whether so many in flight are half of it or more.
    pub(super) fn is_half_used_by(&self, in_flight: u32) -> bool {
        in_flight >= self.shown.div_ceil(2)
    }

    /// Goes to a limit, kept within the bounds, and on to the next phase.
    pub(super) fn set(&mut self, limit: f64) {
        self.phase = (self.phase + GOLDEN).fract();
        self.set_in_phase(limit);
    }

    /// Goes to a limit at the phase where it is: a lower limit never shows a higher number.
    pub(super) fn set_in_phase(&mut self, limit: f64) {
        self.limit = limit.max(f64::from(self.min)).min(f64::from(self.max));
        self.shown = ((self.limit + self.phase * BELOW_ONE) as u32).max(self.min).min(self.max);
    }

    /// Takes other bounds, and the nearest limit that they allow.
    pub(super) fn within(&mut self, bounds: RangeInclusive<u32>) {
        (self.min, self.max) = bounds.into_inner();
        self.set_in_phase(self.limit);
    }
}
