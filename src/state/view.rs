//! What of a cluster may be used now, and in what shares: one immutable answer, computed beside the requests.
//!
//! A request reads one view per attempt and never computes a share. The view of a cluster is rebuilt by whoever changes
//! what it depends on: a publish, an evacuation, the request whose answer ejects an endpoint. Only what changes by itself with time, the
//! warm-up of endpoints, the ramps of regions and the end of an ejection, is left to the first request that comes after
//! `next_change`, in steps of 1/64 and at most ten times a second.
//!
//! Health, capacity and the operator's word come together here and nowhere else: regions get their shares by the
//! [waterfall](super::shares), endpoints their weights inside the region.

use super::alias::Alias;
use super::envoy::{EnvoyKnobs, Level, Locality, share_like_envoy};
use super::handle::RegionHandle;
use super::parts::{WHOLE, part_of_ratio, proportional};
use super::shares::{Intake, Part, Shares, panic_step, share};
use super::standing::{Fitness, Standing};
use crate::id::Epoch;
use crate::table::{Capacity, Cluster, Failover, Region, SharesBy, SlowStart, Weighted};
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
    /// What health had said when it was built, by number.
    pub(crate) turn: u64,
    /// From when on the view should be built again.
    pub(crate) next_change: Instant,
    /// Regions that get traffic, by place, with their shares.
    pub(crate) shares: Weighted<u32>,
    /// What of the demand nobody takes, beside the sum of the shares.
    pub(crate) shed: u64,
    /// All regions of the cluster, by place.
    pub(crate) regions: Box<[RegionView]>,
    /// Endpoints, by place of region and endpoint, that wait for a probe.
    pub(crate) probing: Box<[(u32, u32)]>,
    overprovisioning: u64,
}

/// What of a region may be used.
#[derive(Debug)]
pub(crate) struct RegionView {
    rank: u32,
    weight: u32,
    /// What it may be given, if that is less than its weight says.
    bounded: Option<Box<Intake>>,
    /// The usable endpoints with their weights, in steps: a warm and healthy endpoint has 64 times its weight.
    pub(crate) endpoints: Alias,
    /// By endpoint, the steps of its weight that it may use; zero when it may not be used; empty when all may use all.
    steps: Box<[u8]>,
}

impl View {
    pub(crate) fn build(
        cluster: &Cluster,
        handles: &[RegionHandle],
        ranks: &[u32],
        turn: u64,
        now: Instant,
        epoch: Epoch,
    ) -> Self {
        let failover = cluster.failover();
        let mut next_change = Instant::NEVER;
        let probing = handles.iter().zip(0_u32..).flat_map(|(handle, region)| {
            let endpoints = handle.endpoints.iter().zip(0_u32..);
            endpoints.filter(|(state, _)| state.may_be_probed()).map(move |(_, endpoint)| (region, endpoint))
        });
        let has_weight =
            |region: &Region, endpoint: u32| region.weight() > 0 && region.endpoints()[endpoint as usize].weight() > 0;
        let probing = probing.filter(|&(region, endpoint)| has_weight(&cluster.regions()[region as usize], endpoint));
        let probing: Box<[_]> = probing.collect();
        let intakes: Vec<Intake> = (cluster.regions().iter().zip(handles).zip(ranks))
            .map(|((region, handle), &rank)| {
                let (intake, changes) = intake(region, handle, rank, &failover, now);
                next_change = next_change.min(changes);
                intake
            })
            .collect();
        let overprovisioning = u64::from(failover.overprovisioning);
        let shares = match failover.shares {
            SharesBy::Waterfall => share(&intakes, overprovisioning),
            SharesBy::Envoy => like_envoy(cluster, &intakes, &failover),
        };
        let Shares { parts, shed, whole, needed } = shares;
        // Where nobody may be used nothing is shed either: that is another refusal.
        let shed = if shed == whole { 0 } else { shed };
        let shares = weighted(&parts);
        let regions = (cluster.regions().iter().zip(handles).zip(intakes).zip(parts.iter().zip(&needed)))
            .map(|(((region, handle), intake), (&part, &needed))| {
                let panic_below = part_of_ratio(failover.panic_below.get());
                let building = Building { region, handle, intake, part, needed, panic_below, now };
                let (view, changes) = building.build(cluster.slow_start());
                next_change = next_change.min(changes);
                view
            })
            .collect();
        View { epoch, turn, next_change, shares, shed, regions, probing, overprovisioning }
    }

    /// The shares without a region, and what nobody would take.
    pub(crate) fn shares_without(&self, out: u32) -> (Weighted<u32>, u64) {
        let intake = |(place, region): (u32, &RegionView)| {
            let intake = region.intake();
            Intake { weight: if place == out { 0 } else { intake.weight }, ..intake }
        };
        let intakes: Vec<Intake> = (0..).zip(&self.regions).map(intake).collect();
        let shares = share(&intakes, self.overprovisioning);
        (weighted(&shares.parts), shares.shed)
    }

    /// The shares of the regions that are left to a request, if there were no others. `open` are those that it may go to, by place;
    /// `is_left` says of each whether it has not been passed over yet.
    ///
    /// Who passed over what lives is not sent to what does not: only where all of its regions look dead are all as good.
    pub(crate) fn shares_among(&self, open: u64, is_left: impl Fn(u32) -> bool) -> Weighted<u32> {
        let is_open = |place: u32, region: &RegionView| region.weight > 0 && open >> place & 1 == 1;
        let lives = |region: &RegionView| region.intake().live() > 0;
        let any_lives = (0..).zip(&self.regions).any(|(place, region)| is_open(place, region) && lives(region));
        let is_used =
            |place: u32, region: &RegionView| is_open(place, region) && (!any_lives || lives(region)) && is_left(place);
        // Nothing is written where nobody is left: a refusal allocates nothing.
        if !(0..).zip(&self.regions).any(|(place, region)| is_used(place, region)) {
            return Weighted::new([]);
        }
        let intake = |(place, region): (u32, &RegionView)| {
            let intake = region.intake();
            let is_used = is_used(place, region);
            Intake { weight: if is_used { intake.weight } else { 0 }, trickle: 0, ..intake }
        };
        let intakes: Vec<Intake> = (0..).zip(&self.regions).map(intake).collect();
        weighted(&share(&intakes, self.overprovisioning).parts)
    }
}

/// The regions that get anything, by place.
fn weighted(parts: &[Part]) -> Weighted<u32> {
    let used = (0..).zip(parts).filter(|(_, part)| part.total() > 0);
    Weighted::new(used.map(|(place, part)| (place, part.total())))
}

/// Shares by Envoy's arithmetic. Hosts are counted by weight.
fn like_envoy(cluster: &Cluster, intakes: &[Intake], failover: &Failover) -> Shares {
    let locality = |(region, intake): (&Region, &Intake)| {
        let hosts: u64 = region.endpoints().iter().map(|endpoint| u64::from(endpoint.weight())).sum();
        // To the nearest: the parts are rounded down.
        let count =
            |part: u64| ((u128::from(hosts) * u128::from(part) + u128::from(WHOLE / 2)) / u128::from(WHOLE)) as u64;
        let (healthy, degraded) = (count(intake.healthy), count(intake.degraded));
        Locality { rank: intake.rank, weight: intake.weight, hosts: Level { hosts, healthy, degraded, excluded: 0 } }
    };
    let localities: Vec<_> = cluster.regions().iter().zip(intakes).map(locality).collect();
    let panic_threshold = (failover.panic_below.get() * 100.0) as u64;
    share_like_envoy(
        &localities,
        &EnvoyKnobs { overprovisioning: u64::from(failover.overprovisioning), panic_threshold },
    )
}

/// What a region may be given, and when that changes by itself.
fn intake(region: &Region, handle: &RegionHandle, rank: u32, failover: &Failover, now: Instant) -> (Intake, Instant) {
    let Standing { healthy, degraded, ceiling, next_change, .. } = handle.state.standing(now);
    let veto = handle.state.veto();
    let (dial, changes) = veto.ceiling(STEPS, failover.ramp, now);
    let is_there = !veto.forbids(now) && region.endpoints().iter().any(|endpoint| endpoint.weight() > 0);
    let capacity = match region.capacity() {
        Some(Capacity::Share(part)) => Some(part_of_ratio(part.get())),
        _ => None,
    };
    let intake = Intake {
        rank,
        weight: if is_there { u64::from(region.weight()) } else { 0 },
        healthy,
        degraded,
        ceiling: ceiling.min(proportional(WHOLE, dial, STEPS)),
        capacity,
        trickle: part_of_ratio(failover.trickle.get()),
    };
    // A ramp of time alone need not be followed more often than this; its end, and that of an evacuation, is.
    let changes = if changes == veto.until() { changes } else { changes.max(now.after(LEAST_PAUSE)) };
    (intake, next_change.max(now.after(LEAST_PAUSE)).min(changes))
}

/// A region's view in the making.
struct Building<'a> {
    region: &'a Region,
    handle: &'a RegionHandle,
    intake: Intake,
    part: Part,
    /// The part of its endpoints that this would fill.
    needed: u64,
    panic_below: u64,
    now: Instant,
}

impl Building<'_> {
    fn build(self, slow_start: Option<SlowStart>) -> (RegionView, Instant) {
        let Building { region, handle, intake, .. } = self;
        let mut next_change = Instant::NEVER;
        let mut steps: Vec<u8> = Vec::new();
        if let Some(slow_start) = slow_start {
            let window = slow_start.window;
            let is_warming = |state: &super::EndpointState| state.age(self.now).is_some_and(|age| age < window);
            if handle.endpoints.iter().any(|state| is_warming(state)) {
                for state in &handle.endpoints {
                    let (step, changes) = warm_up(state, &slow_start, self.now);
                    next_change = next_change.min(changes);
                    steps.push(step as u8);
                }
            }
        }
        self.leave_out(&mut steps);
        let endpoints = Alias::new((0..).zip(region.endpoints()).map(|(place, endpoint)| {
            let step = steps.get(place as usize).map_or(STEPS, |&step| u64::from(step));
            (place, u64::from(endpoint.weight()) * step)
        }));
        let (rank, weight) = (intake.rank, intake.weight as u32);
        let well = Intake { trickle: intake.trickle, ..Intake::well(rank, intake.weight) };
        let bounded = (intake != well).then(|| Box::new(intake));
        (RegionView { rank, weight, bounded, endpoints, steps: steps.into() }, next_change)
    }

    /// Takes out of the steps what is not well, as far as the rest can carry what the region is given.
    fn leave_out(&self, steps: &mut Vec<u8>) {
        let fitness: Vec<Fitness> = self.handle.endpoints.iter().map(|state| state.fitness()).collect();
        if fitness.iter().all(|fitness| *fitness == Fitness::Well) {
            return;
        }
        steps.resize(fitness.len(), STEPS as u8);
        let mut sums = [0_u64; 4];
        for ((fitness, endpoint), step) in fitness.iter().zip(self.region.endpoints()).zip(&*steps) {
            sums[*fitness as usize] += u64::from(endpoint.weight()) * u64::from(*step);
        }
        let [well, degraded, _, unchecked] = sums;
        let factors = match (well, degraded) {
            // Nothing of it is usable: whoever is sent here all the same finds all alike.
            (0, 0) if unchecked == 0 => return,
            // Of those of whom nothing is known there may be one that works.
            (0, 0) => [0, 0, 0, STEPS],
            (0, _) => [0, STEPS, 0, 0],
            (_, 0) => [STEPS, 0, 0, 0],
            (well, degraded) => {
                // The degraded carry their part of the region's portion, and the well theirs.
                let (ill, fit) = (self.part.degraded, self.part.healthy);
                let wanted = u128::from(ill) * u128::from(well);
                let had = u128::from(fit) * u128::from(degraded);
                let of = |part: u128, whole: u128| (u128::from(STEPS) * part / whole.max(1)) as u64;
                if wanted <= had { [STEPS, of(wanted, had), 0, 0] } else { [of(had, wanted), STEPS, 0, 0] }
            }
        };
        let usable = self.intake.healthy + if factors[1] > 0 { self.intake.degraded } else { 0 };
        let out = panic_step(self.needed, usable, self.panic_below);
        let factors = [factors[0], factors[1], out, factors[3]];
        for (fitness, step) in fitness.iter().zip(steps) {
            let factor = factors[*fitness as usize];
            let least = u64::from(factor > 0);
            *step = (u64::from(*step) * factor / STEPS).max(least) as u8;
        }
    }
}

impl RegionView {
    fn intake(&self) -> Intake {
        self.bounded.as_ref().map_or_else(|| Intake::well(self.rank, u64::from(self.weight)), |intake| **intake)
    }

    /// Its rank, as seen from where the process runs.
    pub(crate) fn rank(&self) -> u32 {
        self.rank
    }

    /// The part of its weight that an endpoint may use: of 64; zero when it may not be used.
    #[inline]
    pub(crate) fn step(&self, endpoint: u32) -> u64 {
        self.steps.get(endpoint as usize).map_or(STEPS, |&step| u64::from(step))
    }
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
