//! Which endpoint that was out a request is the evidence for.
//!
//! Before any draw: a probe is a bounded exception that only finds out whether an endpoint may be drawn again. At most as many
//! requests are probes as the knobs say, and what the request may not do a probe may not do either: leave its regions, go where an
//! operator has taken out, or to who refused it. A request that sticks to its region is a probe only there: for its own user's
//! sake, or, in a region that has no users while all is well, for whose ever.

use super::decision::{EndpointReason, RegionReason};
use super::endpoint::ChosenEndpoint;
use super::loads::{Loads, Readings};
use super::passed::Passed;
use super::region::{ChosenRegion, choose, vetoed};
use crate::entropy::Draws;
use crate::state::View;
use crate::table::Cluster;
use crate::unit::Share;

/// The first endpoint that waits for a probe and has a place for one; its region's share is what it has without the probe.
#[cold]
pub(super) fn choose_probe(
    cluster: &Cluster,
    view: &View,
    within: Option<u64>,
    (key, draws): (Option<u64>, Draws),
    loads: &impl Loads,
    passed: &Passed,
) -> Option<(ChosenRegion, ChosenEndpoint)> {
    let vetoed = vetoed(cluster, loads);
    let open = within.unwrap_or(u64::MAX) & !vetoed;
    let home = key.and_then(|key| choose(cluster, &view.nominal, Some(key), draws)).map(|home| home.place);
    let has_users = |region: u32| view.nominal.iter().any(|one| *one.target == region);
    let is_home = |region: u32| home.is_none_or(|home| home == region || !has_users(region));
    let may = |region: u32, endpoint: u32| open >> region & 1 == 1 && !passed.has(region, endpoint) && is_home(region);
    let (number, &(place, endpoint)) = (0..).zip(&view.probing).find(|&(number, &(region, endpoint))| {
        number < u32::from(u16::MAX) && may(region, endpoint) && loads.takes_probe(number, region, endpoint)
    })?;
    let share = view.shares.iter().find(|region| *region.target == place).map_or(0, |region| region.weight);
    let share = Share::of(share, view.shares.total().max(1));
    let readings = Readings { probe: number as u16 + 1, ..Readings::default() };
    Some((
        ChosenRegion { place, share, reason: RegionReason::Probe, vetoed },
        ChosenEndpoint { place: endpoint, reason: EndpointReason::Probe, readings },
    ))
}
