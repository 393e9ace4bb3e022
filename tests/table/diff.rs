//! I-05, I-06: a diff is the whole change, order is none.

use super::*;

/// A spec, and what somebody could make of it: nothing, another order, one value changed, parts of another table, or
/// another table.
fn pairs() -> impl Strategy<Value = (Table, Table)> {
    (specs(), specs(), 0..5u8, any::<u64>()).prop_filter_map("parts that fit together", |(old, other, kind, seed)| {
        let new = match kind {
            0 => old.clone(),
            1 => shuffled(&old, seed),
            2 | 3 => tweaked(&old, seed),
            4 if seed % 2 == 0 => mixed(&old, other, seed / 2),
            _ => other,
        };
        Some((old.build().ok()?, new.build().ok()?))
    })
}

/// The values that [`tweaked`] can change.
const KINDS: u64 = 26;

/// The spec with one value changed, chosen by `seed`.
fn tweaked(spec: &TableSpec, seed: u64) -> TableSpec {
    let mut spec = spec.clone();
    let (what, at) = (seed % KINDS, (seed / KINDS) as usize);
    let (clusters, routes) = (spec.clusters.len(), spec.routes.len());
    let cluster = &mut spec.clusters[at % clusters];
    let regions = cluster.regions.len();
    let region = &mut cluster.regions[at % regions];
    let endpoints = region.endpoints.len();
    let endpoint = &mut region.endpoints[at % endpoints];
    let route = &mut spec.routes[at % routes];
    match what {
        0 => endpoint.weight = endpoint.weight / 2 + 1,
        1 => endpoint.address.push('1'),
        2 => endpoint.authority = Some("api.example:80".into()),
        3 => endpoint.tls_name = Some("api.example".into()),
        4 => endpoint.name.push('x'),
        5 => region.weight = region.weight / 2 + 1,
        6 => region.rank += 1,
        7 => region.capacity = Some(Capacity::InFlight(7)),
        8 => cluster.knobs.pick = Some(Pick::Maglev(Maglev { size: Some(13), max_load_percent: None })),
        9 => cluster.knobs.slow_start = Some(SlowStart::over(Duration::from_secs(7)).floor(Ratio::percent(3))),
        10 => route.split[0].weight = route.split[0].weight / 2 + 1,
        11 => route.knobs.deadline = Some(Duration::from_millis(1234)),
        12 => route.sticky = Some(Sticky::cookie("c").scope(Scope::Region)),
        13 => route.matches[0].method = Some(Method::PATCH),
        14 => spec.hash_seed ^= 1,
        15 => spec.paths.allow_empty_segments = true,
        16 => spec.defaults = Knobs { deadline: Some(Duration::MAX), ..spec.defaults },
        17 => spec.defaults.retry = Some(Retry::default().attempts(5)),
        18 => spec.defaults.hedge = Some(Hedge::after(Duration::from_millis(345)).attempts(1)),
        19 => cluster.knobs.retry = Some(Retry::none()),
        20 => cluster.knobs.hedge = Some(Hedge::none().other_region()),
        21 => cluster.retry_budget = Some(RetryBudget::Successes(Successes { burst: 77, ..Successes::default() })),
        22 => route.knobs.retry = Some(Retry::default().per_try(Duration::from_millis(678))),
        23 => route.knobs.hedge = Some(Hedge::default().max_extra(Ratio::percent(13))),
        24 => {
            // A path that no rule at random has, so that no two are the same.
            let when = Match::new().path("/only/here");
            spec.trusts.push(TrustRule { when, claims: Claims::none().attempts() });
        }
        _ => route.name.push('x'),
    }
    spec
}

/// Clusters of both tables, the second's where both have one and `bits` says so, and the routes of one of them.
fn mixed(old: &TableSpec, other: TableSpec, bits: u64) -> TableSpec {
    let mut spec = old.clone();
    for (place, cluster) in other.clusters.into_iter().enumerate() {
        match spec.cluster_mut(&cluster.name) {
            Ok(known) if bits >> place & 1 == 1 => *known = cluster,
            Ok(_) => {}
            Err(_) => spec.clusters.push(cluster),
        }
    }
    if bits >> 32 & 1 == 1 {
        spec.routes = other.routes;
    }
    spec
}

proptest! {
    #![proptest_config(config(96))]

    /// I-05: empty iff the forms are equal, applied to the old table it gives the new one, and equal forms decide alike.
    #[test]
    fn a_diff_is_empty_exactly_when_the_forms_are_equal_and_applied_it_gives_the_new_table(
        (old, new) in pairs(), requests in vec(requests(), 8), words in vec(any::<u64>(), 4),
    ) {
        let equal = old.spec() == new.spec();
        let diff = old.diff(&new);
        prop_assert_eq!(diff.is_empty(), equal);
        prop_assert_eq!(diff.to_string().is_empty(), equal);
        prop_assert_eq!(old == new, equal);
        let applied = diff.apply(&old);
        prop_assert_eq!(applied.as_ref().map(Table::spec), Ok(new.spec()));
        let back = new.diff(&old).apply(&new);
        prop_assert_eq!(back.as_ref().map(Table::spec), Ok(old.spec()));
        let applied = applied.expect("as was just seen");
        prop_assert!(applied.diff(&new).is_empty());
        same_decisions(applied, new, &requests, &words)?;
        if equal {
            same_decisions(old.clone(), old.spec().clone().build().expect("a normal form builds"), &requests, &words)?;
        }
    }

    /// I-06: Clusters, regions, endpoints, routes, targets, matches and conditions have no order.
    #[test]
    fn a_table_in_another_order_is_the_same_table_and_makes_equal_decisions(
        spec in specs(), seed: u64, requests in vec(requests(), 12), words in vec(any::<u64>(), 6),
    ) {
        let (table, other) = (spec.clone().build().expect("sound"), shuffled(&spec, seed).build());
        prop_assert_eq!(other.as_ref(), Ok(&table));
        same_decisions(table, other.expect("as was just seen"), &requests, &words)?;
    }
}

/// I-05: Every kind of value is seen by a diff, said in words, and carried over by it.
#[test]
fn a_change_of_any_one_value_is_in_the_diff() {
    let old = TableSpec::new()
        .cluster("c", |c| {
            c.region("r", |r| r.weight(9).endpoint_with("e", "e:1", |e| e.weight(9)).endpoint("f", "f:1"))
        })
        .route("all", |r| r.any().split([("c", 9)]));
    for kind in 0..KINDS {
        let new = tweaked(&old, kind).build().expect("sound");
        let diff = old.clone().build().expect("sound").diff(&new);
        assert_eq!(diff.apply(&old.clone().build().expect("sound")).as_ref(), Ok(&new), "kind {kind}");
        assert!(!diff.to_string().is_empty(), "kind {kind}");
        let told = diff.to_string();
        assert!(told.lines().count() < 4, "kind {kind}: one value, not a new table: {told}");
        // It says what the value is now, or the name that came.
        let value = match kind {
            0 | 5 | 10 => "5",
            1 => "e:11",
            2 => "api.example:80",
            3 => "api.example",
            4 => "ex",
            6 | 14 => "1",
            7 | 9 => "7",
            8 => "13",
            11 => "1.234",
            12 => "c",
            13 => "PATCH",
            15 => "empty",
            16 => "deadline",
            17 => "attempts: 5",
            18 => "345ms",
            19 | 20 => "attempts: 1",
            21 => "burst: 77",
            22 => "678ms",
            23 => "0.13",
            24 => "/only/here",
            _ => "allx",
        };
        assert!(told.contains(value), "kind {kind}: {told}");
    }
}
