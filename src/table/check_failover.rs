//! The checks on how regions stand in for each other, and on who may not leave where.

use super::check_outlier;
use super::failover::Failover;
use super::names::did_you_mean;
use super::policy::Knobs;
use super::spec::{Capacity, ClusterSpec, TableSpec};
use crate::error::Problems;
use std::collections::BTreeSet;

/// The most rules of residency: their place has sixteen bits.
const MAX_RULES: usize = (1 << 16) - 1;

/// Checks what the knobs say of regions.
pub(super) fn knobs(knobs: &Knobs, path: &str, problems: &mut Problems) {
    if let Some(failover) = &knobs.failover {
        check(failover, &format!("{path}.failover"), problems);
    }
    if let Some(outlier) = &knobs.outlier {
        check_outlier::outlier(outlier, &format!("{path}.outlier"), problems);
    }
}

fn check(failover: &Failover, path: &str, problems: &mut Problems) {
    let mut add = |what: &str, message: String| problems.add(format!("{path}.{what}"), message);
    let percent = failover.overprovisioning;
    if !(100..=1000).contains(&percent) {
        add("overprovisioning", format!("is {percent}; use 100 to 1000 percent, usually 140"));
    }
    let (fail, recover) = (failover.fail_below.get(), failover.recover_above.get());
    if fail >= recover {
        add(
            "fail_below",
            format!("is {fail}, and recover_above {recover}; leave a gap between them, or a region flaps"),
        );
    }
    let (hold, max) = (failover.hold, failover.max_hold);
    if hold > max {
        add("hold", format!("is {hold:?}, which is above max_hold; lower it, or raise max_hold from {max:?}"));
    }
    if failover.trickle > Failover::MAX_TRICKLE {
        let trickle = failover.trickle.get();
        add("trickle", format!("is {trickle}; use at most 0.1, usually 0.01: what gets more is in use"));
    }
}

/// Checks where a cluster's processes go first, and what its regions learn.
pub(super) fn cluster(cluster: &ClusterSpec, problems: &mut Problems) {
    let path = format!("clusters.{}", cluster.name);
    let regions: BTreeSet<&str> = cluster.regions.iter().map(|region| region.name.as_str()).collect();
    for pair in cluster.homes.windows(2).filter(|pair| pair[0].home == pair[1].home) {
        problems.add(format!("{path}.homes.{}", pair[0].home), "is there twice; put the ranks together");
    }
    for home in &cluster.homes {
        let path = format!("{path}.homes.{}", home.home);
        for pair in home.ranks.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            problems.add(format!("{path}.{}", pair[0].0), "has two ranks; remove one");
        }
        for (region, _) in home.ranks.iter().filter(|(region, _)| !regions.contains(region.as_str())) {
            let hint = did_you_mean(region, regions.iter().copied());
            problems.add(format!("{path}.{region}"), format!("names a region that the cluster does not have{hint}"));
        }
    }
    for region in &cluster.regions {
        let has_limit = region.limit.is_some() || cluster.limit.is_some();
        if region.capacity == Some(Capacity::Learned) && !has_limit {
            let message = "is to be learned by a limit, and there is none; add `Limit::adaptive()`";
            problems.add(format!("{path}.regions.{}.capacity", region.name), message);
        }
    }
}

/// Checks the rules of residency; their matches are checked where they are compiled.
pub(super) fn residency(spec: &TableSpec, problems: &mut Problems) {
    if spec.residency.len() > MAX_RULES {
        problems.add("residency", format!("has more than {MAX_RULES} rules; put matches together"));
    }
    let known: BTreeSet<&str> =
        spec.clusters.iter().flat_map(|cluster| &cluster.regions).map(|region| region.name.as_str()).collect();
    for (place, rule) in spec.residency.iter().enumerate() {
        let path = format!("residency.{place}.regions");
        if rule.regions.is_empty() {
            problems.add(&path, "is empty; name a region, or remove the rule");
        }
        for region in rule.regions.iter().filter(|region| !known.contains(region.as_str())) {
            let hint = did_you_mean(region, known.iter().copied());
            problems.add(format!("{path}.{region}"), format!("names a region that no cluster has{hint}"));
        }
    }
}
