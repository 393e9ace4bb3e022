//! Which cluster of a route's split.

use super::decision::ClusterReason;
use super::rendezvous::rendezvous;
use crate::entropy::{Draws, Purpose, below};
use crate::table::Route;

/// The target of a route, by place in its split, its weight, and why.
///
/// `random(0, total) < weight`, never `<=`: a weight of zero has no point on the line.
#[inline]
pub(crate) fn choose_target(route: &Route, key: Option<u64>, draws: Draws) -> (u32, u64, ClusterReason) {
    if let Some((target, weight)) = route.split.only() {
        return (target, weight, ClusterReason::Only);
    }
    let (chosen, reason) = if let Some(key) = key {
        let targets = route.split.iter().map(|(place, weight)| (place, route.targets[place as usize].hash, weight));
        (rendezvous(key, targets), ClusterReason::Sticky)
    } else {
        let point = below(draws.draw(Purpose::Split), route.split.total());
        let reason = if route.sticky.is_some() { ClusterReason::KeyMissing } else { ClusterReason::Random };
        (route.split.at(point), reason)
    };
    let (target, weight) = chosen.expect("a compiled split has a positive weight, and a point below its sum");
    (target, weight, reason)
}
