//! A limit that is given and not found: for a backend whose size is known, such as a pool of connections.
//!
//! It is wrong as soon as the backend changes, and it is the only one that cannot be misled. No sample moves it.

use crate::table::{Algorithm, LimitAlgorithm, Sample};

/// This number, always.
#[derive(Debug)]
pub(crate) struct Fixed(u32);

impl Fixed {
    pub(crate) fn new(limit: u32) -> Self {
        Fixed(limit)
    }
}

impl LimitAlgorithm for Fixed {
    fn limit(&self) -> u32 {
        self.0.max(1)
    }

    fn observe(&mut self, _: &Sample) {}

    fn adjust(&mut self, knobs: &Algorithm) -> bool {
        let Algorithm::Fixed(limit) = knobs else { return false };
        self.0 = *limit;
        true
    }
}
