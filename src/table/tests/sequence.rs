//! Smooth weighted round robin against nginx, Envoy and gRPC, and its rounding.

use super::vectors::{float, numbers, vector};
use crate::table::sequence::{MAX_CYCLE, Sequence, Smooth};
use proptest::prelude::*;
use serde_json::Value;

/// How many turns each member has in a cycle.
fn turns(weights: &[u32]) -> Vec<u64> {
    let mut turns = vec![0; weights.len()];
    Sequence::new(weights).cycle().iter().for_each(|&member| turns[member as usize] += 1);
    turns
}

/// The first picks of a cycle that begins at its first turn.
fn picks(weights: &[u32], count: u64) -> Vec<u32> {
    let sequence = Sequence::new(weights);
    (0..count).map(|ticket| sequence.turn(ticket).unwrap()).collect()
}

#[test]
fn a_cycle_is_nginxs() {
    for id in ["nginx-swrr-1-2", "nginx-swrr-3-2-1", "nginx-swrr-4-2-1", "nginx-swrr-10-1"] {
        let vector = vector(id);
        let expected: Vec<u32> = numbers(&vector["expected"]);
        assert_eq!(Sequence::new(&numbers::<u32>(&vector["inputs"]["weights"])).cycle(), expected, "{id}");
    }
    let vector = vector("nginx-swrr-511");
    let expected: Vec<u32> = numbers(&vector["expected"]["sequence"]);
    assert_eq!(Sequence::new(&numbers::<u32>(&vector["inputs"]["weights"])).cycle(), expected);
}

#[test]
fn the_current_weights_go_through_nginxs_rows() {
    let vector = vector("nginx-swrr-511");
    let signed = |row: &Value| row.as_array().unwrap().iter().map(|cell| cell.as_i64().unwrap()).collect::<Vec<_>>();
    let weights: Vec<u64> = numbers(&vector["inputs"]["weights"]);
    let mut smooth = Smooth::new(&weights);
    let rows = vector["expected"]["current_weight_before_after"].as_array().unwrap();
    for (row, picked) in rows.iter().zip(numbers::<u32>(&vector["expected"]["sequence"])) {
        // nginx shows them raised by the weights, before the highest pays for its turn.
        let raised: Vec<i64> = smooth.current().iter().zip(&weights).map(|(now, &by)| now + by.cast_signed()).collect();
        assert_eq!(raised, signed(&row[0]));
        assert_eq!(smooth.pick(), picked);
        assert_eq!(smooth.current(), signed(&row[1]));
    }
    assert_eq!(rows.len(), 7);
}

#[test]
fn it_follows_envoys_localities() {
    let vector = vector("locality-wrr-seq");
    let expected: Vec<u32> = numbers(&vector["expected"]);
    assert_eq!(picks(&numbers::<u32>(&vector["inputs"]["weights"]), 6), expected);
}

// I-07
#[test]
fn a_zero_weight_never_has_a_turn_and_all_zero_is_nobodys() {
    let vector = vector("locality-wrr-zero");
    let expected: Vec<u32> = numbers(&vector["expected"]);
    assert_eq!(picks(&numbers::<u32>(&vector["inputs"]["weights"]), 6), expected);
    assert_eq!(turns(&[3, 0, 2]), [3, 0, 2]);
    assert_eq!(Sequence::new(&[0, 0]).turn(5), None);
    assert_eq!(Sequence::new(&[]).turn(0), None);
}

// Registries draw the first ticket at random, so over young processes first picks are as the turns of one cycle.
#[test]
fn over_all_tickets_to_start_with_the_first_picks_are_in_proportion_to_the_weights() {
    let vector = vector("locality-wrr-fair-start");
    let weights: Vec<u32> = numbers(&vector["inputs"]["weights"]);
    let sequence = Sequence::new(&weights);
    let mut first = vec![0u64; weights.len()];
    (0..10).for_each(|ticket| first[sequence.turn(ticket).unwrap() as usize] += 1);
    assert_eq!(first, numbers::<u64>(&vector["expected"]["counts"]));
    // Wherever the counter stands, at its end too.
    let from = |ticket: u64| (0..10).map(|n| sequence.turn(ticket.wrapping_add(n)).unwrap()).collect::<Vec<_>>();
    assert_eq!(from(7), [&sequence.cycle()[7..], &sequence.cycle()[..7]].concat());
}

// What carries over of gRPC's static stride, which we do not build: shares. Ours are exact where it rounds to 16 bits
// (0.1 of 101.1 becomes 221 of 66 411, three times too much).
#[test]
fn turns_per_cycle_are_the_exact_weights_that_static_stride_aims_at() {
    for id in ["stride-1-2", "stride-1-2-3", "stride-0.1-1-100", "stride-1-1-40"] {
        let vector = vector(id);
        let weights = vector["inputs"]["weights"].as_array().unwrap();
        // Weights are whole numbers here; tenths become units.
        let scale = if weights.iter().all(Value::is_u64) { 1.0 } else { 10.0 };
        let weights: Vec<u32> = weights.iter().map(|weight| (float(weight) * scale).round() as u32).collect();
        let exact: Vec<u64> = weights.iter().map(|&weight| u64::from(weight)).collect();
        assert_eq!(turns(&weights), exact, "{id}");
    }
    // Where no bound of its binds, the shares are the same to its precision.
    let vector = vector("stride-1-2-3");
    let scaled: Vec<u64> = numbers(&vector["expected"]["scaled_weights"]);
    let of_all = |part: u64, all: &[u64]| part as f64 / all.iter().sum::<u64>() as f64;
    for (&ours, &theirs) in turns(&[1, 2, 3]).iter().zip(&scaled) {
        assert!((of_all(ours, &[1, 2, 3]) - of_all(theirs, &scaled)).abs() < 1.0 / 65_535.0);
    }
}

#[test]
fn equal_weights_take_turns_in_order_of_names() {
    assert_eq!(Sequence::new(&[7, 7, 7]).cycle(), [0, 1, 2]);
    assert_eq!(Sequence::new(&[0, 9, 0, 9]).cycle(), [1, 3]);
}

// I-09
#[test]
fn common_factors_change_nothing_and_the_greatest_weights_do_not_overflow() {
    assert_eq!(Sequence::new(&[500, 100, 100]).cycle(), Sequence::new(&[5, 1, 1]).cycle());
    assert_eq!(Sequence::new(&[u32::MAX; 3]).cycle(), [0, 1, 2]);
    assert_eq!(turns(&[u32::MAX, u32::MAX - 1]), [2048, 2048]);
}

#[test]
fn a_cycle_of_exactly_4096_turns_is_not_rounded() {
    assert_eq!(turns(&[4095, 1]), [4095, 1]);
    assert_eq!(turns(&[2049, 2047]), [2049, 2047]);
    // One more is: quotas 4094.0002 and 1.9998, so the second has the largest remainder.
    assert_eq!(turns(&[4095, 2]), [4094, 2]);
}

#[test]
fn what_is_left_of_a_rounded_cycle_goes_to_the_largest_remainders_and_ties_to_the_earlier_name() {
    // Quotas of 4096 for thirds that have no common divisor with the rest.
    assert_eq!(turns(&[4999, 5000, 5001]), [1365, 1365, 1366]);
    // Quotas 1365.5 and 1365.5 and 1365.
    assert_eq!(turns(&[2731, 2731, 2730]), [1366, 1365, 1365]);
}

#[test]
fn a_weight_too_light_for_a_turn_has_one_all_the_same() {
    assert_eq!(turns(&[1, u32::MAX]), [1, 4095]);
    assert_eq!(turns(&[1, 0, 1, 1_000_000]), [1, 0, 1, 4094]);
}

// Light weights take their turns from the others, among which those at the edge of being light then are too light as well.
// I-07
#[test]
fn a_rounded_cycle_is_never_longer_than_its_bound_however_many_are_lifted_to_a_turn() {
    // The middle ones have 1000 x 4096 >= 4 096 000, which is the sum, so at first they are not light.
    for (light, middle, heavy) in [(65, 65, 4_030_935), (512, 512, 3_583_488), (2, 4093, 2998)] {
        let turns = turns(&[vec![1; light], vec![1000; middle], vec![heavy]].concat());
        assert_eq!(turns.iter().sum::<u64>(), MAX_CYCLE as u64, "{light}, {middle}");
        assert!(turns.iter().all(|&turns| turns > 0), "{light}, {middle}");
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    // I-08
    #[test]
    fn every_cycle_up_to_the_bound_is_exact(weights in prop::collection::vec(0u32..300, 1..12), factor in 1u32..1000) {
        let sum = weights.iter().sum::<u32>();
        let scaled: Vec<_> = weights.iter().map(|weight| weight * factor).collect();
        let turns = turns(&scaled);
        let cycle: u64 = turns.iter().sum();
        prop_assert!(cycle <= u64::from(sum));
        for (&weight, &turns) in weights.iter().zip(&turns) {
            prop_assert_eq!(u64::from(weight) * cycle, turns * u64::from(sum));
        }
    }

    // I-07, I-08
    #[test]
    fn a_rounded_cycle_has_4096_turns_at_least_one_each_and_shares_within_a_turn(
        weights in prop::collection::vec(prop_oneof![4 => 1u32.., 4 => 1u32..50_000, 1 => Just(0), 1 => 1u32..10], 2..12),
    ) {
        let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, weight)).max(1);
        prop_assume!(sum / u64::from(divisor) > MAX_CYCLE as u64);
        let turns = turns(&weights);
        prop_assert_eq!(turns.iter().sum::<u64>(), MAX_CYCLE as u64);
        let light = |weight: u32| weight > 0 && u64::from(weight) * (MAX_CYCLE as u64) < sum;
        let lights = weights.iter().filter(|&&weight| light(weight)).count();
        for (&weight, &turns) in weights.iter().zip(&turns) {
            prop_assert_eq!(weight > 0, turns > 0);
            let error = (turns as f64 / MAX_CYCLE as f64 - f64::from(weight) / sum as f64).abs();
            // Each light one takes less than a turn that is not its own.
            prop_assert!(error < (1 + lights) as f64 / MAX_CYCLE as f64, "{weight} of {sum} has {turns}");
        }
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
