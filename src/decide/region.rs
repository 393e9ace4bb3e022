//! Which region of a cluster.

use super::decision::RegionReason;
use super::loads::Loads;
use super::passed::Passed;
use super::rendezvous::rendezvous;
use crate::entropy::{Draws, Purpose, below};
use crate::state::View;
use crate::table::{Cluster, Weighted};
use crate::unit::Share;

/// A chosen region.
#[derive(Clone, Copy)]
pub(crate) struct ChosenRegion {
    pub(crate) place: u32,
    pub(crate) share: Share,
    pub(crate) reason: RegionReason,
    /// The regions that an operator had taken out since the view was built, by place, when that mattered.
    pub(crate) vetoed: u64,
}

/// The region by the view's shares; none when no region may be used.
///
/// The operator's veto is read after the pick: a view that was built before an evacuation may still offer the region, the
/// veto cannot. The request then draws again among the regions that are left, as the next view will have them.
#[inline(always)]
#[expect(clippy::inline_always, reason = "once where every request passes, and where nobody hurries")]
pub(crate) fn choose_region(
    cluster: &Cluster,
    view: &View,
    within: Option<u64>,
    key: Option<u64>,
    loads: &impl Loads,
    draws: Draws,
    passed: &Passed,
) -> Option<ChosenRegion> {
    if let Some(within) = within {
        return choose_again(cluster, view, within, key, loads, draws, passed, RegionReason::Resident);
    }
    let chosen = choose(cluster, &view.shares, key, draws)?;
    if loads.is_vetoed(chosen.place) {
        choose_again(cluster, view, u64::MAX, key, loads, draws, passed, RegionReason::Vetoed)
    } else if !passed.is_empty() && is_exhausted(view, chosen.place, passed) {
        choose_again(cluster, view, u64::MAX, key, loads, draws, passed, RegionReason::PassedOn)
    } else {
        Some(chosen)
    }
}

/// Whether every endpoint of a region that may be used was asked.
fn is_exhausted(view: &View, region: u32, passed: &Passed) -> bool {
    view.regions[region as usize].endpoints.iter().all(|one| passed.has(region, one.member))
}

/// Among the regions of this set that are left.
#[cold]
#[expect(clippy::too_many_arguments, reason = "all that a choice of a region depends on, and why it is made again")]
fn choose_again(
    cluster: &Cluster,
    view: &View,
    within: u64,
    key: Option<u64>,
    loads: &impl Loads,
    draws: Draws,
    passed: &Passed,
    reason: RegionReason,
) -> Option<ChosenRegion> {
    let vetoed = vetoed(cluster, loads);
    let left = view.shares_among(within & !vetoed, |place| !is_exhausted(view, place, passed));
    Some(ChosenRegion { reason, vetoed, ..choose(cluster, &left, key, draws)? })
}

/// The regions that an operator has taken out, by place.
pub(crate) fn vetoed(cluster: &Cluster, loads: &impl Loads) -> u64 {
    // A cluster has at most 64 regions.
    (0..cluster.regions.len() as u32).fold(0, |mask, place| mask | u64::from(loads.is_vetoed(place)) << place)
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "once in every request, and where nobody hurries")]
pub(crate) fn choose(
    cluster: &Cluster,
    shares: &Weighted<u32>,
    key: Option<u64>,
    draws: Draws,
) -> Option<ChosenRegion> {
    let (chosen, reason) = if let Some(key) = key {
        let hash = |place: u32| cluster.regions[place as usize].hash;
        let regions = shares.iter().map(|region| (hash(*region.target), region.weight, region));
        (rendezvous(key, regions)?, RegionReason::Sticky)
    } else {
        (shares.at(below(draws.draw(Purpose::Region), shares.total()))?, RegionReason::Random)
    };
    let reason = if chosen.weight == shares.total() { RegionReason::Only } else { reason };
    Some(ChosenRegion { place: *chosen.target, share: Share::of(chosen.weight, shares.total()), reason, vetoed: 0 })
}
