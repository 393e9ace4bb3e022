//! Which cluster of a route's split.

use super::decision::ClusterReason;
use super::rendezvous::rendezvous;
use crate::entropy::{Draws, Purpose, below};
use crate::table::{Route, Table, Target, Weighed};

/// The target of a route, and why.
///
/// `random(0, total) < weight`, never `<=`: a weight of zero has no point on the line.
#[inline(always)]
#[expect(clippy::inline_always, reason = "once where every request passes, and where nobody hurries")]
pub(crate) fn choose_target<'t>(
    table: &'t Table,
    route: &'t Route,
    key: Option<u64>,
    draws: Draws,
) -> (Weighed<'t, Target>, ClusterReason) {
    let split = &route.split;
    let (chosen, reason) = if let Some(key) = key {
        let hash = |target: &Target| table.cluster_at(target.cluster).hash;
        let targets = split.iter().map(|one| (hash(one.target), one.weight, one));
        (rendezvous(key, targets), ClusterReason::Sticky)
    } else {
        let point = below(draws.draw(Purpose::Split), split.total());
        let reason = if route.sticky.is_some() { ClusterReason::KeyMissing } else { ClusterReason::Random };
        (split.at(point), reason)
    };
    let chosen = chosen.expect("a compiled split has a positive weight, and a point below its sum");
    let reason = if chosen.weight == split.total() { ClusterReason::Only } else { reason };
    (chosen, reason)
}
