//! Shares as Envoy computes them, number for number.
//!
//! For who comes from there: a migration that changes no share can be checked, and one table can be run under both rules side by
//! side. After `source/extensions/load_balancing_policies/common/load_balancer_impl.cc` of envoyproxy/envoy, and its weights
//! for localities: whole percents, levels for ranks, and a total panic that spreads load over all hosts, dead ones too.

use super::parts::{WHOLE, fill, proportional};
use super::shares::{Intake, Portion, Shares};
use crate::unit::Ratio;

/// All of the load.
const ALL: u64 = 100;

/// The hosts of one level, or their weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    pub(crate) hosts: u64,
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
    /// Not checked yet.
    pub(crate) excluded: u64,
}

/// What each level gets, in percent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) healthy: Vec<u64>,
    pub(crate) degraded: Vec<u64>,
    pub(crate) panics: Vec<bool>,
    /// How much is available in all, at most 100.
    pub(crate) available: u64,
}

impl Level {
    fn counted(&self) -> u64 {
        self.hosts - self.excluded
    }

    /// What of the load some of its hosts can take, in percent.
    fn availability(&self, hosts: u64, overprovisioning: u64) -> u64 {
        proportional(overprovisioning, hosts, self.counted()).min(ALL)
    }

    /// By counts, whatever the weights are.
    fn is_below(&self, panic_percent: u64) -> bool {
        ALL * (self.healthy + self.degraded) < panic_percent * self.counted()
            || self.counted() == 0 && panic_percent > 0
    }
}

/// The load of each level: `weights` for how much is available, `counts` for panic, which may be the same.
pub(crate) fn loads(weights: &[Level], counts: &[Level], overprovisioning: u64, panic_percent: u64) -> Loads {
    let health: Vec<u64> = weights.iter().map(|level| level.availability(level.healthy, overprovisioning)).collect();
    let ill: Vec<u64> = weights.iter().map(|level| level.availability(level.degraded, overprovisioning)).collect();
    let available = (health.iter().sum::<u64>() + ill.iter().sum::<u64>()).min(ALL);
    let (mut healthy, left) = distribute(&health, ALL, available);
    let (mut degraded, left) = distribute(&ill, left, available);
    // What rounding has left goes to the first that has any.
    if let Some(first) = health.iter().position(|part| *part > 0) {
        healthy[first] += left;
    } else if let Some(first) = ill.iter().position(|part| *part > 0) {
        degraded[first] += left;
    }
    let panics: Vec<bool> = counts.iter().map(|level| available < ALL && level.is_below(panic_percent)).collect();
    if panics.iter().all(|panics| *panics) {
        healthy = by_hosts(counts);
        degraded.fill(0);
    }
    Loads { healthy, degraded, panics, available }
}

fn distribute(parts: &[u64], load: u64, available: u64) -> (Vec<u64>, u64) {
    let mut left = load;
    let shares = parts.iter().map(|part| {
        let share = proportional(ALL, *part, available).min(left);
        left -= share;
        share
    });
    (shares.collect(), left)
}

/// By the number of hosts, whatever their health.
fn by_hosts(levels: &[Level]) -> Vec<u64> {
    let all = levels.iter().map(|level| level.hosts).sum();
    let mut shares: Vec<u64> = levels.iter().map(|level| proportional(ALL, level.hosts, all)).collect();
    let left = ALL - shares.iter().sum::<u64>();
    let first = levels.iter().position(|level| level.hosts > 0).unwrap_or(0);
    if let Some(first) = shares.get_mut(first) {
        *first += left;
    }
    shares
}

/// The weight of a locality in its level: what it has, as far as its hosts are available.
pub(crate) fn locality(weight: u64, hosts: Level, overprovisioning: u64) -> u64 {
    weight * hosts.availability(hosts.healthy, overprovisioning)
}

/// The shares of regions, their ranks being levels and regions of one rank localities; and, a bit each, the regions whose level
/// panics, so that all their hosts are used.
///
/// Hosts are counted by weight. Ceilings hold as far as other levels can take what they keep out; capacity is unknown.
pub(crate) fn share(regions: &[Intake], overprovisioning: u64, panic_below: Ratio) -> (Shares, u64) {
    let used = |region: &Intake| region.weight > 0;
    let mut ranks: Vec<u32> = regions.iter().filter(|region| used(region)).map(|region| region.rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    let hosts = |region: &Intake| {
        let count = |part: u64| ((u128::from(region.hosts) * u128::from(part) + u128::from(WHOLE / 2)) >> 32) as u64;
        Level { hosts: region.hosts, healthy: count(region.healthy), degraded: count(region.degraded), excluded: 0 }
    };
    let level = |rank: &u32| {
        let of_rank = regions.iter().filter(|region| used(region) && region.rank == *rank);
        of_rank.map(hosts).fold(Level::default(), |all, one| Level {
            hosts: all.hosts + one.hosts,
            healthy: all.healthy + one.healthy,
            degraded: all.degraded + one.degraded,
            excluded: 0,
        })
    };
    let levels: Vec<Level> = ranks.iter().map(level).collect();
    let loads = loads(&levels, &levels, overprovisioning, (panic_below.get() * ALL as f64) as u64);
    let (mut portions, mut panics) = (vec![Portion::default(); regions.len()], 0);
    for (at, rank) in ranks.iter().enumerate() {
        let is_there = |region: &Intake| used(region) && region.rank == *rank;
        let panics_here = loads.panics[at];
        let weigh = |of: fn(&Level) -> u64| -> Vec<(u64, u64)> {
            let weight = |region: &Intake| {
                let hosts = hosts(region);
                let available = if panics_here { ALL } else { hosts.availability(of(&hosts), overprovisioning) };
                if is_there(region) { (region.weight * available, WHOLE) } else { (0, 0) }
            };
            regions.iter().map(weight).collect()
        };
        let healthy = fill(proportional(WHOLE, loads.healthy[at], ALL), &weigh(|level| level.healthy));
        let degraded = fill(proportional(WHOLE, loads.degraded[at], ALL), &weigh(|level| level.degraded));
        for (place, region) in regions.iter().enumerate().filter(|(_, region)| is_there(region)) {
            portions[place].healthy += healthy[place];
            portions[place].degraded += degraded[place];
            panics |= u64::from(panics_here) << place;
            debug_assert!(is_there(region));
        }
    }
    for (portion, region) in portions.iter_mut().zip(regions) {
        gate(portion, region);
    }
    let whole = portions.iter().map(Portion::total).sum();
    (Shares { portions, shed: 0, whole }, panics)
}

/// Envoy knows no ramp of a level: ours is kept by what the others have in proportion.
fn gate(portion: &mut Portion, region: &Intake) {
    portion.healthy = proportional(portion.healthy, region.ceiling.max(1), WHOLE).max(u64::from(portion.healthy > 0));
    portion.degraded = proportional(portion.degraded, region.ceiling.max(1), WHOLE);
}
