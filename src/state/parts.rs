//! Whole numbers that stand for parts of one.

use crate::unit::Ratio;

/// One.
pub(crate) const WHOLE: u64 = 1 << 32;

/// The part of one that `usable` is of `counted`; all when nothing is counted.
///
/// Nothing known is not bad health: endpoints without a verdict are in neither number.
pub(crate) fn part(usable: u64, counted: u64) -> u64 {
    if counted == 0 { WHOLE } else { proportional(WHOLE, usable.min(counted), counted) }
}

/// A part of a part.
pub(crate) fn part_of(all: u64, part: u64) -> u64 {
    proportional(all, part, WHOLE)
}

/// `all x part / whole`, rounded down; nothing of nothing.
pub(crate) fn proportional(all: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { (u128::from(all) * u128::from(part) / u128::from(whole)) as u64 }
}

/// A part of one from a ratio.
pub(crate) fn part_of_ratio(ratio: f64) -> u64 {
    (ratio * WHOLE as f64) as u64
}

/// A part of one as a ratio.
pub(crate) fn ratio_of_part(part: u64) -> Ratio {
    Ratio::new(part as f64 / WHOLE as f64).unwrap_or(Ratio::ONE)
}
