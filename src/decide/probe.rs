//! Which endpoint that was out a request is the evidence for.
//!
//! Before any draw: a probe is a bounded exception that only finds out whether an endpoint may be drawn again. At most as many
//! requests are probes as the knobs say, and what the request may not do a probe may not do either: leave its regions, go where an
//! operator has taken out, or to who refused it. One that sticks to a region is a probe only where it would be if all were well:
//! who is at home elsewhere is not moved to find out how others are.

use super::decision::{EndpointReason, RegionReason};
use super::endpoint::ChosenEndpoint;
use super::loads::{Loads, Readings};
use super::passed::Passed;
use super::region::{ChosenRegion, vetoed};
use super::rendezvous::rendezvous;
use crate::state::View;
use crate::table::Cluster;
use crate::unit::Share;

/// The first endpoint that waits for a probe and has a place for one; its region's share is what it has without the probe.
#[cold]
pub(super) fn choose_probe(
    cluster: &Cluster,
    view: &View,
    within: Option<u64>,
    key: Option<u64>,
    loads: &impl Loads,
    passed: &Passed,
) -> Option<(ChosenRegion, ChosenEndpoint)> {
    let vetoed = vetoed(cluster, loads);
    let open = within.unwrap_or(u64::MAX) & !vetoed;
    let is_home = |region: u32| key.is_none_or(|key| home(cluster, view, open, region, key) == Some(region));
    let may = |region: u32, endpoint: u32| open >> region & 1 == 1 && !passed.has(region, endpoint) && is_home(region);
    let (number, &(place, endpoint)) = (0..).zip(&view.probing).find(|&(number, &(region, endpoint))| {
        number < u32::from(u16::MAX)
            && may(region, endpoint)
            && loads.takes_probe(number, region, endpoint, cluster.probes())
    })?;
    let share = view.shares.iter().find(|region| *region.target == place).map_or(0, |region| region.weight);
    let share = Share::of(share, view.shares.total().max(1));
    let readings = Readings { probe: number as u16 + 1, ..Readings::default() };
    Some((
        ChosenRegion { place, share, reason: RegionReason::Probe, vetoed },
        ChosenEndpoint { place: endpoint, reason: EndpointReason::Probe, readings },
    ))
}

/// Where the key is at home among the regions of this one's rank, if all are well.
fn home(cluster: &Cluster, view: &View, open: u64, region: u32, key: u64) -> Option<u32> {
    let rank = |place: u32| view.regions[place as usize].rank();
    let peers = (0..).zip(&cluster.regions).filter(|(place, _)| rank(*place) == rank(region) && open >> place & 1 == 1);
    rendezvous(key, peers.map(|(place, peer)| (peer.hash, u64::from(peer.weight), place)))
}
