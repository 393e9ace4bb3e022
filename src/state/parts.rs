//! Whole numbers that stand for parts of one, and how they are divided without losing any.

use crate::unit::Ratio;

/// One.
pub(crate) const WHOLE: u64 = 1 << 32;

/// A part of a part.
pub(crate) fn part_of(all: u64, part: u64) -> u64 {
    proportional(all, part, WHOLE)
}

/// `all x part / whole`, rounded down; nothing of nothing.
pub(crate) fn proportional(all: u64, part: u64, whole: u64) -> u64 {
    if whole == 0 { 0 } else { (u128::from(all) * u128::from(part) / u128::from(whole)) as u64 }
}

/// What `of` is of `whole`, as a part of one, rounded down; all of nothing.
pub(crate) fn part(of: u64, whole: u64) -> u64 {
    if whole == 0 { WHOLE } else { proportional(WHOLE, of, whole) }
}

/// A part of one from a ratio.
pub(crate) fn part_of_ratio(ratio: f64) -> u64 {
    (ratio * WHOLE as f64) as u64
}

/// A part of one as a ratio.
pub(crate) fn ratio_of_part(part: u64) -> Ratio {
    Ratio::new(part as f64 / WHOLE as f64).unwrap_or(Ratio::ONE)
}

/// Fills bins, each of a weight and a size, by weight: what one cannot hold goes to the others. As much as all can hold, and never more
/// than `amount`.
pub(crate) fn fill(amount: u64, bins: &[(u64, u64)]) -> Vec<u64> {
    let mut full: Vec<bool> = bins.iter().map(|&(weight, size)| weight == 0 || size == 0).collect();
    let mut held: Vec<u64> = bins.iter().map(|_| 0).collect();
    // Each round fills one bin at least, or is the last.
    loop {
        let taken: u64 = (0..bins.len()).filter(|&at| full[at]).map(|at| held[at]).sum();
        let open: u128 = (0..bins.len()).filter(|&at| !full[at]).map(|at| u128::from(bins[at].0)).sum();
        if open == 0 {
            return held;
        }
        let left = amount - taken;
        let (mut before, mut given, mut has_filled) = (0_u128, 0, false);
        for at in (0..bins.len()).filter(|&at| !full[at]) {
            before += u128::from(bins[at].0);
            // By running sums, so that nothing is lost to rounding.
            let up_to = (u128::from(left) * before / open) as u64;
            held[at] = up_to - given;
            given = up_to;
        }
        for at in 0..bins.len() {
            if !full[at] && held[at] >= bins[at].1 {
                has_filled |= held[at] > bins[at].1;
                held[at] = bins[at].1;
                full[at] = true;
            }
        }
        if !has_filled {
            return held;
        }
    }
}
