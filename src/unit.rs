//! Units whose range is checked once, in the constructor, so that nothing behind it checks again.

use crate::error::TableError;
use std::fmt;

/// A part of one: 0 to 1, both included.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// Nothing.
    pub const ZERO: Ratio = Ratio(0.0);
    /// All.
    pub const ONE: Ratio = Ratio(1.0);

    /// A ratio from a number in 0..=1.
    ///
    /// # Errors
    /// When the number is outside that range or is not a number.
    ///
    /// ```
    /// use contraflow::Ratio;
    /// assert_eq!(Ratio::new(0.25)?.get(), 0.25);
    /// assert_eq!(
    ///     Ratio::new(25.0).unwrap_err().to_string(),
    ///     "the table has a problem: ratio: is 25, which is outside 0 to 1; for 25 percent write 0.25"
    /// );
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn new(ratio: f64) -> Result<Self, TableError> {
        if (0.0..=1.0).contains(&ratio) {
            return Ok(Ratio(ratio));
        }
        let hint = if (1.0..=100.0).contains(&ratio) {
            format!("; for {ratio} percent write {}", ratio / 100.0)
        } else {
            String::new()
        };
        Err(TableError::one("ratio", format!("is {ratio}, which is outside 0 to 1{hint}")))
    }

    /// Whole percents as a ratio; more than 100 percent is all.
    pub const fn percent(percent: u8) -> Self {
        if percent >= 100 { Ratio::ONE } else { Ratio(percent as f64 / 100.0) }
    }

    /// The number in 0..=1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// An exact share: so many parts of a whole.
///
/// Kept as integers, so that shares add up to one without rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Share {
    part: u64,
    whole: u64,
}

impl Share {
    /// All of one.
    pub const ALL: Share = Share { part: 1, whole: 1 };

    /// `part` of `whole`; nothing of nothing counts as nothing.
    pub(crate) const fn of(part: u64, whole: u64) -> Self {
        debug_assert!(part <= whole, "a share is at most all");
        Share { part, whole }
    }

    /// The parts.
    pub const fn part(self) -> u64 {
        self.part
    }

    /// The parts that make all.
    pub const fn whole(self) -> u64 {
        self.whole
    }

    /// The share as a number in 0..=1, to the precision of `f64`.
    pub const fn get(self) -> f64 {
        if self.whole == 0 { 0.0 } else { self.part as f64 / self.whole as f64 }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.whole)
    }
}
