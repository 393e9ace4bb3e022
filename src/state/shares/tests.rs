use super::*;
use crate::state::envoy::{self, Level};
use crate::state::parts::part;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

const OVERPROVISIONING: u64 = 140;

fn vectors(feature: &str) -> Vec<Value> {
    let file: Value = serde_json::from_str(include_str!("../../../tests/vectors/failover.json")).expect("it is JSON");
    let all = file["vectors"].as_array().expect("a list").clone();
    let found: Vec<_> = all.into_iter().filter(|vector| vector["feature"] == feature).collect();
    assert!(!found.is_empty(), "no vector of {feature}");
    found
}

fn numbers(list: &Value) -> Vec<u64> {
    list.as_array().expect("a list").iter().map(|number| number.as_u64().expect("a number")).collect()
}

fn percent(percent: u64) -> u64 {
    WHOLE * percent / 100
}

/// Regions one rank after the other, each with this part of it well.
fn staircase(healthy: &[u64]) -> Vec<Intake> {
    (0..).zip(healthy).map(|(rank, healthy)| Intake { healthy: *healthy, ..Intake::well(rank, 1) }).collect()
}

/// In whole percents, rounded.
fn percents(shares: &Shares) -> Vec<u64> {
    shares.portions.iter().map(|portion| (portion.total() * 200 / shares.whole).div_ceil(2)).collect()
}

fn levels(list: &Value) -> Vec<Level> {
    let read = |level: &Value, what: &str| level[what].as_u64().unwrap_or(0);
    let level = |level: &Value| Level {
        hosts: read(level, "hosts"),
        healthy: read(level, "healthy"),
        degraded: read(level, "degraded"),
        excluded: read(level, "excluded"),
    };
    list.as_array().expect("a list").iter().map(level).collect()
}

fn of_hundred(healthy: &[u64]) -> Vec<Level> {
    healthy.iter().map(|&healthy| Level { hosts: 100, healthy, ..Level::default() }).collect()
}

/// All of Envoy's unit tests that we have, and its documents where they agree with its code.
#[test]
fn envoys_own_cases_come_out_to_the_last_percent() {
    let mut seen = 0;
    for vector in vectors("priority_load") {
        let (inputs, expected, id) = (&vector["inputs"], &vector["expected"], &vector["id"]);
        if inputs.get("levels").is_some() {
            let levels = levels(&inputs["levels"]);
            let (factor, panic) = (&inputs["overprovisioning_pct"], &inputs["panic_threshold_pct"]);
            let loads = envoy::loads(&levels, &levels, factor.as_u64().unwrap(), panic.as_u64().unwrap());
            assert_eq!(loads.healthy, numbers(&expected["healthy_load"]), "{id}");
            assert_eq!(loads.degraded, numbers(&expected["degraded_load"]), "{id}");
            let panics: Vec<_> = expected["panic"].as_array().unwrap().iter().map(|it| it.as_bool().unwrap()).collect();
            assert_eq!(loads.panics, panics, "{id}");
            assert_eq!(loads.available, expected["normalized_total"].as_u64().unwrap(), "{id}");
            seen += 1;
        } else if let Some(rows) = inputs["rows_healthy_pct"].as_array() {
            for (row, expected) in rows.iter().zip(expected.as_array().unwrap()) {
                let healthy = numbers(row);
                // The documents' one row that its own code contradicts.
                if healthy == [25, 25, 20] {
                    continue;
                }
                let levels = of_hundred(&healthy);
                assert_eq!(envoy::loads(&levels, &levels, 140, 0).healthy, numbers(expected), "{id} {row}");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 29);
    let levels = of_hundred(&[25, 25, 20]);
    assert_eq!(envoy::loads(&levels, &levels, 140, 0).healthy, [37, 35, 28], "prio-doc-3-corrected");
    let panicked = envoy::loads(&levels, &levels, 140, 50);
    assert_eq!((&panicked.healthy[..], panicked.available), (&[34, 33, 33][..], 98), "prio-doc-3-corrected");
    let norm =
        [Level { hosts: 10, healthy: 2, ..Level::default() }, Level { hosts: 10, healthy: 3, ..Level::default() }];
    assert_eq!(envoy::loads(&norm, &norm, 100, 0).healthy, [40, 60], "prio-norm");
}

#[test]
fn envoys_panic_and_its_degraded_hosts_are_the_documents() {
    for vector in vectors("panic") {
        let (inputs, expected, id) = (&vector["inputs"], &vector["expected"], &vector["id"]);
        if let Some(rows) = inputs["rows_healthy_pct"].as_array() {
            for (row, expected) in rows.iter().zip(expected.as_array().unwrap()) {
                let levels = of_hundred(&numbers(row));
                let loads = envoy::loads(&levels, &levels, 140, 50);
                assert_eq!((loads.healthy, loads.available), (numbers(&expected["load"]), 100), "{id} {row}");
            }
        } else {
            for (hosts, expected) in inputs["hosts"].as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
                let level = |hosts| Level { hosts, ..Level::default() };
                let levels: Vec<_> = numbers(hosts).into_iter().map(level).collect();
                assert_eq!(envoy::loads(&levels, &levels, 140, 50).healthy, numbers(expected), "{id} {hosts}");
            }
        }
    }
    for vector in vectors("degraded") {
        let rows = vector["inputs"]["rows_healthy_degraded_unhealthy_pct"].as_array().unwrap();
        for (row, expected) in rows.iter().zip(vector["expected"].as_array().unwrap()) {
            let [healthy, degraded, ill] = numbers(row)[..] else { panic!("three parts") };
            let level = [Level { hosts: healthy + degraded + ill, healthy, degraded, excluded: 0 }];
            let loads = envoy::loads(&level, &level, 140, 0);
            assert_eq!(
                (loads.healthy[0], loads.degraded[0]),
                (expected["healthy"].as_u64().unwrap(), expected["degraded"].as_u64().unwrap(),),
                "{row}"
            );
        }
    }
}

#[test]
fn envoys_weights_count_as_hosts() {
    let one = |healthy, degraded, excluded, ill| Level {
        hosts: healthy + degraded + excluded + ill,
        healthy,
        degraded,
        excluded,
    };
    let loads = |levels: &[Level]| envoy::loads(levels, levels, 100, 0);
    assert_eq!(loads(&[one(6, 0, 0, 4), one(1, 0, 0, 0)]).healthy, [60, 40], "prio-weighted-1");
    assert_eq!(loads(&[one(4, 0, 10, 6), one(1, 0, 0, 0)]).healthy, [40, 60], "prio-weighted-2");
    let both = loads(&[one(4, 3, 0, 3), one(1, 9, 0, 0)]);
    assert_eq!((&both.healthy[..], &both.degraded[..]), (&[40, 10][..], &[30, 20][..]), "prio-weighted-3");
}

#[test]
fn envoys_localities_lose_weight_with_their_hosts() {
    // locality-doc: X of weight 1, Y of weight 2 and all well.
    for (healthy, share) in [(100, 33), (70, 33), (69, 32), (50, 26), (25, 15), (0, 0)] {
        let level = |healthy| Level { hosts: 100, healthy, ..Level::default() };
        let (x, y) = (envoy::locality(1, level(healthy), 140), envoy::locality(2, level(100), 140));
        assert_eq!(
            (x * 200 / (x + y)).div_ceil(2).min(x * 100 / (x + y) + 1),
            share.max(x * 100 / (x + y)),
            "{healthy}"
        );
    }
}

/// `panic-cliff`: where Envoy sends two thirds to the dead, all goes to the one that lives, to its last endpoint.
#[test]
fn nothing_goes_to_dead_regions_while_one_lives() {
    for healthy in (1..=100).rev() {
        assert_eq!(percents(&share(&staircase(&[0, 0, percent(healthy)]), OVERPROVISIONING)), [0, 0, 100], "{healthy}");
    }
    let blind = share(&staircase(&[0, 0, 0]), OVERPROVISIONING);
    assert_eq!(percents(&blind), [100, 0, 0], "all look dead: the detector is doubted");
}

#[test]
fn ranks_spill_by_degrees_as_envoy_documents() {
    for (healthy, expected) in [
        (&[100, 100][..], &[100, 0][..]),
        (&[72, 100], &[100, 0]),
        (&[50, 100], &[70, 30]),
        (&[25, 100], &[35, 65]),
        (&[0, 100], &[0, 100]),
        (&[25, 25, 100], &[35, 35, 30]),
        (&[25, 25], &[50, 50]),
    ] {
        let healthy: Vec<_> = healthy.iter().map(|it| percent(*it)).collect();
        assert_eq!(percents(&share(&staircase(&healthy), OVERPROVISIONING)), expected);
    }
}

/// `cap-waterfall-*`: capacities in requests, as parts of the demand.
#[test]
fn capacity_is_filled_rank_by_rank_and_the_rest_is_shed() {
    for vector in vectors("capacity_spill") {
        let (inputs, expected, id) = (&vector["inputs"], &vector["expected"], &vector["id"]);
        let Some(demand) = inputs["demand"].as_u64() else { continue };
        let live = numbers(&inputs["live_capacity"]);
        if live.iter().all(|live| *live == 0) {
            // A capacity of nothing is no part: such regions weigh nothing.
            let none = share(&[Intake::well(0, 0), Intake::well(1, 0)], OVERPROVISIONING);
            assert_eq!((none.portions.iter().map(Portion::total).sum::<u64>(), none.shed), (0, none.whole), "{id}");
            continue;
        }
        let capacity = |live: u64| Some(proportional(WHOLE, live, demand));
        let regions: Vec<_> = (0..)
            .zip(&live)
            .map(|(rank, live)| Intake { capacity: capacity(*live), ..Intake::well(rank, 1) })
            .collect();
        let shares = share(&regions, OVERPROVISIONING);
        let count = |part: u64| (part * demand * 2 / shares.whole).div_ceil(2);
        let assigned: Vec<_> = shares.portions.iter().map(|portion| count(portion.total())).collect();
        assert_eq!(assigned, numbers(&expected["assigned"]), "{id}");
        assert_eq!(count(shares.shed), expected["shed"].as_u64().unwrap(), "{id}");
    }
}

#[test]
fn weights_that_nothing_bounds_stay_as_they_stand() {
    let shares = share(&[Intake::well(0, 3), Intake::well(0, 1), Intake::well(1, 7)], OVERPROVISIONING);
    assert_eq!(shares.whole, 4);
    assert_eq!(shares.portions.iter().map(Portion::total).collect::<Vec<_>>(), [3, 1, 0]);
}

#[test]
fn a_region_of_a_rank_takes_what_another_cannot_before_it_runs_down() {
    let half = Intake { healthy: percent(50), ..Intake::well(0, 1) };
    assert_eq!(percents(&share(&[Intake::well(0, 1), half, Intake::well(1, 1)], OVERPROVISIONING)), [65, 35, 0]);
    let dead = Intake { healthy: 0, ..half };
    assert_eq!(percents(&share(&[Intake::well(0, 1), dead, Intake::well(1, 1)], OVERPROVISIONING)), [70, 0, 30]);
    assert_eq!(percents(&share(&[Intake::well(0, 1), dead], OVERPROVISIONING)), [100, 0]);
}

#[test]
fn a_region_that_returns_has_its_ceiling_unless_nobody_else_lives() {
    let returning = Intake { ceiling: percent(25), ..Intake::well(0, 1) };
    assert_eq!(percents(&share(&[returning, Intake::well(1, 1)], OVERPROVISIONING)), [25, 75]);
    assert_eq!(percents(&share(&[returning], OVERPROVISIONING)), [100]);
    let dead = Intake { healthy: 0, ..Intake::well(1, 1) };
    assert_eq!(percents(&share(&[returning, dead], OVERPROVISIONING)), [100, 0]);
}

#[test]
fn degraded_endpoints_are_used_when_the_healthy_are_not_enough() {
    let ill = Intake { healthy: percent(25), degraded: percent(65), ..Intake::well(0, 1) };
    let shares = share(&[ill], OVERPROVISIONING);
    let portion = shares.portions[0];
    assert_eq!((portion.healthy * 100).div_ceil(shares.whole), 35);
    assert_eq!(portion.total(), shares.whole);
    // The healthy of later ranks come first.
    let shares = share(&[ill, Intake::well(1, 1)], OVERPROVISIONING);
    assert_eq!((shares.portions[0].degraded, percents(&shares)), (0, vec![35, 65]));
}

#[test]
fn a_standby_is_kept_warm_while_it_is_well_and_no_longer() {
    let standby = Intake { trickle: percent(2), ..Intake::well(1, 1) };
    assert_eq!(percents(&share(&[Intake::well(0, 1), standby], OVERPROVISIONING)), [98, 2]);
    let dead = Intake { healthy: 0, ..standby };
    assert_eq!(percents(&share(&[Intake::well(0, 1), dead], OVERPROVISIONING)), [100, 0]);
}

#[test]
fn panic_begins_where_the_rest_no_longer_suffices_and_grows_to_all() {
    let step = |needed, usable| panic_step(percent(needed), percent(usable), percent(50), 64);
    assert_eq!(step(100, 50), 0, "at the threshold");
    assert_eq!(step(30, 30), 0, "where the rest suffices");
    assert_eq!(step(100, 0), 64, "where nothing is left");
    assert!((0..=50).map(|usable| step(100, usable)).is_sorted_by(|one, next| one >= next && one - next <= 2));
}

/// Regions of every kind.
fn regions() -> impl Strategy<Value = Vec<Intake>> {
    let hosts = (0u64..=20, 0u64..=5, 0u64..=20);
    let region =
        (0u32..3, 0u64..5, hosts, prop_oneof![3 => Just(WHOLE), 1 => 0..WHOLE], prop::option::weighted(0.3, 1..WHOLE));
    vec(region, 1..6).prop_map(|all| {
        let region = |(rank, weight, (healthy, degraded, ill), ceiling, capacity): (_, _, (u64, u64, u64), _, _)| {
            let counted = healthy + degraded + ill;
            let (healthy, degraded) = (part(healthy, counted), if counted == 0 { 0 } else { part(degraded, counted) });
            Intake { rank, weight, healthy, degraded, ceiling, capacity, ..Intake::well(0, 0) }
        };
        all.into_iter().map(region).collect()
    })
}

/// What may be lost to rounding, of 2^32.
const ROUNDING: u64 = 64;

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-16: shares and what is shed are the demand, exactly.
    #[test]
    fn shares_and_what_is_shed_are_the_demand(regions in regions()) {
        let shares = share(&regions, OVERPROVISIONING);
        let given: u64 = shares.portions.iter().map(Portion::total).sum();
        prop_assert_eq!(given + shares.shed, shares.whole);
    }

    /// I-17: nothing runs down past a region that has room, ceilings aside.
    #[test]
    fn nothing_runs_down_past_a_region_that_has_room(regions in regions()) {
        let regions: Vec<_> = regions.into_iter().map(|one| Intake { ceiling: WHOLE, degraded: 0, ..one }).collect();
        let shares = share(&regions, OVERPROVISIONING);
        let lowest = regions.iter().zip(&shares.portions).filter(|(_, given)| given.total() > 0).map(|(one, _)| one.rank).max();
        for (one, given) in regions.iter().zip(&shares.portions).filter(|(one, _)| Some(one.rank) < lowest) {
            let place = place(*one, &regions);
            let cap = place.cap(one.healthy, OVERPROVISIONING);
            prop_assert!(given.total() + ROUNDING >= cap, "{one:?} has {given:?} of {cap}");
        }
    }

    /// I-18: no region is given more than its live capacity; where nothing lives, no more than it declares.
    #[test]
    fn no_region_is_given_more_than_its_live_capacity(regions in regions()) {
        let shares = share(&regions, OVERPROVISIONING);
        let is_blind = regions.iter().all(|one| one.weight == 0 || one.live() == 0);
        for (one, given) in regions.iter().zip(&shares.portions) {
            let Some(capacity) = one.capacity else { continue };
            let live = if is_blind { capacity } else { part_of(capacity, one.live()) };
            prop_assert!(u128::from(given.total()) * u128::from(WHOLE) <= u128::from(live) * u128::from(shares.whole));
        }
    }

    /// I-19: better health never lowers a region's own share, nor raises that of a later rank.
    #[test]
    fn better_health_lowers_nothing_of_its_own_and_raises_nothing_below(
        regions in regions(), which in any::<prop::sample::Index>(), better in 0..WHOLE,
    ) {
        let which = which.index(regions.len());
        let regions: Vec<_> = regions.into_iter().map(|one| Intake { degraded: 0, ..one }).collect();
        prop_assume!(regions.iter().any(|one| one.weight > 0 && one.healthy > 0));
        let mut improved = regions.clone();
        improved[which].healthy = improved[which].healthy.max(better);
        let as_parts = |shares: Shares| -> Vec<u64> {
            shares.portions.iter().map(|given| proportional(WHOLE, given.total(), shares.whole)).collect()
        };
        let (before, after) = (as_parts(share(&regions, OVERPROVISIONING)), as_parts(share(&improved, OVERPROVISIONING)));
        prop_assert!(after[which] + ROUNDING >= before[which], "{before:?} {after:?}");
        for (place, one) in regions.iter().enumerate().filter(|(_, one)| one.rank > regions[which].rank) {
            prop_assert!(after[place] <= before[place] + ROUNDING, "{one:?}: {before:?} {after:?}");
        }
    }

    /// I-20: an endpoint more or less moves its part of its region's load, times the overprovisioning, and no more; where all the
    /// rest suffices.
    #[test]
    fn one_endpoint_moves_its_own_part_and_no_more(hosts in 1u64..50, well in vec(0u64..=50, 2..5), weights in vec(1u64..5, 5)) {
        let ranks = [0, 0, 1, 1, 2];
        let regions = |first: u64| -> Vec<Intake> {
            let healthy = |place: usize| if place == 0 { first } else { well[place].min(hosts) };
            (0..well.len()).map(|place| Intake { healthy: part(healthy(place), hosts), ..Intake::well(ranks[place], weights[place]) }).collect()
        };
        let as_parts = |shares: Shares| -> Vec<u64> {
            shares.portions.iter().map(|given| proportional(WHOLE, given.total(), shares.whole)).collect()
        };
        for first in 1..=hosts {
            let (more, less) = (regions(first), regions(first - 1));
            let available: u64 = less.iter().map(|one| part_of(place(*one, &less).nominal, one.healthy) * 140 / 100).sum();
            if available < WHOLE {
                continue;
            }
            let (before, after) = (as_parts(share(&more, OVERPROVISIONING)), as_parts(share(&less, OVERPROVISIONING)));
            let most = place(more[0], &more).nominal / hosts * 140 / 100 + ROUNDING;
            for (one, other) in before.iter().zip(&after) {
                prop_assert!(one.abs_diff(*other) <= most, "{first} of {hosts}: {before:?} {after:?}");
            }
        }
    }

    /// I-21: a region with nothing usable gets nothing, unless all are so; one of no weight gets nothing even then.
    #[test]
    fn what_is_dead_gets_nothing_while_anything_lives(regions in regions()) {
        let shares = share(&regions, OVERPROVISIONING);
        let lives = regions.iter().any(|one| one.weight > 0 && one.live() > 0);
        for (one, given) in regions.iter().zip(&shares.portions) {
            prop_assert!(given.total() == 0 || one.weight > 0 && (one.live() > 0 || !lives), "{one:?} {given:?}");
        }
    }
}
