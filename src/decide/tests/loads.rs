//! Picks that read loads, and endpoints that warm up.

use super::snapshots::{endpoint, one_region, publish, snapshot, weighted};
use super::vectors::{float, vector};
use crate::entropy::{Draws, Entropy};
use crate::protocol::{Facts, Outcome};
use crate::state::{Permit, Registry, Snapshot};
use crate::table::{Pick, SlowStart};
use crate::time::{Clock, Instant};
use crate::unit::Ratio;
use std::time::Duration;

/// Requests in flight at the endpoint of that name, as many as asked for.
fn load(snapshot: &Snapshot, name: &str, count: u64) -> Vec<Permit> {
    let mut decisions =
        (0..).map(|word| snapshot.decide(&Facts::path("/"), Draws::from_word(word), Instant::START).unwrap());
    let there = |decision: &_| snapshot.endpoint(decision).is_some_and(|endpoint| *endpoint.name() == *name);
    // All by one decision: a second one might go elsewhere.
    let decision = decisions.find(|decision| there(decision)).unwrap();
    (0..count).map(|_| snapshot.begin(&decision, Instant::START).unwrap()).collect()
}

/// Of so many requests, those that go to the endpoint `0`.
fn to_the_first(snapshot: &Snapshot, requests: u64) -> u64 {
    (0..requests).filter(|&word| endpoint(snapshot, word, Instant::START) == "0").count() as u64
}

// Envoy divides the weight by `active + 1` and draws by the result. We draw two by weight and compare `active / weight`.
#[test]
fn a_weight_of_two_carries_twice_the_requests_in_flight() {
    let vector = vector("least-request-weight");
    let (weight, active) = (vector["inputs"]["weight"].as_u64().unwrap(), vector["inputs"]["active"].as_u64().unwrap());
    let per_weight = active / weight;
    let spec = || one_region(|r| weighted(r, &[weight as u32, 1]), |r| r.pick(Pick::LeastInFlight));
    for (rival, share) in [(per_weight - 1, 0.0), (per_weight, 2.0 / 3.0), (per_weight + 1, 1.0)] {
        let snapshot = snapshot(spec());
        let _heavy = load(&snapshot, "0", active);
        let _light = load(&snapshot, "1", rival);
        // At a tie the first drawn: idle endpoints share by weight too. 10 000 draws, four deviations.
        let observed = to_the_first(&snapshot, 10_000) as f64 / 10_000.0;
        assert!((observed - share).abs() < 0.02, "{active} against {rival}: {observed}");
    }
    // Where we are even, it still prefers this one: 2 / 5 against 1 / 3.
    let theirs = |weight: u64, active: u64| weight as f64 / (active + 1) as f64;
    assert!((theirs(weight, active) - float(&vector["expected"])).abs() < f64::EPSILON);
    assert!(theirs(1, per_weight) < theirs(weight, active));
}

#[test]
fn an_endpoint_without_a_sample_gets_one_request_and_costs_finagles_penalty_until_it_answers() {
    let cold = vector("peak-ewma-cold");
    assert_eq!(cold["inputs"]["pending"], 1);
    let rule = cold["expected"]["finagle"].as_str().unwrap();
    let penalty: u64 = rule.rsplit(' ').next().unwrap().parse().unwrap();

    let snapshot = snapshot(one_region(|r| weighted(r, &[1, 1]), |r| r.pick(Pick::PeakEwma)));
    let [measured, fresh] = &*snapshot.cluster(0).regions[0].endpoints else { panic!("two endpoints") };
    load(&snapshot, "0", 1)[0].answered(Outcome::Success, Instant::from_nanos(1_000_000_000));
    let now = Instant::from_nanos(1_000_000_000);
    assert_eq!((measured.cost(now), fresh.cost(now)), (1_000_000_000, 0));
    assert!((0..100).all(|word| endpoint(&snapshot, word, now) == "1"), "idle and unmeasured is tried first");
    let decision = snapshot.decide(&Facts::path("/"), Draws::from_word(0), now).unwrap();
    let mut permit = snapshot.begin(&decision, now).unwrap();
    assert_eq!(fresh.cost(now), penalty);
    assert!((0..100).all(|word| endpoint(&snapshot, word, now) == "0"), "but not with a second request");
    permit.answered(Outcome::Success, now.after(Duration::from_millis(10)));
    assert!((0..100).all(|word| endpoint(&snapshot, word, now.after(Duration::from_millis(10))) == "1"));
}

// HAProxy's `slowstart`: a line from 1% to 100%, never at the start of the process.
#[test]
fn an_endpoint_that_joins_warms_up_from_its_floor_and_one_that_was_there_at_the_start_does_not() {
    let vector = vector("slow-start-haproxy");
    assert!(vector["expected"]["rule"].as_str().unwrap().contains("grow linearly 1%->100%"));
    let window = Duration::from_secs(vector["inputs"]["slowstart_s"].as_u64().unwrap());
    let weight = vector["inputs"]["weight"].as_u64().unwrap() as u32;
    let spec = |weights: &[u32]| {
        one_region(|r| weighted(r, weights), |r| r).slow_start(SlowStart::over(window).floor(Ratio::percent(1)))
    };
    let mut registry = Registry::new(Entropy::seeded(0), Clock::manual().0);
    let half = window.mul_f64(0.5);
    let start = publish(&mut registry, &spec(&[weight]).build().unwrap(), 1, Instant::START);
    assert_eq!(weights(&start), [64 * u64::from(weight)]);

    let joined = Instant::START.after(half);
    let grown = publish(&mut registry, &spec(&[weight, weight]).build().unwrap(), 2, joined);
    // In steps of 1/64, the least being one.
    assert_eq!(weights(&grown), [6400, 100]);
    for (age, step) in [(Duration::from_secs(5), 16), (half, 32), (window.mul_f64(0.999), 63), (window, 64)] {
        grown.rebuild_views(joined.after(age));
        assert_eq!(weights(&grown), [6400, step * 100], "{age:?}");
    }
}

/// The weights of the first region's endpoints now, in 64ths.
fn weights(snapshot: &Snapshot) -> Vec<u64> {
    let view = snapshot.cluster(0).view();
    let endpoints = &view.regions[0].endpoints;
    endpoints.iter().map(|drawn| endpoints.weight(drawn)).collect()
}
