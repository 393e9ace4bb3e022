//! What may be wrong with servers.

use crate::unit::Ratio;
use std::collections::BTreeMap;

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// This part of the requests fails at once, within a millisecond, and takes no worker: the connection is refused.
    Fails(Ratio),
    /// Nothing is ever answered, and nobody is told.
    Hole,
    /// Answers take so many times as long.
    Slow(f64),
    /// Answers take so many times as long, and this part of them is a failure.
    Grey {
        /// So many times as long.
        slow: f64,
        /// The part that fails.
        fails: Ratio,
    },
    /// The first answers of each server take so many times as long, the ones after them less and less, until so many are given
    /// and the caches are warm.
    Cold {
        /// So many times as long, at first.
        slow: f64,
        /// Warm after so many answers.
        answers: u64,
    },
}

impl Fault {
    /// All fails.
    pub const FAILS: Fault = Fault::Fails(Ratio::ONE);

    /// How many times as long the next answer takes, after so many.
    pub(super) fn slows(self, answers: u64) -> f64 {
        match self {
            Fault::None | Fault::Fails(_) | Fault::Hole => 1.0,
            Fault::Slow(slow) | Fault::Grey { slow, .. } => slow,
            Fault::Cold { slow, answers: warm } => {
                let left = warm.saturating_sub(answers) as f64 / warm.max(1) as f64;
                1.0 + (slow - 1.0) * left
            }
        }
    }
}

/// What is wrong where.
#[derive(Debug, Default)]
pub(super) struct Faults(BTreeMap<(String, Option<String>), Fault>);

impl Faults {
    pub(super) fn set(&mut self, region: &str, endpoint: Option<&str>, fault: Fault) {
        self.0.insert((region.into(), endpoint.map(Into::into)), fault);
    }

    pub(super) fn of(&self, region: &str, endpoint: &str) -> Fault {
        if self.0.is_empty() {
            return Fault::None;
        }
        let of_region = || self.0.get(&(region.into(), None));
        self.0.get(&(region.into(), Some(endpoint.into()))).or_else(of_region).copied().unwrap_or_default()
    }
}
