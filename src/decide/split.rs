//! Which cluster of a route's split.

use super::decision::ClusterReason;
use super::rendezvous::rendezvous;
use crate::entropy::{Draws, Purpose, below};
use crate::table::{Route, Slice, Target};

/// The target of a route, by its place in the split and its slice, and why.
///
/// `random(0, total) < weight`, never `<=`: a weight of zero has no point on the line.
#[inline]
pub(crate) fn choose_target(route: &Route, key: Option<u64>, draws: Draws) -> (u32, &Slice<Target>, ClusterReason) {
    let split = &route.split;
    let (chosen, reason) = if let Some(key) = key {
        let targets = split.slices().iter().enumerate();
        let targets = targets.map(|(place, slice)| ((place, slice), slice.target.hash, slice.weight));
        (rendezvous(key, targets), ClusterReason::Sticky)
    } else {
        let point = below(draws.draw(Purpose::Split), split.total());
        let reason = if route.sticky.is_some() { ClusterReason::KeyMissing } else { ClusterReason::Random };
        (split.at(point), reason)
    };
    let (place, slice) = chosen.expect("a compiled split has a positive weight, and a point below its sum");
    (place as u32, slice, if slice.weight == split.total() { ClusterReason::Only } else { reason })
}
