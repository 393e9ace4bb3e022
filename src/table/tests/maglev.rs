//! Maglev against its paper and Envoy, and what a removal moves.

use super::vectors::{float, numbers, vector};
use crate::table::hash::{Kind, stable_hash};
use crate::table::maglev::{MAX_SIZE, MaglevTable, fill, is_prime};
use proptest::prelude::*;

/// The table of so many endpoints of weight 1, by their first names' hashes.
fn equal(count: u32, size: Option<u32>) -> MaglevTable {
    weighted(&vec![1; count as usize], size)
}

fn weighted(weights: &[u32], size: Option<u32>) -> MaglevTable {
    MaglevTable::new(&named(weights), size)
}

fn named(weights: &[u32]) -> Vec<(u64, u32)> {
    let hash = |at: usize| stable_hash(0, Kind::Endpoint, format!("endpoint-{at:04}").as_bytes());
    weights.iter().enumerate().map(|(at, &weight)| (hash(at), weight)).collect()
}

fn slots_each(table: &MaglevTable, endpoints: usize) -> Vec<u64> {
    let mut counts = vec![0; endpoints];
    table.slots().iter().for_each(|&endpoint| counts[endpoint as usize] += 1);
    counts
}

/// Of the slots, in percent: those that change when the first endpoints are taken out, and of these the ones that were not
/// theirs, so need not have changed.
fn disruption(count: u32, size: u32, removed: u32) -> (f64, f64) {
    let weights: Vec<u32> = (0..count).map(|at| u32::from(at >= removed)).collect();
    let (before, after) = (equal(count, Some(size)), weighted(&weights, Some(size)));
    let changed = || before.slots().iter().zip(after.slots()).filter(|(was, is)| was != is);
    let percent = |slots: usize| slots as f64 * 100.0 / f64::from(size);
    (percent(changed().count()), percent(changed().filter(|(was, _)| **was >= removed).count()))
}

// Eisenbud et al. 2016, table 1: backends with (offset, skip) (3, 4), (0, 2), (3, 1) and 7 slots.
#[test]
fn the_papers_sample_is_filled_as_in_the_paper_with_and_without_the_second_backend() {
    let backends = [(3, 4), (0, 2), (3, 1)];
    assert_eq!(*fill(&backends, &[1, 1, 1], 7), [1, 0, 1, 0, 2, 2, 0]);
    assert_eq!(*fill(&backends, &[1, 0, 1], 7), [0, 0, 0, 0, 2, 2, 2]);
    assert_eq!(*fill(&[(3, 4), (3, 1)], &[1, 1], 7), [0, 0, 0, 0, 1, 1, 1]);
}

#[test]
fn a_weight_of_two_has_twice_the_slots_whatever_the_hashes() {
    let vector = vector("maglev-weights-1-2");
    let size = vector["inputs"]["M"].as_u64().unwrap() as u32;
    let weights: Vec<u32> = numbers(&vector["inputs"]["weights"]);
    let expected: Vec<u64> = numbers(&vector["expected"]["entries"]);
    assert_eq!(slots_each(&weighted(&weights, Some(size)), 2), expected);
    for hashes in [[1, 2], [u64::MAX, 0], [77, 78]] {
        let table = MaglevTable::new(&[(hashes[0], weights[0]), (hashes[1], weights[1])], Some(size));
        assert_eq!(slots_each(&table, 2), expected, "{hashes:?}");
    }
}

#[test]
fn of_a_thousand_endpoints_each_has_65_or_66_slots_and_removals_move_little_more_than_they_must() {
    let vector = vector("maglev-disruption-N1000");
    let size = vector["inputs"]["M"].as_u64().unwrap() as u32;
    let counts = slots_each(&equal(1000, Some(size)), 1000);
    assert_eq!(counts.iter().min(), vector["expected"]["entries_min"].as_u64().as_ref());
    assert_eq!(counts.iter().max(), vector["expected"]["entries_max"].as_u64().as_ref());
    for row in vector["expected"]["disruption"].as_array().unwrap() {
        let (changed, collateral) = disruption(1000, size, row["removed"].as_u64().unwrap() as u32);
        // Slots of 65 or 66 differ by that much from seed to seed.
        assert!((changed - collateral - float(&row["unavoidable_pct"])).abs() < 0.05, "{changed}, {collateral}: {row}");
        assert!(collateral < 1.2 * float(&row["collateral_pct"]), "{changed}, {collateral}: {row}");
    }
    assert!(disruption(1000, size, 1).1 < 1.0);
}

#[test]
fn a_larger_table_moves_less_when_an_endpoint_leaves() {
    let mut of_a_hundred = Vec::new();
    for row in vector("maglev-disruption-size")["expected"].as_array().unwrap() {
        let (count, size) = (row["N"].as_u64().unwrap() as u32, row["M"].as_u64().unwrap() as u32);
        let (changed, collateral) = disruption(count, size, 1);
        assert!((changed - collateral - 100.0 / f64::from(count)).abs() < 0.01, "{changed}, {collateral}: {row}");
        assert!(collateral < 1.5 * float(&row["collateral_pct"]), "{changed}, {collateral}: {row}");
        if count == 100 {
            of_a_hundred.push((size, collateral));
        }
    }
    of_a_hundred.sort_by_key(|&(size, _)| size);
    assert!(of_a_hundred.len() == 2 && of_a_hundred[0].1 > 2.0 * of_a_hundred[1].1, "{of_a_hundred:?}");
}

// The counts just below where the default size grows: the least slots for each endpoint.
#[test]
fn the_rule_of_a_hundred_slots_each_keeps_shares_within_one_percent() {
    let rule = vector("maglev-rule");
    assert!(rule["expected"]["rule"].as_str().unwrap().contains("M prime, M > 100*N"));
    for count in [1, 10, 40, 163, 655] {
        let table = equal(count, None);
        let counts = slots_each(&table, count as usize);
        let (least, most) = (*counts.iter().min().unwrap(), *counts.iter().max().unwrap());
        assert!(is_prime(table.slots().len() as u32) && table.slots().len() >= 100 * count as usize);
        assert!(most - least <= 1 && (most - least) as f64 <= 0.01 * most as f64, "{count}: {least} to {most}");
    }
    assert_eq!(equal(655, None).slots().len() as u64, rule["expected"]["default_M"].as_u64().unwrap());
}

#[test]
fn the_default_size_is_the_first_with_a_hundred_slots_for_the_lightest() {
    for (weights, size) in [
        (vec![1; 10], 1021),
        (vec![1; 11], 4093),
        (vec![1; 40], 4093),
        (vec![1; 41], 16_381),
        (vec![1; 163], 16_381),
        (vec![1; 164], 65_537),
        (vec![1; 656], 655_373),
        // 655 373 is the last: more endpoints have fewer slots each.
        (vec![1; 7000], 655_373),
        // By weight, not by number; what weighs nothing needs no slots.
        (vec![1, 9], 1021),
        (vec![1, 10], 4093),
        (vec![0, 5, 5, 0], 1021),
        (vec![u32::MAX; 10], 1021),
        (vec![1, u32::MAX], 655_373),
    ] {
        assert_eq!(weighted(&weights, None).slots().len(), size, "{} endpoints", weights.len());
    }
}

// I-07
#[test]
fn a_zero_weight_has_no_slot_and_all_zero_gives_none() {
    assert_eq!(slots_each(&weighted(&[1, 0, 2], None), 3)[1], 0);
    assert_eq!(weighted(&[0, 0], None).slot(7), None);
    assert_eq!(weighted(&[], None).slot(7), None);
}

#[test]
fn the_least_size_and_the_greatest_can_be_filled() {
    assert_eq!(equal(1, Some(2)).slots(), [0, 0]);
    let counts = slots_each(&equal(3, Some(2)), 3);
    assert_eq!(counts.iter().sum::<u64>(), 2);
    assert_eq!(equal(2, Some(MAX_SIZE)).slots().len(), MAX_SIZE as usize);
}

#[test]
fn primes_are_told_from_what_is_none() {
    let primes: Vec<u32> = (0..100).filter(|&number| is_prime(number)).collect();
    assert_eq!(
        primes,
        [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97]
    );
    for prime in [1021, 4093, 16_381, 65_537, 655_373, MAX_SIZE] {
        assert!(is_prime(prime), "{prime}");
    }
    // Squares of primes, a Carmichael number, and the neighbours of the sizes.
    for composite in [25, 49, 561, 1_018_081, 2_217_121, 65_535, 65_536, 65_539 * 2, 655_371, 5_000_009] {
        assert!(!is_prime(composite), "{composite}");
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    #[test]
    fn with_equal_weights_no_endpoint_has_two_slots_more_than_another(
        hashes in prop::collection::vec(any::<u64>(), 1..50),
        size in prop::sample::select(&[2u32, 7, 101, 1021][..]),
    ) {
        let endpoints: Vec<_> = hashes.iter().map(|&hash| (hash, 3)).collect();
        let counts = slots_each(&MaglevTable::new(&endpoints, Some(size)), endpoints.len());
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1);
    }

    // I-08: the lightest has about a hundred slots, and everybody's first comes early, so a slot more than 1%.
    #[test]
    fn by_default_every_share_is_within_one_percent_and_a_slot(weights in prop::collection::vec(1u32..20, 1..8)) {
        let table = weighted(&weights, None);
        let sum: u32 = weights.iter().sum();
        for (&weight, slots) in weights.iter().zip(slots_each(&table, weights.len())) {
            let fair = f64::from(weight) / f64::from(sum) * table.slots().len() as f64;
            prop_assert!((slots as f64 - fair).abs() < 0.01 * fair + 1.0, "{weight} of {sum}: {slots} for {fair}");
        }
    }

    // I-09
    #[test]
    fn a_common_factor_changes_no_slot(weights in prop::collection::vec(0u32..50, 1..8), factor in 2u32..1000) {
        let scaled: Vec<_> = weights.iter().map(|weight| weight * factor).collect();
        let (table, scaled) = (weighted(&weights, None), weighted(&scaled, None));
        prop_assert_eq!(table.slots(), scaled.slots());
    }
}
