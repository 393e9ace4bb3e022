//! The exact split of a route.

use super::specs::problems;
use super::vectors::{float, vector};
use crate::table::{RouteSpec, TableSpec, Weighted};
use proptest::prelude::*;
use serde_json::Value;

/// How many points of the line each target has.
fn points(split: &Weighted<u32>, targets: usize) -> Vec<u64> {
    let mut points = vec![0; targets];
    (0..split.total()).for_each(|point| points[*split.at(point).unwrap().target as usize] += 1);
    points
}

// Zuul 1's `WeightedLoadBalancer` asks `random(10000) <= permyriad`, so a weight of zero still gets one in 10 000. The
// shares are those of `zuul1_weighted_bugs` in the shared `traffic.json`.
// I-07
#[test]
fn a_permyriad_has_exactly_its_points_and_zero_has_none() {
    for (permyriad, share) in [(0, 0.0), (1, 0.0001), (500, 0.05), (10_000, 1.0)] {
        let split = Weighted::new([(0, permyriad), (1, 10_000 - permyriad)]);
        let points = points(&split, 2);
        assert_eq!(points, [permyriad, 10_000 - permyriad]);
        assert!((points[0] as f64 / split.total() as f64 - share).abs() < f64::EPSILON);
        assert!(split.at(10_000).is_none());
    }
}

#[test]
fn nothing_to_choose_is_nobody() {
    for none in [Weighted::new([]), Weighted::new([(0, 0)])] {
        assert_eq!(none.total(), 0);
        assert!(none.at(0).is_none());
    }
}

#[test]
fn the_greatest_weights_sum_without_overflow() {
    let split = Weighted::new((0..1000).map(|target| (target, u64::from(u32::MAX))));
    assert_eq!(split.total(), 1000 * u64::from(u32::MAX));
    assert_eq!(split.at(split.total() - 1).map(|last| *last.target), Some(999));
}

#[test]
fn weights_mean_what_they_mean_in_the_gateway_api() {
    let vector = vector("gw-weights");
    let cases = vector["inputs"]["cases"].as_array().unwrap();
    let [even, zero, invalid] = &cases[..] else { panic!("three cases") };
    for (case, expected) in [even, zero].into_iter().zip(vector["expected"].as_array().unwrap()) {
        let table = backends(case).build().unwrap();
        let shares: Vec<f64> = table.route("all").unwrap().split().map(|(_, share)| share.get()).collect();
        let expected: Vec<f64> = expected["share"].as_array().unwrap().iter().map(float).collect();
        assert_eq!(shares, expected, "{case}");
    }
    // A share of errors there; here the table is refused, so nothing is redistributed in silence either.
    assert_eq!(
        problems(backends(invalid)),
        ["routes.all.split.b1: names a cluster that does not exist; did you mean `b0`?"]
    );
}

/// A route that splits over clusters `b0`, `b1`; without a weight where the case has none, without the cluster where the
/// case has it invalid.
fn backends(case: &Value) -> TableSpec {
    let weights = case["weights"].as_array().unwrap();
    let is_invalid = |at: usize| case["invalid"].as_array().is_some_and(|all| all.contains(&at.into()));
    let mut spec = TableSpec::new();
    for at in (0..weights.len()).filter(|&at| !is_invalid(at)) {
        spec = spec.cluster(format!("b{at}"), |c| c.region("us", |r| r.endpoint("a", "10.0.0.1:80")));
    }
    let add = |route: RouteSpec, (at, weight): (usize, &Value)| match weight.as_u64() {
        Some(weight) => route.split([(format!("b{at}"), weight as u32)]),
        None => route.to(format!("b{at}")),
    };
    spec.route("all", |route| weights.iter().enumerate().fold(route.any(), add))
}

proptest! {
    #![proptest_config(crate::property_config())]

    // I-07, I-08, I-15
    #[test]
    fn every_target_has_exactly_its_weight_in_points(weights in prop::collection::vec(0u64..50, 0..10)) {
        let split = Weighted::new((0..).zip(weights.iter().copied()));
        prop_assert_eq!(points(&split, weights.len()), weights);
    }
}
