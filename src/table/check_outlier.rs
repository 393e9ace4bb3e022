//! The checks on what takes an endpoint out.

use super::outlier::Outlier;
use crate::error::Problems;
use crate::unit::Ratio;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Below, a bucket is shorter than a request; above, what is over still counts.
const WINDOWS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

/// What one bucket can count.
const REQUESTS: RangeInclusive<u32> = 1..=1_000_000;

/// Failures in a row, and endpoints: more is a mistake of units.
const MANY: u32 = 1_000_000;

/// Probes at once, and successes of them.
const PROBES: RangeInclusive<u32> = 1..=1000;

/// Beyond the chance of ever being reached.
const MOST_DEVIATIONS: f64 = 10.0;

const MOST_FACTOR: f64 = 100.0;

/// Nobody waits longer for an endpoint.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Checks what takes an endpoint out, at this path.
pub(super) fn outlier(outlier: &Outlier, path: &str, problems: &mut Problems) {
    let at = |what: &str| format!("{path}.{what}");
    if let Some(failures) = outlier.consecutive {
        within(failures, 1..=MANY, &at("consecutive"), problems);
    }
    if !WINDOWS.contains(&outlier.window) {
        problems.add(at("window"), format!("is {:?}; use 1 s to 600 s, usually 10 s", outlier.window));
    }
    if let Some(rule) = &outlier.success_rate {
        within(rule.min_endpoints, 2..=MANY, &at("success_rate.min_endpoints"), problems);
        within(rule.min_requests, REQUESTS, &at("success_rate.min_requests"), problems);
        if !(rule.deviations > 0.0 && rule.deviations <= MOST_DEVIATIONS) {
            let message = format!("is {}; use more than 0 and at most {MOST_DEVIATIONS}, usually 1.9", rule.deviations);
            problems.add(at("success_rate.deviations"), message);
        }
        not_zero(rule.floor, "nothing would ever be ejected", &at("success_rate.floor"), problems);
    }
    if let Some(rule) = &outlier.failure_ratio {
        not_zero(rule.threshold, "everything would be ejected", &at("failure_ratio.threshold"), problems);
        within(rule.min_endpoints, 1..=MANY, &at("failure_ratio.min_endpoints"), problems);
        within(rule.min_requests, REQUESTS, &at("failure_ratio.min_requests"), problems);
    }
    if let Some(rule) = &outlier.latency {
        if !(rule.factor > 1.0 && rule.factor <= MOST_FACTOR) {
            let message = format!("is {}; use more than 1 and at most {MOST_FACTOR}, usually 3", rule.factor);
            problems.add(at("latency.factor"), message);
        }
        within(rule.min_endpoints, 2..=MANY, &at("latency.min_endpoints"), problems);
        within(rule.min_requests, REQUESTS, &at("latency.min_requests"), problems);
    }
    times(outlier.base, outlier.max, &at("base"), &at("max"), problems);
    within(outlier.probes, PROBES, &at("probes"), problems);
    within(outlier.successes, PROBES, &at("successes"), problems);
}

fn times(base: Duration, max: Duration, at_base: &str, at_max: &str, problems: &mut Problems) {
    if base.is_zero() {
        problems.add(at_base, "is zero, and nothing would stay out; use a time, usually 30 s");
    }
    if max > LONGEST {
        problems.add(at_max, format!("is {max:?}; use at most a day, usually 300 s"));
    } else if base > max {
        problems.add(at_base, format!("is {base:?}, which is above max; lower it, or raise max from {max:?}"));
    }
}

fn not_zero(ratio: Ratio, and: &str, path: &str, problems: &mut Problems) {
    if ratio.get() <= 0.0 {
        problems.add(path, format!("is zero, and {and}; leave the rule out, or use more than 0"));
    }
}

fn within<T: PartialOrd + Display + Copy>(value: T, range: RangeInclusive<T>, path: &str, problems: &mut Problems) {
    if !range.contains(&value) {
        problems.add(path, format!("is {value}; use {} to {}", range.start(), range.end()));
    }
}
