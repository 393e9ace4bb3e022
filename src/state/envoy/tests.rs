use super::*;
use proptest::prelude::*;

const fn level(hosts: u64, healthy: u64, degraded: u64, excluded: u64) -> Level {
    Level { hosts, healthy, degraded, excluded }
}

/// So many of a hundred hosts are healthy, and so many degraded.
fn percents(rows: &[(u64, u64)]) -> Vec<Level> {
    rows.iter().map(|&(healthy, degraded)| level(100, healthy, degraded, 0)).collect()
}

fn healthy(percents: &[u64]) -> Vec<Level> {
    percents.iter().map(|&healthy| level(100, healthy, 0, 0)).collect()
}

fn of(levels: &[Level]) -> Loads {
    loads(levels, levels, &EnvoyKnobs::default())
}

struct Case {
    id: &'static str,
    levels: &'static [(u64, u64, u64, u64)],
    overprovisioning: u64,
    panic_threshold: u64,
    healthy: &'static [u64],
    degraded: &'static [u64],
    panic: &'static [bool],
    total: u64,
}

// `prio-ut-*`: Envoy's own unit tests; levels of (hosts, healthy, degraded, excluded).
#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { id: "prio-ut-00", levels: &[(4, 2, 0, 0), (4, 2, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[70, 30], degraded: &[0, 0], panic: &[false, false], total: 100 },
    Case { id: "prio-ut-01", levels: &[(4, 2, 0, 0), (4, 2, 0, 0)], overprovisioning: 100, panic_threshold: 50,
        healthy: &[50, 50], degraded: &[0, 0], panic: &[false, false], total: 100 },
    Case { id: "prio-ut-02", levels: &[(1, 0, 0, 0), (1, 0, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[50, 50], degraded: &[0, 0], panic: &[true, true], total: 0 },
    Case { id: "prio-ut-04", levels: &[(2, 1, 0, 0), (2, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[70, 30], degraded: &[0, 0], panic: &[false, false], total: 100 },
    Case { id: "prio-ut-05", levels: &[(4, 1, 0, 0), (2, 2, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[35, 65], degraded: &[0, 0], panic: &[false, false], total: 100 },
    Case { id: "prio-ut-07", levels: &[(4, 1, 0, 3), (5, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[100, 0], degraded: &[0, 0], panic: &[false, false], total: 100 },
    Case { id: "prio-ut-08", levels: &[(4, 0, 0, 4), (4, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[50, 50], degraded: &[0, 0], panic: &[true, true], total: 35 },
    Case { id: "prio-ut-09", levels: &[(4, 0, 0, 1), (6, 1, 0, 2)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[40, 60], degraded: &[0, 0], panic: &[true, true], total: 35 },
    Case { id: "prio-ut-10", levels: &[(2, 1, 0, 0), (2, 1, 0, 0), (2, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[70, 30, 0], degraded: &[0, 0, 0], panic: &[false, false, false], total: 100 },
    Case { id: "prio-ut-12", levels: &[(4, 1, 0, 0), (4, 1, 0, 0), (4, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[35, 35, 30], degraded: &[0, 0, 0], panic: &[false, false, false], total: 100 },
    Case { id: "prio-ut-13", levels: &[(5, 1, 0, 0), (5, 1, 0, 0), (5, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[34, 33, 33], degraded: &[0, 0, 0], panic: &[true, true, true], total: 84 },
    Case { id: "prio-ut-15", levels: &[(5, 0, 0, 0), (5, 0, 0, 0), (5, 4, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[0, 0, 100], degraded: &[0, 0, 0], panic: &[false, false, false], total: 100 },
    Case { id: "prio-ut-16", levels: &[(5, 0, 0, 0), (5, 0, 0, 0), (5, 2, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[34, 33, 33], degraded: &[0, 0, 0], panic: &[true, true, true], total: 56 },
    Case { id: "prio-ut-18", levels: &[(5, 0, 0, 0), (3, 0, 0, 0), (2, 0, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[50, 30, 20], degraded: &[0, 0, 0], panic: &[true, true, true], total: 0 },
    Case { id: "prio-ut-19", levels: &[(5, 0, 0, 0), (6, 2, 0, 0), (3, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[37, 42, 21], degraded: &[0, 0, 0], panic: &[true, true, true], total: 92 },
    Case { id: "prio-ut-20", levels: &[(5, 0, 1, 0), (5, 0, 5, 0), (5, 1, 0, 0)], overprovisioning: 140, panic_threshold: 50,
        healthy: &[0, 0, 28], degraded: &[28, 44, 0], panic: &[false, false, false], total: 100 },
    Case { id: "prio-ut-21", levels: &[(5, 0, 0, 0), (5, 0, 2, 0), (5, 0, 1, 0)], overprovisioning: 140, panic_threshold: 0,
        healthy: &[0, 0, 0], degraded: &[0, 67, 33], panic: &[false, false, false], total: 84 },
];

#[test]
fn the_loads_are_those_of_envoys_own_tests() {
    for case in CASES {
        let levels: Vec<_> = case.levels.iter().map(|&(all, up, ill, out)| level(all, up, ill, out)).collect();
        let knobs = EnvoyKnobs { overprovisioning: case.overprovisioning, panic_threshold: case.panic_threshold };
        let found = loads(&levels, &levels, &knobs);
        let expected = Loads {
            healthy: case.healthy.into(),
            degraded: case.degraded.into(),
            panic: case.panic.into(),
            normalized_total: case.total,
        };
        assert_eq!(found, expected, "{}", case.id);
    }
}

#[test]
fn the_loads_are_those_of_envoys_pages() {
    let rows: &[(&[u64], &[u64])] = &[
        // `prio-doc-1`
        (&[100, 100], &[100, 0]),
        (&[72, 100], &[100, 0]),
        (&[71, 100], &[99, 1]),
        (&[50, 100], &[70, 30]),
        (&[25, 100], &[35, 65]),
        (&[0, 100], &[0, 100]),
        // `prio-doc-3`, whose last row is an approximation
        (&[100, 100, 100], &[100, 0, 0]),
        (&[72, 72, 100], &[100, 0, 0]),
        (&[71, 71, 100], &[99, 1, 0]),
        (&[50, 50, 100], &[70, 30, 0]),
        (&[25, 100, 100], &[35, 65, 0]),
        (&[25, 25, 100], &[35, 35, 30]),
        // `prio-doc-3-corrected`, in panic
        (&[25, 25, 20], &[34, 33, 33]),
    ];
    for (levels, expected) in rows {
        assert_eq!(of(&healthy(levels)).healthy, *expected, "{levels:?}");
    }
    let no_panic = |overprovisioning| EnvoyKnobs { overprovisioning, panic_threshold: 0 };
    let levels = healthy(&[25, 25, 20]);
    let found = loads(&levels, &levels, &no_panic(140));
    assert_eq!((found.healthy, found.normalized_total), (vec![37, 35, 28], 98), "prio-doc-3-corrected");
    let levels = healthy(&[20, 30]);
    assert_eq!(loads(&levels, &levels, &no_panic(100)).healthy, [40, 60], "prio-norm");
}

// `panic-doc-1`, `panic-doc-total`.
#[test]
fn levels_panic_when_nothing_else_can_carry() {
    for (first, load) in [(72, [100, 0]), (71, [99, 1]), (50, [70, 30]), (25, [35, 65]), (0, [0, 100])] {
        let found = of(&healthy(&[first, 100]));
        assert_eq!((found.healthy, found.panic, found.normalized_total), (load.to_vec(), vec![false; 2], 100));
    }
    for (hosts, load) in [([5, 5], [50, 50]), ([2, 8], [20, 80])] {
        let found = of(&hosts.map(|hosts| level(hosts, 0, 0, 0)));
        assert_eq!((found.healthy, found.panic), (load.to_vec(), vec![true; 2]));
    }
}

/// `panic-cliff`: what ours must not do, Envoy's must.
#[test]
fn the_cliff_of_total_panic_is_there() {
    for (last, load, panic) in [
        (100, [0, 0, 100], [false; 3]),
        (72, [0, 0, 100], [false; 3]),
        (71, [0, 0, 100], [true, true, false]),
        (50, [0, 0, 100], [true, true, false]),
        (49, [34, 33, 33], [true; 3]),
        (1, [34, 33, 33], [true; 3]),
        (0, [34, 33, 33], [true; 3]),
    ] {
        let found = of(&healthy(&[0, 0, last]));
        assert_eq!((found.healthy, found.panic), (load.to_vec(), panic.to_vec()), "{last}");
    }
}

// `degraded-doc`.
#[test]
fn degraded_hosts_take_what_healthy_ones_cannot() {
    for (up, ill, expected) in
        [(100, 0, (100, 0)), (71, 0, (100, 0)), (71, 29, (99, 1)), (25, 65, (35, 65)), (5, 0, (100, 0))]
    {
        let found = of(&percents(&[(up, ill)]));
        assert_eq!((found.healthy[0], found.degraded[0]), expected, "{up} {ill}");
    }
}

// `prio-weighted-1` to `-3`.
#[test]
fn health_goes_by_weight_where_hosts_have_weights() {
    let knobs = EnvoyKnobs { overprovisioning: 100, ..EnvoyKnobs::default() };
    let found = loads(&[level(10, 6, 0, 0), level(1, 1, 0, 0)], &[level(4, 2, 0, 0), level(1, 1, 0, 0)], &knobs);
    assert_eq!(found.healthy, [60, 40]);
    let found = loads(&[level(20, 4, 0, 10), level(1, 1, 0, 0)], &[level(3, 1, 0, 1), level(1, 1, 0, 0)], &knobs);
    assert_eq!(found.healthy, [40, 60]);
    let found = loads(&[level(10, 4, 3, 0), level(10, 1, 9, 0)], &[level(4, 1, 1, 0), level(2, 1, 1, 0)], &knobs);
    assert_eq!((found.healthy, found.degraded), (vec![40, 10], vec![30, 20]));
}

fn locality(rank: u32, weight: u64, hosts: Level) -> Locality {
    Locality { rank, weight, hosts }
}

// `locality-doc`.
#[test]
fn localities_of_a_level_share_by_weight_and_health() {
    for (x, expected) in
        [(100, (33, 67)), (70, (33, 67)), (69, (32, 68)), (50, (26, 74)), (25, (15, 85)), (0, (0, 100))]
    {
        let localities = [locality(0, 1, level(100, x, 0, 0)), locality(0, 2, level(100, 100, 0, 0))];
        let shares = share_like_envoy(&localities, &EnvoyKnobs::default());
        let percent = |at: usize| (shares.parts[at].total() * 100 + shares.whole / 2) / shares.whole;
        assert_eq!((percent(0), percent(1)), expected, "{x}");
    }
}

#[test]
fn shares_are_the_percents_of_the_levels() {
    // `prio-ut-20`, in any order, with a region that is out.
    let regions = [
        locality(2, 7, level(5, 1, 0, 0)),
        locality(0, 7, level(5, 0, 1, 0)),
        locality(1, 7, level(5, 0, 5, 0)),
        locality(0, 0, level(5, 5, 0, 0)),
    ];
    let shares = share_like_envoy(&regions, &EnvoyKnobs::default());
    let parts: Vec<_> = shares.parts.iter().map(|part| (part.healthy, part.degraded)).collect();
    assert_eq!((parts, shares.shed, shares.whole), (vec![(28, 0), (0, 28), (0, 44), (0, 0)], 0, 100));
    assert_eq!(*shares.needed, [0; 4]);
}

#[test]
fn a_level_in_panic_goes_by_hosts_and_uses_everybody() {
    let regions =
        [locality(0, 1, level(3, 0, 0, 0)), locality(0, 9, level(1, 0, 0, 0)), locality(0, 0, level(9, 9, 0, 0))];
    let shares = share_like_envoy(&regions, &EnvoyKnobs::default());
    let parts: Vec<_> = shares.parts.iter().map(|part| part.total() / WHOLE).collect();
    assert_eq!((parts, shares.shed), (vec![75, 25, 0], 0));
    assert!(shares.needed[..2].iter().all(|&needed| needed == EVERYBODY));
    // Where panic is forbidden nothing is sent to the dead.
    let shares = share_like_envoy(&regions, &EnvoyKnobs { panic_threshold: 0, ..EnvoyKnobs::default() });
    assert_eq!((shares.shed, *shares.needed == [0; 3]), (shares.whole, true));
    assert_eq!(share_like_envoy(&[], &EnvoyKnobs::default()).shed, 100);
}

fn a_level() -> impl Strategy<Value = Level> {
    [0u64..20, 0u64..20, 0u64..20, 0u64..20].prop_map(|[up, ill, dead, out]| level(up + ill + dead + out, up, ill, out))
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-16, in this mode: parts and shed are the demand, and nothing is shed while there is a host.
    #[test]
    fn envoys_percents_are_a_hundred(
        regions in prop::collection::vec((0u32..3, prop_oneof![Just(0), 1u64..9, any::<u64>()], a_level()), 0..7),
        percent in prop_oneof![Just(140u64), 100u64..300], threshold in 1u64..=100,
    ) {
        let regions: Vec<_> = regions.into_iter().map(|(rank, weight, hosts)| locality(rank, weight, hosts)).collect();
        let knobs = EnvoyKnobs { overprovisioning: percent, panic_threshold: threshold };
        let shares = share_like_envoy(&regions, &knobs);
        prop_assert_eq!(shares.parts.iter().map(|part| part.total()).sum::<u64>() + shares.shed, shares.whole);
        let any = regions.iter().any(|one| one.weight > 0 && one.hosts.hosts > 0);
        prop_assert!(!any || shares.shed == 0, "{:?}", shares);
        prop_assert!(regions.iter().zip(&shares.parts).all(|(one, part)| one.weight > 0 || part.total() == 0));
    }
}
