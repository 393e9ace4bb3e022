//! Slow start, as Envoy's.

use super::vectors::{float, vector};
use crate::table::SlowStart;
use crate::unit::Ratio;
use std::time::Duration;

const MINUTE: SlowStart = SlowStart::over(Duration::from_secs(60));

#[test]
fn every_row_of_envoys_formula_is_ours() {
    let vector = vector("slow-start");
    let cases = vector["inputs"]["cases"].as_array().unwrap();
    let expected = vector["expected"].as_array().unwrap();
    assert_eq!((cases.len(), vector["inputs"]["min_pct"].as_u64()), (expected.len(), Some(10)));
    let window = Duration::from_secs_f64(float(&vector["inputs"]["window_s"]));
    for (case, expected) in cases.iter().zip(expected) {
        let slow_start = SlowStart::over(window).aggression(float(&case["aggression"]));
        let factor = slow_start.factor(Duration::from_secs_f64(float(&case["t_s"])));
        assert!((factor - float(expected)).abs() < 1e-6, "{case}: {factor} is not {expected}");
    }
}

// I-26: it never falls while the endpoint ages.
#[test]
fn the_factor_is_a_function_of_the_age_that_never_falls_and_ends_at_one() {
    for aggression in [0.01, 0.5, 1.0, 2.0, 100.0] {
        let slow_start = MINUTE.aggression(aggression);
        let factors: Vec<_> = (0..=6_100).map(|step| slow_start.factor(Duration::from_millis(step * 10))).collect();
        assert!(factors.is_sorted(), "aggression {aggression}");
        assert!(factors[0] >= 0.1 && factors[6_000..].iter().all(|factor| (factor - 1.0).abs() < f64::EPSILON));
    }
}

#[test]
fn without_a_floor_it_starts_at_a_millisecond_not_at_zero() {
    let factor = MINUTE.floor(Ratio::ZERO).factor(Duration::ZERO);
    assert!((factor - 1.0 / 60_000.0).abs() < 1e-12, "{factor}");
}

#[test]
fn the_age_of_a_factor_is_where_the_ramp_reaches_it() {
    for aggression in [0.5, 1.0, 2.0] {
        let slow_start = MINUTE.floor(Ratio::ZERO).aggression(aggression);
        for factor in [0.25, 0.5, 0.75] {
            let reached = slow_start.factor(slow_start.age_at(factor));
            assert!((reached - factor).abs() < 1e-6, "{reached} is not {factor}, aggression {aggression}");
        }
    }
    assert_eq!(MINUTE.age_at(1.0), Duration::from_secs(60));
    assert_eq!(MINUTE.age_at(65.0 / 64.0), Duration::from_secs(60));
}
