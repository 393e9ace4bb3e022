//! Every problem of what takes an endpoint out, with its exact path and text.

use crate::error::Problems;
use crate::table::check_outlier;
use crate::table::{FailureRatio, Latency, Outlier, Rules, SuccessRate};
use crate::unit::Ratio;
use std::time::Duration;

fn told(outlier: Outlier) -> Vec<String> {
    let mut problems = Problems::default();
    check_outlier::outlier(&outlier, "outlier", &mut problems);
    problems.into_result().map_or_else(|error| error.problems().iter().map(ToString::to_string).collect(), |()| vec![])
}

#[test]
fn what_comes_with_the_crate_is_sound() {
    let all = [Outlier::default(), Outlier::none(), Outlier::envoy(), Outlier::a50(), Outlier::default().shadow()];
    for one in all.map(|one| one.latency(Latency::default())) {
        assert_eq!(told(one), [""; 0], "{one:?}");
    }
    assert_eq!((Outlier::envoy().like, Outlier::a50().like), (Rules::Envoy, Rules::A50));
}

#[test]
fn each_bound_is_within_the_range() {
    let longest = Duration::from_secs(86_400);
    for one in [
        Outlier::default().consecutive(1).window(Duration::from_secs(1)).probes(1, 1).max_ejected(Ratio::ZERO),
        Outlier::default().consecutive(1_000_000).window(Duration::from_secs(600)).probes(1000, 1000),
        Outlier::default().times(longest, longest),
        Outlier::default().times(Duration::from_nanos(1), Duration::from_nanos(1)),
        Outlier::default().success_rate(SuccessRate {
            min_endpoints: 2,
            min_requests: 1_000_000,
            deviations: 10.0,
            floor: Ratio::ONE,
        }),
        Outlier::default().failure_ratio(FailureRatio { threshold: Ratio::ONE, min_endpoints: 1, min_requests: 1 }),
        Outlier::default().latency(Latency {
            factor: 100.0,
            min_endpoints: 2,
            min_requests: 1,
            min_excess: Duration::ZERO,
        }),
    ] {
        assert_eq!(told(one), [""; 0], "{one:?}");
    }
}

#[test]
fn counts_have_ranges() {
    assert_eq!(told(Outlier::default().consecutive(0)), ["outlier.consecutive: is 0; use 1 to 1000000"]);
    assert_eq!(
        told(Outlier::default().probes(0, 1001)),
        ["outlier.probes: is 0; use 1 to 1000", "outlier.successes: is 1001; use 1 to 1000"]
    );
}

#[test]
fn times_have_ranges_and_an_order() {
    let second = Duration::from_secs(1);
    assert_eq!(
        told(Outlier::default().window(Duration::from_millis(999))),
        ["outlier.window: is 999ms; use 1 s to 600 s, usually 10 s"]
    );
    assert_eq!(
        told(Outlier::default().times(Duration::ZERO, second)),
        ["outlier.base: is zero, and nothing would stay out; use a time, usually 30 s"]
    );
    assert_eq!(
        told(Outlier::default().times(second * 2, second)),
        ["outlier.base: is 2s, which is above max; lower it, or raise max from 1s"]
    );
    assert_eq!(
        told(Outlier::default().times(second, second * 86_401)),
        ["outlier.max: is 86401s; use at most a day, usually 300 s"]
    );
}

#[test]
fn the_success_rate_has_ranges() {
    let rule = SuccessRate { min_endpoints: 1, min_requests: 0, deviations: f64::NAN, floor: Ratio::ZERO };
    assert_eq!(
        told(Outlier::default().success_rate(rule)),
        [
            "outlier.success_rate.min_endpoints: is 1; use 2 to 1000000",
            "outlier.success_rate.min_requests: is 0; use 1 to 1000000",
            "outlier.success_rate.deviations: is NaN; use more than 0 and at most 10, usually 1.9",
            "outlier.success_rate.floor: is zero, and nothing would ever be ejected; leave the rule out, or use more than 0",
        ]
    );
}

#[test]
fn the_failure_ratio_has_ranges() {
    let rule = FailureRatio { threshold: Ratio::ZERO, min_endpoints: 0, min_requests: 1_000_001 };
    assert_eq!(
        told(Outlier::default().failure_ratio(rule)),
        [
            "outlier.failure_ratio.threshold: is zero, and everything would be ejected; leave the rule out, or use more than 0",
            "outlier.failure_ratio.min_endpoints: is 0; use 1 to 1000000",
            "outlier.failure_ratio.min_requests: is 1000001; use 1 to 1000000",
        ]
    );
}

#[test]
fn the_latency_has_ranges() {
    let rule = Latency { factor: 1.0, min_endpoints: 1, min_requests: 0, min_excess: Duration::ZERO };
    assert_eq!(
        told(Outlier::default().latency(rule)),
        [
            "outlier.latency.factor: is 1; use more than 1 and at most 100, usually 3",
            "outlier.latency.min_endpoints: is 1; use 2 to 1000000",
            "outlier.latency.min_requests: is 0; use 1 to 1000000",
        ]
    );
}
