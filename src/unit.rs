//! Units whose range is checked once, in the constructor, so that nothing behind it checks again.

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
    ///     "25 is not a ratio, which is 0 to 1; for 25 percent write 0.25"
    /// );
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(ratio: f64) -> Result<Self, NotARatio> {
        if (0.0..=1.0).contains(&ratio) { Ok(Ratio(ratio)) } else { Err(NotARatio(ratio)) }
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

/// A number that is outside 0 to 1, or no number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NotARatio(f64);

impl fmt::Display for NotARatio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a ratio, which is 0 to 1", self.0)?;
        if (1.0..=100.0).contains(&self.0) {
            write!(f, "; for {} percent write {}", self.0, self.0 / 100.0)?;
        }
        Ok(())
    }
}

impl std::error::Error for NotARatio {}

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
