//! [`Gradient2`] against the formula that Netflix has and the rule for drops that it does not have.

use super::samples::{dropped, success};
use super::vectors::{after_each, number_or, vector};
use crate::entropy::{Entropy, below};
use crate::state::limit::gradient2::Gradient2;
use crate::table::{self, LimitAlgorithm};
use crate::unit::Ratio;

fn from(initial: u32, min: u32) -> Gradient2 {
    Gradient2::new(&table::Gradient2 { initial, min, ..table::Gradient2::default() })
}

#[test]
fn it_follows_netflixs_formula() {
    for id in ["gradient2-1", "gradient2-2", "gradient2-3", "gradient2-4"] {
        let vector = vector(id);
        let mut gradient = from(number_or(&vector["initial"], 20), 20);
        let estimates = after_each(&vector, &mut gradient, |gradient| gradient.estimate);
        let expected: Vec<_> = vector["limits_f"].as_array().unwrap().iter().map(|it| it.as_f64().unwrap()).collect();
        assert_eq!(estimates.len(), expected.len());
        for (estimate, expected) in estimates.iter().zip(&expected) {
            assert!((estimate - expected).abs() < 1e-6, "{id}: {estimates:?}");
        }
    }
}

#[test]
fn each_knob_counts() {
    let smoothing = Ratio::percent(50);
    let knobs =
        table::Gradient2 { initial: 100, min: 1, max: 115, smoothing, queue: 10, tolerance: 2.0, long_window: 3 };
    let mut gradient = Gradient2::new(&knobs);
    let mut after = |milliseconds| {
        gradient.observe(&success(milliseconds, 100));
        gradient.estimate
    };
    assert!((after(10) - 105.0).abs() < 1e-9, "half of a queue of 10");
    // The mean is 40, half of what it took.
    assert!((after(70) - 110.0).abs() < 1e-9, "as slow as is tolerated");
    // The mean is 120, and the gradient 240 / 280.
    let slower = 110.0 * (1.0 + 240.0 / 280.0) / 2.0 + 5.0;
    assert!((after(280) - slower).abs() < 1e-9, "slower than is tolerated");
    (0..7).for_each(|_| _ = after(120));
    assert!((after(120) - 115.0).abs() < 1e-9, "no more than the most");
    // The mean of ten was 120; of what is new the average takes 2 / (3 + 1).
    after(200);
    assert!((gradient.long.value - 160e6).abs() < 1.0, "{:?}", gradient.long);
}

#[test]
fn the_limit_is_the_estimate_rounded_down() {
    let mut gradient = from(20, 20);
    let mut limits = Vec::new();
    for _ in 0..4 {
        gradient.observe(&success(10, 20));
        limits.push(gradient.limit());
    }
    assert_eq!(limits, [20, 21, 22, 23], "of 20.8, 21.6, 22.4, 23.2");
}

#[test]
fn the_average_begins_as_a_mean_of_ten_and_learns_while_the_limit_is_unused() {
    let mut gradient = from(50, 20);
    (1..=10).for_each(|milliseconds| gradient.observe(&success(milliseconds, 0)));
    assert!((gradient.long.value - 5.5e6).abs() < 1.0, "{:?}", gradient.long);
    gradient.observe(&success(10, 0));
    // 2 / (600 + 1) of the way from 5.5 to 10.
    assert!((gradient.long.value - 5.514_975e6).abs() < 1.0, "{:?}", gradient.long);
    assert_eq!(gradient.limit(), 50);
}

#[test]
fn an_average_of_an_overload_that_has_ended_is_forgotten_in_dozens_of_samples() {
    let mut gradient = from(50, 20);
    (0..1000).for_each(|_| gradient.observe(&success(100, 50)));
    (0..40).for_each(|_| gradient.observe(&success(10, 50)));
    assert!(gradient.long.value < 21e6, "{:?}", gradient.long);
    (0..40).for_each(|_| gradient.observe(&success(10, 50)));
    assert!(gradient.long.value > 15e6, "half the average is not less than half: {:?}", gradient.long);
}

#[test]
fn a_drop_counts_the_same_however_quick_and_teaches_the_average_nothing() {
    let mut before = from(100, 20);
    before.observe(&success(10, 100));
    let long = before.long.value;
    for milliseconds in [0, 10, 100_000] {
        let mut gradient = from(100, 20);
        gradient.observe(&success(10, 100));
        gradient.observe(&dropped(milliseconds, 0));
        // A fifth of the way from 100.8 to 50.4 - 16.
        assert!((gradient.estimate - 87.52).abs() < 1e-9, "{milliseconds}: {}", gradient.estimate);
        assert!((gradient.long.value - long).abs() < 1.0);
    }
}

/// The limit after so many samples, each `apart`th a drop and the others as quick as usual: the most of the last hundred.
fn settled(apart: u32, initial: u32, min: u32, milliseconds_of_a_drop: u64) -> f64 {
    let mut gradient = from(initial, min);
    let mut most = 0.0f64;
    for count in 1..=3000 {
        let in_flight = gradient.limit();
        if count % apart == 0 {
            gradient.observe(&dropped(milliseconds_of_a_drop, in_flight));
        } else {
            gradient.observe(&success(10, in_flight));
        }
        most = if count > 2900 { most.max(gradient.estimate) } else { 0.0 };
    }
    most
}

#[test]
fn it_falls_to_its_least_where_a_fifth_or_more_are_drops() {
    for apart in 1..=5 {
        for (initial, min) in [(20, 20), (200, 20), (200, 1)] {
            for milliseconds in [1, 1000] {
                let most = settled(apart, initial, min, milliseconds);
                // Four answers add four times 0.8, and the drop after them takes it back.
                assert!(most <= f64::from(min) + 3.3, "1 of {apart} from {initial} to {min}: {most}");
            }
        }
    }
}

#[test]
fn where_drops_come_at_random_it_falls_to_its_least_and_stays_near_it() {
    let entropy = Entropy::seeded(1);
    for (min, one_of, above) in [(20, 5, 5.0), (20, 4, 3.5), (1, 5, 8.0), (1, 4, 5.0), (1, 2, 1.5)] {
        let mut gradient = from(200, min);
        let (mut sum, mut lowest) = (0.0, 200);
        for count in 0..20_000 {
            let in_flight = gradient.limit();
            let is_drop = below(entropy.word(), one_of) == 0;
            gradient.observe(&if is_drop { dropped(1000, in_flight) } else { success(10, in_flight) });
            lowest = lowest.min(gradient.limit());
            sum += if count >= 10_000 { gradient.estimate } else { 0.0 };
        }
        let mean = sum / 10_000.0;
        assert_eq!(lowest, min, "1 of {one_of}");
        assert!(mean < f64::from(min) + above, "1 of {one_of} to {min}: {mean}");
    }
}

#[test]
fn below_a_fifth_it_rests_where_the_docs_say() {
    // 2 x queue x (1 - 5p) / p: 40 for a tenth, 120 for a twentieth. The most of a period is some above the mean.
    let tenth = settled(10, 200, 20, 1000);
    assert!((40.0..46.0).contains(&tenth), "{tenth}");
    let twentieth = settled(20, 200, 20, 1000);
    assert!((120.0..130.0).contains(&twentieth), "{twentieth}");
    let fiftieth = settled(50, 20, 20, 1000);
    assert!(fiftieth > 199.0, "{fiftieth}");
}
