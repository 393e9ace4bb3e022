//! The checks on a limit: its algorithm's knobs, its queue, its partitions.

use super::limit::{Algorithm, Limit, Partition, Queue};
use super::spec::{ClusterSpec, RouteSpec};
use crate::error::Problems;
use crate::id::Name;
use crate::unit::Ratio;
use std::time::Duration;

/// The most partitions of one limit: a limiter looks at each of them when a place becomes free.
const MAX_PARTITIONS: usize = 16;

/// By how much guarantees may be above all: what tenths and thirds lose when they are added up.
const SLACK: f64 = 1e-9;

/// Checks the limits of a cluster and of its regions.
pub(super) fn cluster(cluster: &ClusterSpec, problems: &mut Problems) {
    let path = format!("clusters.{}", cluster.name);
    if let Some(own) = &cluster.limit {
        limit(own, &format!("{path}.limit"), problems);
    }
    if let Some(count) = cluster.endpoint_limit {
        check_count(count, &format!("{path}.endpoint_limit"), problems);
    }
    for region in &cluster.regions {
        let Some(own) = &region.limit else { continue };
        let path = format!("{path}.regions.{}.limit", region.name);
        limit(own, &path, problems);
        if !own.partitions.is_empty() {
            problems.add(format!("{path}.partitions"), "are the cluster's; set them on its limit, for all its regions");
        }
    }
}

/// Checks the limit of a route.
pub(super) fn route(route: &RouteSpec, problems: &mut Problems) {
    if let Some(own) = &route.limit {
        limit(own, &format!("routes.{}.limit", route.name), problems);
    }
}

/// Checks the limit that stands at `path`.
pub(super) fn limit(limit: &Limit, path: &str, problems: &mut Problems) {
    check_algorithm(&limit.algorithm, path, problems);
    if let Some(queue) = &limit.queue {
        check_queue(queue, &format!("{path}.queue"), problems);
    }
    check_partitions(&limit.partitions, &format!("{path}.partitions"), problems);
}

fn check_algorithm(algorithm: &Algorithm, path: &str, problems: &mut Problems) {
    match algorithm {
        Algorithm::Fixed(limit) => check_count(*limit, path, problems),
        Algorithm::Adaptive(knobs) => {
            check_bounds(knobs.initial, knobs.min, knobs.max, path, problems);
            check_objective(knobs.objective, path, problems);
        }
        Algorithm::Aimd(knobs) => {
            check_bounds(knobs.initial, knobs.min, knobs.max, path, problems);
            let backoff = knobs.backoff.get();
            if !(0.5..1.0).contains(&backoff) {
                let message = format!("is {backoff}; use 0.5 to below 1, usually 0.9");
                problems.add(format!("{path}.backoff"), message);
            }
            check_objective(Some(knobs.objective), path, problems);
        }
        Algorithm::Vegas(knobs) => {
            check_bounds(knobs.initial, 1, knobs.max, path, problems);
            check_smoothing(knobs.smoothing, path, problems);
        }
        Algorithm::Gradient2(knobs) => {
            check_bounds(knobs.initial, knobs.min, knobs.max, path, problems);
            check_smoothing(knobs.smoothing, path, problems);
            let tolerance = knobs.tolerance;
            if !(tolerance >= 1.0 && tolerance.is_finite()) {
                let message = format!("is {tolerance}; use a number from 1 on, usually 1.5");
                problems.add(format!("{path}.tolerance"), message);
            }
            if knobs.long_window == 0 {
                problems.add(format!("{path}.long_window"), "is 0; use 1 or more, usually 600");
            }
        }
        // What is in it is the user's.
        Algorithm::Custom(_) => {}
    }
}

/// A number of requests.
fn check_count(count: u32, path: &str, problems: &mut Problems) {
    if !(1..=Limit::MAX).contains(&count) {
        problems.add(path, format!("is {count}; use 1 to {}", Limit::MAX));
    }
}

/// One problem for one mistake: bounds that are wrong say nothing about what is between them.
fn check_bounds(initial: u32, min: u32, max: u32, path: &str, problems: &mut Problems) {
    let counts = 1..=Limit::MAX;
    check_count(max, &format!("{path}.max"), problems);
    check_count(min, &format!("{path}.min"), problems);
    if !(counts.contains(&min) && counts.contains(&max)) {
        return;
    }
    if min > max {
        problems.add(format!("{path}.min"), format!("is {min}, which is above max; lower it, or raise max from {max}"));
    } else if !(min..=max).contains(&initial) {
        problems.add(format!("{path}.initial"), format!("is {initial}; use {min} to {max}, which are min and max"));
    }
}

fn check_objective(objective: Option<Duration>, path: &str, problems: &mut Problems) {
    if objective.is_some_and(|objective| objective.is_zero()) {
        let message = "is zero, and every answer would be late; use two to three times the 99th percentile";
        problems.add(format!("{path}.objective"), message);
    }
}

fn check_smoothing(smoothing: Ratio, path: &str, problems: &mut Problems) {
    if smoothing.get() <= 0.0 {
        let message = "is zero, and the limit would never change; use more than 0 and at most 1";
        problems.add(format!("{path}.smoothing"), message);
    }
}

fn check_queue(queue: &Queue, path: &str, problems: &mut Problems) {
    if queue.max_len == 0 {
        problems.add(format!("{path}.max_len"), "is 0; leave the queue out instead");
    } else {
        check_count(queue.max_len, &format!("{path}.max_len"), problems);
    }
    let times = [
        ("max_wait", queue.max_wait, "leave the queue out instead"),
        ("target", queue.target, "use the wait that is no congestion, usually 5 ms"),
        ("interval", queue.interval, "use the time over which the shortest wait is taken, usually 100 ms"),
        ("ageing", queue.ageing, "use Duration::MAX for no ageing"),
    ];
    for (name, time, advice) in times {
        if time.is_zero() {
            problems.add(format!("{path}.{name}"), format!("is zero; {advice}"));
        }
    }
}

fn check_partitions(partitions: &[Partition], path: &str, problems: &mut Problems) {
    for (place, partition) in partitions.iter().enumerate() {
        let path = format!("{path}.{}", partition.name);
        if let Err(message) = Name::new(&partition.name) {
            problems.add(&path, format!("the name {message}"));
        }
        // Told of the second only: three of a kind are one problem.
        if partitions[..place].iter().filter(|other| other.name == partition.name).count() == 1 {
            problems.add(&path, "exists twice; give one of them another name");
        }
        if partition.guarantee.get() <= 0.0 {
            problems.add(format!("{path}.guarantee"), "is zero; give it a part of the limit, or remove the partition");
        }
        if partition.when.is_empty() {
            problems.add(format!("{path}.when"), "is empty; say which requests it takes, or remove the partition");
        }
    }
    if partitions.len() > MAX_PARTITIONS {
        problems.add(path, format!("has more than {MAX_PARTITIONS} partitions; merge some"));
    }
    let sum: f64 = partitions.iter().map(|partition| partition.guarantee.get()).sum();
    if sum > 1.0 + SLACK {
        // Without the digits that only the addition made.
        let shown = (sum * 1e9).round() / 1e9;
        problems.add(path, format!("guarantee {shown} together; lower them to 1 or less in all"));
    }
}
