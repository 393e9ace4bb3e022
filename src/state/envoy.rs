//! Envoy's priority loads, exactly: for a table that moves here from Envoy and must not route differently.
//!
//! Integer percents throughout, as in its `load_balancer_impl.cc`: a level's health is `min(100, 140 x healthy / (hosts -
//! excluded))`, and the load goes down the levels by health, then by what is degraded, over the sum of both where that is
//! below 100; what rounding leaves goes to the first level that has any. With less than 100 in sum, a level below the
//! panic threshold is balanced over all its hosts; if all levels are, the load goes by the number of hosts, dead or not:
//! the cliff that our own waterfall (`shares`) does not have. Two rows of its documentation are approximations; the code
//! counts.

#[cfg(all(test, not(contraflow_loom)))]
mod tests;

use super::parts::WHOLE;
use super::shares::{EVERYBODY, Part, Shares};

/// Hosts of a level or of a locality, by number or by weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    /// All of them.
    pub(crate) hosts: u64,
    pub(crate) healthy: u64,
    pub(crate) degraded: u64,
    /// Those without a verdict, which health is not counted over.
    pub(crate) excluded: u64,
}

impl Level {
    fn plus(self, other: Level) -> Level {
        Level {
            hosts: self.hosts.saturating_add(other.hosts),
            healthy: self.healthy.saturating_add(other.healthy),
            degraded: self.degraded.saturating_add(other.degraded),
            excluded: self.excluded.saturating_add(other.excluded),
        }
    }

    /// `percent` of the part that `some` of the counted hosts are, at most 100.
    fn health(&self, some: u64, percent: u64) -> u64 {
        let counted = self.hosts.saturating_sub(self.excluded);
        if counted == 0 {
            return 0;
        }
        (u128::from(percent) * u128::from(some) / u128::from(counted)).min(100) as u64
    }

    /// Whether fewer than `threshold` percent are usable; strictly.
    fn is_in_panic(&self, threshold: u64) -> bool {
        let counted = self.hosts.saturating_sub(self.excluded);
        let usable = u128::from(self.healthy) + u128::from(self.degraded);
        if counted == 0 { threshold > 0 } else { 100 * usable < u128::from(threshold) * u128::from(counted) }
    }
}

/// The knobs of Envoy, in percents.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvoyKnobs {
    /// 140 unless said otherwise.
    pub(crate) overprovisioning: u64,
    /// 50 unless said otherwise; zero forbids panic.
    pub(crate) panic_threshold: u64,
}

impl Default for EnvoyKnobs {
    fn default() -> Self {
        EnvoyKnobs { overprovisioning: 140, panic_threshold: 50 }
    }
}

/// What each level gets, in percents of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Loads {
    pub(crate) healthy: Vec<u64>,
    pub(crate) degraded: Vec<u64>,
    /// Whether the level is balanced over all its hosts.
    pub(crate) panic: Vec<bool>,
    /// The health of all levels, at most 100.
    pub(crate) normalized_total: u64,
}

/// The loads of levels in their order. Health goes by `health`, numbers or weights; panic by `count`, always numbers.
pub(crate) fn loads(health: &[Level], count: &[Level], knobs: &EnvoyKnobs) -> Loads {
    let percents = |some: fn(&Level) -> u64| -> Vec<u64> {
        health.iter().map(|level| level.health(some(level), knobs.overprovisioning)).collect()
    };
    let (healthy, degraded) = (percents(|level| level.healthy), percents(|level| level.degraded));
    let total = healthy.iter().chain(&degraded).sum::<u64>().min(100);
    let none = vec![0; health.len()];
    let mut loads =
        Loads { healthy: none.clone(), degraded: none, panic: vec![false; count.len()], normalized_total: total };

    let mut left = 100;
    if total > 0 {
        distribute(&mut loads.healthy, &healthy, &mut left, total);
        distribute(&mut loads.degraded, &degraded, &mut left, total);
        // What is left is rounding, and goes to the first that has any.
        let any = |percents: &[u64]| percents.iter().position(|&percent| percent > 0);
        match (any(&healthy), any(&degraded)) {
            (Some(first), _) => loads.healthy[first] += left,
            (None, Some(first)) => loads.degraded[first] += left,
            (None, None) => {}
        }
    }
    if total == 0 && knobs.panic_threshold == 0 {
        // Nobody to send to, and no panic: the load has to be said to be somewhere.
        loads.healthy.iter_mut().take(1).for_each(|load| *load = 100);
    } else if total < 100 {
        loads.panic = count.iter().map(|level| level.is_in_panic(knobs.panic_threshold)).collect();
        if loads.panic.iter().all(|&panic| panic) {
            loads.healthy = by_hosts(count);
            loads.degraded.fill(0);
        }
    }
    loads
}

/// Gives each level its health's part of the total, while there is load left.
fn distribute(loads: &mut [u64], percents: &[u64], left: &mut u64, total: u64) {
    for (load, percent) in loads.iter_mut().zip(percents) {
        *load = (*left).min(percent * 100 / total);
        *left -= *load;
    }
}

/// Total panic: by the number of hosts, excluded ones too; the remainder goes to the first level that has any.
fn by_hosts(levels: &[Level]) -> Vec<u64> {
    let hosts: u128 = levels.iter().map(|level| u128::from(level.hosts)).sum();
    let share = |level: &Level| (100 * u128::from(level.hosts)).checked_div(hosts).unwrap_or(0) as u64;
    let mut loads: Vec<u64> = levels.iter().map(share).collect();
    let left = 100 - loads.iter().sum::<u64>();
    // Without any host at all, the first level.
    let first = levels.iter().position(|level| level.hosts > 0).unwrap_or(0);
    loads.iter_mut().skip(first).take(1).for_each(|load| *load += left);
    loads
}

/// One region as Envoy sees it: a locality of the level that is its rank.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Locality {
    pub(crate) rank: u32,
    /// Its weight in its level; zero is not there at all, in panic neither, which in Envoy it is.
    pub(crate) weight: u64,
    pub(crate) hosts: Level,
}

/// Shares the demand as Envoy does: over levels by percents, over a level's localities by `weight x min(100, 140 x usable /
/// hosts)`, and in panic by their hosts.
///
/// The whole is 100, or 100 x 2^32 where a level has more than one locality, whose shares of a percent are no percents. A level
/// in panic says [`EVERYBODY`] in `needed`, any other zero.
pub(crate) fn share_like_envoy(localities: &[Locality], knobs: &EnvoyKnobs) -> Shares {
    let is_there = |one: &&Locality| one.weight > 0;
    let mut ranks: Vec<u32> = localities.iter().filter(is_there).map(|one| one.rank).collect();
    ranks.sort_unstable();
    let localities_there = ranks.len();
    ranks.dedup();
    let of_rank = |rank| localities.iter().filter(is_there).filter(move |one| one.rank == rank);
    let levels: Vec<Level> =
        ranks.iter().map(|&rank| of_rank(rank).fold(Level::default(), |sum, one| sum.plus(one.hosts))).collect();
    let loads = loads(&levels, &levels, knobs);

    let unit = if localities_there == ranks.len() { 1 } else { WHOLE };
    let mut parts = vec![Part::default(); localities.len()];
    let mut needed = vec![0; localities.len()];
    for (level, &rank) in ranks.iter().enumerate() {
        let effective = |one: &Locality, some: u64| match one.rank == rank {
            true if loads.panic[level] => u128::from(one.hosts.hosts) * u128::from(one.weight.min(1)),
            true => u128::from(one.weight) * u128::from(one.hosts.health(some, knobs.overprovisioning)),
            false => 0,
        };
        let healthy = localities.iter().map(|one| effective(one, one.hosts.healthy)).collect();
        split(loads.healthy[level] * unit, healthy, |at, load| parts[at].healthy += load);
        let degraded = localities.iter().map(|one| effective(one, one.hosts.degraded)).collect();
        split(loads.degraded[level] * unit, degraded, |at, load| parts[at].degraded += load);
        for (needed, _) in needed.iter_mut().zip(localities).filter(|(_, one)| one.rank == rank && loads.panic[level]) {
            *needed = EVERYBODY;
        }
    }
    let given: u64 = parts.iter().map(|part| part.total()).sum();
    Shares { parts: parts.into(), shed: 100 * unit - given, whole: 100 * unit, needed: needed.into() }
}

/// Splits a load by weight, exactly; nothing when there is no weight.
fn split(load: u64, weights: Vec<u128>, mut give: impl FnMut(usize, u64)) {
    let total: u128 = weights.iter().sum();
    let (mut sum, mut given) = (0, 0);
    for (at, weight) in weights.into_iter().enumerate() {
        sum += weight;
        // At most 39 bits of load over 71 of a weight and those of their number.
        let end = (u128::from(load) * sum).checked_div(total).unwrap_or(0) as u64;
        give(at, end - given);
        given = end;
    }
}
