//! The checks on what is sent again: retries, hedges, what bounds them, and who is believed.

use super::policy::{Knobs, Policy};
use super::retry::{Hedge, HedgeDelay, Retry, RetryBudget, Successes};
use super::spec::{ClusterSpec, TableSpec};
use super::trust::{Claims, TrustRule};
use crate::error::Problems;
use std::collections::HashMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Attempts in all, and under way at once.
const ATTEMPTS: RangeInclusive<u32> = 1..=Retry::MAX_ATTEMPTS;

/// A timer is not finer.
const MIN_HEDGE_DELAY: Duration = Duration::from_millis(1);

/// Below, every other request is hedged; above, what is known of the tail is chance.
const HEDGE_QUANTILES: RangeInclusive<f64> = 0.5..=0.999;

/// Retries for each success or request: more is a mistake of units.
const MAX_BUDGET_RATIO: f64 = 10.0;

/// Checks what the knobs say of retries and hedges, each for itself.
pub(super) fn knobs(knobs: &Knobs, path: &str, problems: &mut Problems) {
    if let Some(retry) = &knobs.retry {
        check_retry(retry, &format!("{path}.retry"), problems);
    }
    if let Some(hedge) = &knobs.hedge {
        check_hedge(hedge, &format!("{path}.hedge"), problems);
    }
}

/// Checks what routes have once all knobs are merged; each problem of a route is told once, for the first of its clusters.
///
/// Only of values that are sound alone: what is out of range was told where it stands.
pub(super) fn merged(spec: &TableSpec, clusters: &HashMap<&str, u32>, problems: &mut Problems) {
    for route in &spec.routes {
        let places = route.split.iter().filter_map(|target| clusters.get(target.cluster.as_str()));
        let policies = places
            .map(|&place| Policy::from_knobs(route.knobs.or(spec.clusters[place as usize].knobs).or(spec.defaults)));
        let policies: Vec<_> =
            policies.filter(|policy| (2..=Retry::MAX_ATTEMPTS).contains(&policy.retry.attempts)).collect();
        let too_long = policies.iter().find_map(|policy| {
            let per_try = policy.retry.per_try.filter(|&per_try| per_try > policy.deadline)?;
            (!policy.deadline.is_zero()).then_some((per_try, policy.deadline))
        });
        if let Some((per_try, deadline)) = too_long {
            let message = format!(
                "is {per_try:?}, above the deadline of {deadline:?}, and would never end an attempt; shorten it"
            );
            problems.add(format!("routes.{}.retry.per_try", route.name), message);
        }
        let too_many = policies.iter().find_map(|policy| {
            let (hedge, retry) = (policy.hedge?.attempts, policy.retry.attempts);
            (hedge > retry && ATTEMPTS.contains(&hedge)).then_some((hedge, retry))
        });
        if let Some((hedge, retry)) = too_many {
            let message = format!("is {hedge}, above the {retry} attempts in all; lower it, or raise retry.attempts");
            problems.add(format!("routes.{}.hedge.attempts", route.name), message);
        }
    }
}

/// Checks what bounds the retries of a cluster.
pub(super) fn cluster(cluster: &ClusterSpec, problems: &mut Problems) {
    if let Some(own) = &cluster.retry_budget {
        budget(own, &format!("clusters.{}.retry_budget", cluster.name), problems);
    }
}

/// Checks what rules of trust believe; their matches are checked where they are compiled.
pub(super) fn trusts(rules: &[TrustRule], problems: &mut Problems) {
    for (place, _) in rules.iter().enumerate().filter(|(_, rule)| rule.claims == Claims::none()) {
        problems.add(format!("trusts.{place}.claims"), "believes nothing; name a claim or remove the rule");
    }
}

fn check_retry(retry: &Retry, path: &str, problems: &mut Problems) {
    check_within(retry.attempts, ATTEMPTS, &format!("{path}.attempts"), problems);
    if retry.per_try.is_some_and(|per_try| per_try.is_zero()) {
        problems.add(format!("{path}.per_try"), "is zero, and no attempt would be answered; leave it out instead");
    }
    let (base, max) = (retry.backoff.base, retry.backoff.max);
    if base > max {
        let message = format!("is {base:?}, which is above max; lower it, or raise max from {max:?}");
        problems.add(format!("{path}.backoff.base"), message);
    }
    if retry.max_hint.is_zero() {
        let message = "is zero, and no server could ask for a wait; use how long a caller may wait, usually 5 s";
        problems.add(format!("{path}.max_hint"), message);
    }
}

fn check_hedge(hedge: &Hedge, path: &str, problems: &mut Problems) {
    check_within(hedge.attempts, ATTEMPTS, &format!("{path}.attempts"), problems);
    match hedge.delay {
        HedgeDelay::Fixed(delay) => {
            if delay < MIN_HEDGE_DELAY {
                let message = format!("is {delay:?}; use 1 ms or more, usually the 95th percentile");
                problems.add(format!("{path}.delay"), message);
            }
        }
        HedgeDelay::Quantile(quantile) => {
            let quantile = quantile.get();
            if !HEDGE_QUANTILES.contains(&quantile) {
                let message = format!("is {quantile}; use 0.5 to 0.999, usually 0.95");
                problems.add(format!("{path}.delay"), message);
            }
        }
    }
    if hedge.max_extra.get() <= 0.0 {
        problems.add(format!("{path}.max_extra"), "is zero; use Hedge::none() for no hedges");
    }
}

/// Checks the budget that stands at `path`.
pub(super) fn budget(budget: &RetryBudget, path: &str, problems: &mut Problems) {
    let at = |what: &str| format!("{path}.{what}");
    match budget {
        RetryBudget::Successes(knobs) => {
            check_ratio(knobs.ratio, &at("ratio"), problems);
            check_within(knobs.burst, 1..=Successes::MAX_BURST, &at("burst"), problems);
            if knobs.floor.is_some_and(|floor| floor.is_zero()) {
                problems.add(at("floor"), "is zero, and would bound nothing; use None for no floor, usually 10 s");
            }
        }
        RetryBudget::Finagle(knobs) => {
            check_ratio(knobs.ratio, &at("ratio"), problems);
            if !(Duration::from_secs(1)..=Duration::from_secs(60)).contains(&knobs.window) {
                problems.add(at("window"), format!("is {:?}; use 1 s to 60 s, usually 10 s", knobs.window));
            }
        }
        RetryBudget::Grpc(knobs) => {
            check_within(knobs.max_tokens, 1..=1000, &at("max_tokens"), problems);
            if !(knobs.ratio > 0.0 && knobs.ratio <= MAX_BUDGET_RATIO) {
                let message =
                    format!("is {}; use more than 0 and at most {MAX_BUDGET_RATIO}, usually 0.1", knobs.ratio);
                problems.add(at("ratio"), message);
            }
        }
        RetryBudget::Aws(knobs) => {
            let capacities = 1..=Successes::MAX_BURST;
            check_within(knobs.capacity, capacities.clone(), &at("capacity"), problems);
            // A capacity that is wrong says nothing about what it holds.
            let most = if capacities.contains(&knobs.capacity) { knobs.capacity } else { u32::MAX };
            for (name, cost) in [("retry_cost", knobs.retry_cost), ("timeout_cost", knobs.timeout_cost)] {
                if cost == 0 {
                    problems.add(at(name), "is 0, and would bound nothing; use 1 or more");
                } else if cost > most {
                    let message = format!("is {cost}, which is above the capacity of {most}, and would never be there");
                    problems.add(at(name), format!("{message}; lower it"));
                }
            }
        }
        // All that can be said of these is sound.
        RetryBudget::Envoy(_) | RetryBudget::Unbounded => {}
    }
}

fn check_ratio(ratio: f64, path: &str, problems: &mut Problems) {
    check_within(ratio, 0.0..=MAX_BUDGET_RATIO, path, problems);
}

fn check_within<T: PartialOrd + Display + Copy>(
    value: T,
    range: RangeInclusive<T>,
    path: &str,
    problems: &mut Problems,
) {
    if !range.contains(&value) {
        problems.add(path, format!("is {value}; use {} to {}", range.start(), range.end()));
    }
}
