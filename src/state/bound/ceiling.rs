//! How high a limit may go, whatever its algorithm has found: what the region has declared that it can take.

use super::{Bound, Control, Mode};
use crate::sync::Ordering;

impl Bound {
    /// Lets the limit go no higher than this from now on; whether somebody stands in the queue who may begin. It does nothing where there
    /// is no limit.
    #[must_use = "who may begin has to be let in"]
    pub(crate) fn cap(&self, ceiling: Option<u32>) -> bool {
        let Some(control) = self.control.get() else { return false };
        let ceiling = ceiling.map_or(u64::MAX, u64::from);
        // Relaxed: it is read under the lock of learning, which is taken below, or by who comes before.
        if control.ceiling.swap(ceiling, Ordering::Relaxed) == ceiling {
            return false;
        }
        control.learning.again(|number| {
            if !self.mode().has(Mode::LIMITED.0) {
                return false;
            }
            let number = control.capped(number);
            control.partitions.resize(number);
            self.hot.permits.set_limit(Some(number))
        }) == Some(true)
    }
}

impl Control {
    /// What of a limit may be in force.
    pub(super) fn capped(&self, limit: u32) -> u32 {
        u64::from(limit).min(self.ceiling.load(Ordering::Relaxed)).max(1) as u32
    }
}
