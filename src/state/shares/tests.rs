//! The vectors, and what holds for one region, by number. What holds for all is in `properties`.

mod properties;

use super::*;
use crate::state::parts::part;

/// A region of one rank of its own, with so many of a hundred endpoints healthy.
fn region(rank: u32, healthy: u64) -> Intake {
    let healthy = part(healthy, 100);
    Intake { rank, weight: 1, healthy, degraded: 0, ceiling: WHOLE, capacity: None, trickle: 0 }
}

fn ranks(healthy: &[u64]) -> Vec<Intake> {
    (0..).zip(healthy).map(|(rank, &healthy)| region(rank, healthy)).collect()
}

/// What each region gets, and what is shed, in parts of [`WHOLE`].
fn of_whole(regions: &[Intake]) -> (Vec<u64>, u64) {
    let shares = share(regions, 140);
    let all = |part: u64| proportional(WHOLE, part, shares.whole);
    (shares.parts.iter().map(|one| all(one.total())).collect(), all(shares.shed))
}

/// The same in whole percents.
fn percents(regions: &[Intake]) -> Vec<u64> {
    let (parts, shed) = of_whole(regions);
    parts.into_iter().chain([shed]).map(|part| (part * 100 + WHOLE / 2) / WHOLE).collect()
}

fn parts(shares: &Shares) -> Vec<(u64, u64)> {
    shares.parts.iter().map(|one| (one.healthy, one.degraded)).collect()
}

// `prio-doc-1`, `prio-doc-3`, `prio-norm`, `prio-doc-3-corrected`: Envoy's own, where it does not panic.
#[test]
fn ranks_share_as_envoys_do_where_envoy_does_not_panic() {
    let rows: [(&[u64], &[u64]); 12] = [
        (&[100, 100], &[100, 0]),
        (&[72, 100], &[100, 0]),
        (&[71, 100], &[99, 1]),
        (&[50, 100], &[70, 30]),
        (&[25, 100], &[35, 65]),
        (&[0, 100], &[0, 100]),
        (&[50, 50, 100], &[70, 30, 0]),
        (&[25, 100, 100], &[35, 65, 0]),
        (&[25, 25, 100], &[35, 35, 30]),
        (&[20, 30], &[40, 60]),
        // By percents it is 37/35/28: the integer's remainder goes to the first rank.
        (&[25, 25, 20], &[36, 36, 29]),
        (&[25, 25], &[50, 50]),
    ];
    for (healthy, expected) in rows {
        assert_eq!(percents(&ranks(healthy)), [expected, &[0]].concat(), "{healthy:?}");
    }
}

// `degraded-doc`.
#[test]
fn degraded_endpoints_come_after_healthy_ones() {
    for (healthy, degraded, expected) in
        [(100, 0, (100, 0)), (71, 0, (100, 0)), (71, 29, (99, 1)), (25, 65, (35, 65)), (5, 0, (100, 0))]
    {
        let shares = share(&[Intake { degraded: part(degraded, 100), ..region(0, healthy) }], 140);
        let percent = |part: u64| (part * 100 + shares.whole / 2) / shares.whole;
        let Part { healthy, degraded } = shares.parts[0];
        assert_eq!((percent(healthy), percent(degraded)), expected);
    }
}

// `locality-doc`, without its integer percents.
#[test]
fn regions_of_one_rank_share_by_weight_under_what_their_health_holds() {
    let two = |x| [region(0, x), Intake { weight: 2, ..region(0, 100) }];
    for (x, expected) in [(100, [33, 67, 0]), (72, [33, 67, 0]), (71, [33, 67, 0]), (50, [23, 77, 0]), (0, [0, 100, 0])]
    {
        assert_eq!(percents(&two(x)), expected, "{x}");
    }
}

/// I-16, I-18: `cap-waterfall-fits`, `-spill`, `-shed`, `-all-dead`.
#[test]
fn what_no_declared_capacity_holds_is_shed() {
    let cases: [(u64, &[u64], &[u64], u64); 4] = [
        (500, &[600, 400], &[500, 0], 0),
        (1000, &[300, 400, 500], &[300, 400, 300], 0),
        (1500, &[300, 400, 500], &[300, 400, 500], 300),
        (100, &[0, 0], &[0, 0], 100),
    ];
    for (demand, capacity, assigned, shed) in cases {
        let of_demand = |capacity| Some(part(capacity, demand));
        let regions =
            (0..).zip(capacity).map(|(rank, &held)| Intake { capacity: of_demand(held), ..region(rank, 100) });
        let (parts, left) = of_whole(&regions.collect::<Vec<_>>());
        // A capacity is a part of the whole, rounded down.
        let requests = |part: u64| (u128::from(part) * u128::from(demand) + 1_000_000).div_euclid(WHOLE.into()) as u64;
        assert_eq!(parts.into_iter().map(requests).collect::<Vec<_>>(), assigned);
        assert_eq!(requests(left), shed);
    }
}

/// I-18: half of the region is gone, and with it half of what it declared to carry.
#[test]
fn a_capacity_lives_and_dies_with_the_endpoints() {
    let half = |healthy| Intake { capacity: Some(WHOLE / 2), ..region(0, healthy) };
    assert_eq!(percents(&[half(100)]), [50, 50]);
    assert_eq!(percents(&[half(50)]), [25, 75]);
    // In doubt it counts in full.
    assert_eq!(percents(&[half(0)]), [50, 50]);
}

#[test]
fn plain_weights_stay_what_they_are() {
    let weigh = |weight| Intake { weight, ..region(0, 100) };
    let shares = share(&[weigh(6), weigh(2), region(1, 100)], 140);
    assert_eq!((parts(&shares), shares.shed, shares.whole), (vec![(6, 0), (2, 0), (0, 0)], 0, 8));
    // A little ill, but it holds its share still.
    let shares = share(&[weigh(3), Intake { healthy: part(3, 4), ..weigh(1) }], 140);
    assert_eq!((parts(&shares), shares.whole), (vec![(3, 0), (1, 0)], 4));
    // The sum is beyond 64 bits.
    let shares = share(&[weigh(u64::MAX), weigh(u64::MAX)], 140);
    assert_eq!((parts(&shares), shares.whole), (vec![(1, 0), (1, 0)], 2));
}

/// I-21: not while any region lives, and then by weight, without those that are out.
#[test]
fn when_every_region_looks_dead_the_detector_is_doubted() {
    let out = |one| Intake { weight: 0, ..one };
    let shares = share(&[Intake { weight: 3, ..region(0, 0) }, region(0, 0), out(region(0, 100)), region(1, 0)], 140);
    assert_eq!((parts(&shares), shares.whole), (vec![(3, 0), (1, 0), (0, 0), (0, 0)], 4));
    assert_eq!(percents(&[region(0, 0), region(0, 0), out(region(0, 100)), region(1, 1)]), [0, 0, 0, 100, 0]);
    // Nothing at all to use: everything is shed.
    let shares = share(&[out(region(0, 100))], 140);
    assert_eq!((parts(&shares), shares.shed, shares.whole), (vec![(0, 0)], 1, 1));
    assert_eq!(share(&[], 140).shed, 1);
}

/// I-20: `panic-cliff`, which takes 67% from the only working region in Envoy.
#[test]
fn the_last_working_region_keeps_everything_to_its_last_endpoint() {
    for healthy in (1..=100).rev() {
        assert_eq!(of_whole(&ranks(&[0, 0, healthy])), (vec![0, 0, WHOLE], 0), "{healthy}");
    }
}

/// I-20: 1.4% an endpoint of a hundred while the cluster holds the demand, then that over what it holds.
#[test]
fn regions_that_die_endpoint_by_endpoint_have_no_cliff() {
    let mut healthy = [100; 3];
    let mut old = of_whole(&ranks(&healthy)).0;
    for rank in [0, 1, 2] {
        for _ in 0..100 {
            healthy[rank] -= 1;
            let held = healthy.iter().sum::<u64>() as f64 * 0.014;
            if held == 0.0 {
                return;
            }
            let new = of_whole(&ranks(&healthy)).0;
            let moved = old.iter().zip(&new).map(|(old, new)| old.abs_diff(*new)).sum::<u64>() as f64 / 2.0;
            assert!(moved <= 0.014 / held.min(1.0) * WHOLE as f64 + 4.0, "{healthy:?}: {moved}");
            old = new;
        }
    }
}

#[test]
fn a_ceiling_gates_the_way_up_but_never_sheds() {
    let gated = |percent| Intake { ceiling: part(percent, 100), ..region(0, 100) };
    assert_eq!(percents(&[gated(0), region(1, 100)]), [0, 100, 0]);
    assert_eq!(percents(&[gated(10), region(1, 100)]), [10, 90, 0]);
    // The standby holds 70% and the region may have 10%: the last 20% are the standby's too, which is all there.
    assert_eq!(percents(&[gated(10), region(1, 50)]), [10, 90, 0]);
    assert_eq!(percents(&[gated(0), region(1, 0)]), [100, 0, 0]);
}

/// Three of four that are well carry all at 140%, so the degraded one has nothing to do, gated or not.
#[test]
fn what_a_ceiling_kept_out_is_for_the_healthy_first() {
    for ceiling in [0, 50, 100].map(|percent| part(percent, 100)) {
        let shares = share(&[Intake { ceiling, degraded: part(1, 4), ..region(0, 75) }], 140);
        assert_eq!(parts(&shares), [(shares.whole, 0)], "{ceiling}");
    }
}

#[test]
fn a_trickle_keeps_a_live_standby_warm() {
    let standby = |healthy| Intake { trickle: part(4, 100), ..region(1, healthy) };
    let regions = |standby| [Intake { weight: 3, ..region(0, 100) }, region(0, 100), standby];
    assert_eq!(percents(&regions(standby(100))), [72, 24, 4, 0]);
    // No more than it holds: one of a hundred holds 1.4%.
    let held = (0.014 * WHOLE as f64) as u64;
    assert!(of_whole(&regions(standby(1))).0[2].abs_diff(held) <= 2);
    assert_eq!(percents(&regions(standby(0))), [75, 25, 0, 0]);
    assert_eq!(percents(&regions(Intake { ceiling: WHOLE / 2, ..standby(100) })), [75, 25, 0, 0]);
    assert_eq!(percents(&regions(Intake { weight: 0, ..standby(100) })), [75, 25, 0, 0]);
    // It has more already.
    assert_eq!(percents(&[region(0, 50), standby(100)]), [70, 30, 0]);
}

/// I-22, I-27: unchecked endpoints are not counted, and where none is, that is no bad health.
#[test]
fn what_was_never_checked_is_outside_the_denominator() {
    // (usable, checked, unchecked)
    let seen = |usable, checked, _unchecked: u64| part(usable, checked);
    assert_eq!(seen(1, 1, 3), WHOLE, "prio-ut-07 counts so");
    assert_eq!(seen(50, 100, 0), seen(50, 100, 1000));
    assert_eq!(seen(0, 0, 4), WHOLE);
    let unknown = Intake { healthy: seen(0, 0, 4), ..region(0, 0) };
    assert_eq!(percents(&[unknown, region(1, 100)]), [100, 0, 0]);
}

#[test]
fn panic_grows_with_what_is_missing() {
    let step = |needed, usable| panic_step(part(needed, 100), part(usable, 100), part(50, 100));
    assert_eq!(step(70, 30), 25, "64 x min(0.4, 0.571)");
    assert_eq!(step(40, 30), 9, "64 x min(0.4, 0.143)");
    assert_eq!((step(100, 50), step(100, 51), step(30, 30), step(10, 30)), (0, 0, 0, 0));
    assert_eq!((step(100, 0), step(71, 0)), (64, 45));
    assert_eq!(panic_step(WHOLE, 0, 0), 0, "a threshold of zero forbids it");
    assert_eq!(panic_step(EVERYBODY, WHOLE, 0), 64);
}

/// I-20: nor has the panic inside a region a cliff.
#[test]
fn panic_is_continuous_in_both() {
    let step = |needed, usable| panic_step(part(needed, 1000), part(usable, 1000), WHOLE / 2);
    for needed in 0..=1000 {
        for usable in 0..1000 {
            let here = step(needed, usable);
            assert!(here.abs_diff(step(needed, usable + 1)) <= 1, "{needed} {usable}");
            assert!(here.abs_diff(step(needed + 1, usable)) <= 1, "{needed} {usable}");
        }
    }
}
