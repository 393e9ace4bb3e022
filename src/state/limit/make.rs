//! From what a table asks for to what finds the limit.

use super::adaptive::Adaptive;
use super::aimd::Aimd;
use super::fixed::Fixed;
use super::gradient2::Gradient2;
use super::vegas::Vegas;
use crate::table::{self, Algorithm, LimitAlgorithm};

/// The algorithm that a table asks for, from `start` on if there is one, else from the table's `initial`.
///
/// A start outside of what the table allows is taken to the nearest that it does. One of the user's own begins where it
/// begins: nobody can tell it.
pub(crate) fn make(algorithm: &Algorithm, start: Option<u32>, seed: u64) -> Box<dyn LimitAlgorithm> {
    let begin = |initial: u32, min: u32, max: u32| start.unwrap_or(initial).max(min).min(max);
    match algorithm {
        Algorithm::Fixed(limit) => Box::new(Fixed::new(*limit)),
        Algorithm::Adaptive(knobs) => {
            let initial = begin(knobs.initial, knobs.min, knobs.max);
            Box::new(Adaptive::new(&table::Adaptive { initial, ..*knobs }, seed))
        }
        Algorithm::Aimd(knobs) => {
            let initial = begin(knobs.initial, knobs.min, knobs.max);
            Box::new(Aimd::new(&table::Aimd { initial, ..*knobs }))
        }
        Algorithm::Vegas(knobs) => {
            let initial = begin(knobs.initial, 1, knobs.max);
            Box::new(Vegas::new(&table::Vegas { initial, ..*knobs }, seed))
        }
        Algorithm::Gradient2(knobs) => {
            let initial = begin(knobs.initial, knobs.min, knobs.max);
            Box::new(Gradient2::new(&table::Gradient2 { initial, ..*knobs }))
        }
        Algorithm::Custom(custom) => custom.make(),
    }
}
