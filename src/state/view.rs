//! What of a cluster may be used now, and in what shares: one immutable answer, computed beside the requests.
//!
//! A request reads one view per attempt and never computes a share. The view of a cluster is rebuilt by whoever changes
//! what it depends on (a publish, an evacuation), in that caller. Only what changes by itself with time, the warm-up of new
//! endpoints and the expiry of an evacuation, is left to the first request that comes after `next_change`, in steps of 1/64 and at
//! most ten times a second.
//!
//! Shares are integers over an exact sum. Active checks leave endpoints out of their region, never all of them; the
//! regions of the lowest rank that has a usable one share everything by weight. Health will lower shares here and
//! nowhere else.

use super::alias::Alias;
use super::handle::RegionHandle;
use crate::id::Epoch;
use crate::table::{Cluster, Region, SlowStart, Weighted};
use crate::time::Instant;
use std::time::Duration;

/// Steps of a warm-up, and so the weight units of a warm endpoint.
pub(crate) const STEPS: u64 = 64;

/// The least time between two rebuilds that time alone asks for.
const LEAST_PAUSE: Duration = Duration::from_millis(100);

/// What of a cluster may be used, and in what shares.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) epoch: Epoch,
    /// From when on the view should be built again.
    pub(crate) next_change: Instant,
    /// Regions that get traffic, by place, with their shares.
    pub(crate) shares: Weighted<u32>,
    /// All regions of the cluster, by place.
    pub(crate) regions: Box<[RegionView]>,
}

/// What of a region may be used.
#[derive(Debug)]
pub(crate) struct RegionView {
    pub(crate) rank: u32,
    /// Its weight inside its rank; zero when the region may not be used.
    pub(crate) weight: u64,
    /// The usable endpoints with their weights, in steps of the warm-up: a warm endpoint has 64 times its weight.
    pub(crate) endpoints: Alias,
    /// By endpoint, the steps of its warm-up; zero when it may not be used; empty when all are warm.
    steps: Box<[u8]>,
}

impl View {
    pub(crate) fn build(cluster: &Cluster, handles: &[RegionHandle], now: Instant, epoch: Epoch) -> Self {
        let mut next_change = Instant::NEVER;
        let regions: Box<[RegionView]> = cluster
            .regions()
            .iter()
            .zip(handles)
            .map(|(region, handle)| {
                let (view, changes) = RegionView::build(region, handle, cluster.slow_start(), now);
                next_change = next_change.min(changes);
                view
            })
            .collect();
        let shares = waterfall(&regions, |_| true);
        View { epoch, next_change, shares, regions }
    }
}

impl RegionView {
    fn build(region: &Region, handle: &RegionHandle, slow_start: Option<SlowStart>, now: Instant) -> (Self, Instant) {
        let mut next_change = Instant::NEVER;
        let mut steps = Vec::new();
        let is_left_out = left_out(region, handle);
        if let Some(slow_start) = slow_start {
            let warming = |state: &super::EndpointState| state.age(now).is_some_and(|age| age < slow_start.window);
            if handle.endpoints.iter().any(|state| warming(state)) {
                for state in &handle.endpoints {
                    let (step, changes) = warm_up(state, &slow_start, now);
                    next_change = next_change.min(changes);
                    steps.push(step as u8);
                }
            }
        }
        if is_left_out.contains(&true) {
            steps.resize(handle.endpoints.len(), STEPS as u8);
            steps.iter_mut().zip(is_left_out).filter(|(_, is_left_out)| *is_left_out).for_each(|(step, _)| *step = 0);
        }
        let endpoints = Alias::new((0..).zip(region.endpoints()).map(|(place, endpoint)| {
            let step = steps.get(place as usize).map_or(STEPS, |&step| u64::from(step));
            (place, u64::from(endpoint.weight()) * step)
        }));
        let veto = handle.state.veto();
        let usable = endpoints.len() > 0 && !veto.forbids(now);
        if veto.forbids(now) {
            next_change = next_change.min(veto.until());
        }
        let weight = if usable { u64::from(region.weight()) } else { 0 };
        (RegionView { rank: region.rank(), weight, endpoints, steps: steps.into() }, next_change)
    }

    /// The part of its weight that an endpoint may use: of 64; zero when it may not be used.
    #[inline]
    pub(crate) fn step(&self, endpoint: u32) -> u64 {
        self.steps.get(endpoint as usize).map_or(STEPS, |&step| u64::from(step))
    }
}

/// By endpoint, whether active checks leave it out. Those that are down are, and those of which nothing is known, but
/// never all that have a weight: when none is left that is well, what is unknown is used, and when all are down, all
/// are. Checks that find everything down are more likely wrong, or measure an overload, than right; and if they are
/// right, nothing is lost.
fn left_out(region: &Region, handle: &RegionHandle) -> Vec<bool> {
    // Each is read once: it may change meanwhile, and then there will be another view.
    let tiers: Vec<u8> = handle.endpoints.iter().map(|state| state.checked().tier()).collect();
    let weighed = tiers.iter().zip(region.endpoints()).filter(|(_, endpoint)| endpoint.weight() > 0);
    let best = weighed.map(|(tier, _)| *tier).min().unwrap_or(0);
    tiers.into_iter().map(|tier| tier > best).collect()
}

/// The step of an endpoint's warm-up, 1 to 64, and when the next is due.
fn warm_up(state: &super::EndpointState, slow_start: &SlowStart, now: Instant) -> (u64, Instant) {
    let (Some(joined), Some(age)) = (state.joined(), state.age(now)) else { return (STEPS, Instant::NEVER) };
    let step = ((slow_start.factor(age) * STEPS as f64) as u64).clamp(1, STEPS);
    if step == STEPS {
        return (STEPS, Instant::NEVER);
    }
    let due = joined.after(slow_start.age_at((step + 1) as f64 / STEPS as f64));
    (step, due.max(now.after(LEAST_PAUSE)))
}

/// The regions of the lowest rank that has one which may be used, by weight.
pub(crate) fn waterfall(regions: &[RegionView], allowed: impl Fn(u32) -> bool) -> Weighted<u32> {
    let usable = || (0..).zip(regions).filter(|(place, region)| region.weight > 0 && allowed(*place));
    let Some(rank) = usable().map(|(_, region)| region.rank).min() else { return Weighted::new([]) };
    Weighted::new(usable().filter(|(_, region)| region.rank == rank).map(|(place, region)| (place, region.weight)))
}
