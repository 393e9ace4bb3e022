//! Shares as Envoy computes them, number for number.
//!
//! For who comes from there: a migration that changes no share can be checked, and one table can be run under both rules side by
//! side. After `source/extensions/load_balancing_policies/common/load_balancer_impl.cc` of envoyproxy/envoy, and its weights
//! for localities: whole percents, levels for ranks, and a total panic that spreads load over all hosts, dead ones too.

use super::parts::proportional;

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
