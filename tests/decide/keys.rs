//! I-10, I-11, I-12: a key's target is the same everywhere and always, and one weight moves no more keys than it must.

use super::*;

/// The policy that a route has for a cluster: the nearest that is set.
fn picks_by(spec: &TableSpec, route: &RouteSpec, cluster: &str) -> Pick {
    let cluster = spec.clusters.iter().find(|other| other.name == cluster).expect("a cluster of the split");
    route.knobs.or(cluster.knobs).or(spec.defaults).pick.unwrap_or_default()
}

proptest! {
    #![proptest_config(config(160))]

    /// I-10: Whatever the draws, the order in which the table was written, and the requests in flight (unless loads are
    /// bounded, which asks about them by design).
    #[test]
    fn a_key_goes_to_one_target_in_every_process_that_has_the_table(
        spec in specs(),
        requests in vec(requests(), 12),
        keys in vec("[a-z0-9]{1,8}", 12),
        evacuated in option::of(0..3u32),
        seeds: (u64, u64),
        loaded in 0..3u32,
    ) {
        let (one, _) = traffic(spec.clone(), seeds.0);
        let (other, _) = traffic(shuffled(&spec, seeds.1), seeds.1);
        if let Some(region) = evacuated {
            // Not every table has a region of that number; then neither does the other.
            let done = [&one, &other].map(|traffic| traffic.evacuate(&format!("region-{region}"), seconds(9)).is_ok());
            prop_assert_eq!(done[0], done[1]);
        }
        let (one_table, other_table) = (one.snapshot(), other.snapshot());
        let mut permits = Vec::new();
        for (request, key) in requests.iter().zip(&keys) {
            let facts = || Facts::http(request).map(|facts| facts.with_key(key.as_bytes()));
            let (Ok(facts), Ok(again)) = (facts(), facts()) else { continue };
            let first = one_table.decide(&facts, one.draws(), NOW);
            let second = other_table.decide(&again, other.draws().for_attempt(loaded), NOW);
            let (Ok(first), Ok(second)) = (&first, &second) else {
                // A cluster may have no region left; which cluster, without a key, is drawn.
                continue;
            };
            permits.extend((0..loaded * 8).filter_map(|_| other_table.begin(second, NOW)));
            prop_assert_eq!(first.key_hash(), second.key_hash());
            if first.key_hash().is_none() {
                continue;
            }
            let why = one_table.describe(first).expect("its own decision");
            let route = spec.routes.iter().find(|route| *why.route() == *route.name.as_str()).expect("a route of the table");
            let scope = route.sticky.as_ref().expect("a key has a source").scope;
            let pick = picks_by(&spec, route, why.cluster().as_str());
            let bounded = matches!(pick, Pick::Maglev(Maglev { max_load_percent: Some(_), .. }));
            let sticks = match scope {
                Scope::Cluster => 1,
                Scope::Region => 2,
                Scope::Endpoint if bounded && loaded > 0 => 2,
                Scope::Endpoint => 3,
            };
            let (first, second) = (names(&one_table, first), names(&other_table, second));
            prop_assert_eq!(&first[..sticks], &second[..sticks], "{:?}", route);
        }
    }
}

/// Who moves to another release moves no ocean away.
#[test]
fn a_key_keeps_its_region_in_another_cluster_of_the_same_regions_and_weights() {
    let (before, after) = (Weights::new(&[1, 0], &[2, 1, 4], &[1, 1]), Weights::new(&[0, 1], &[2, 1, 4], &[1, 1]));
    let at = |weights: &Weights| {
        let spec = weights.spec(|route| sticky(route, Some(Scope::Region)));
        let snapshot = traffic(spec, 1).0.snapshot();
        (0..500).map(|user| place(&snapshot, &decide_key(&snapshot, &format!("user-{user}")))[1]).collect::<Vec<_>>()
    };
    assert_eq!(at(&before), at(&after));
    assert!((0..3).all(|region| at(&before).contains(&region)));
}

/// I-10: Golden answers: promises to every process that has or will have this table. A change here moves every user.
#[test]
fn keys_go_where_they_always_went() {
    const KEYS: [&str; 6] =
        ["user-0", "user-1", "alice@example.org", "7", "\u{fc}", "a rather long key, longer than a block"];
    let weights = Weights::new(&[6, 3, 1], &[1, 2], &[1, 1, 2]);
    for seed in [1, 2] {
        let golden = |pick| {
            let spec = weights.spec(|route| sticky(route, Some(Scope::Endpoint)).pick(pick));
            let snapshot = traffic(spec.hash_seed(7), seed).0.snapshot();
            KEYS.map(|key| place(&snapshot, &decide_key(&snapshot, key)))
        };
        assert_eq!(golden(Pick::RoundRobin), [[2, 1, 1], [0, 1, 2], [0, 1, 2], [0, 0, 2], [0, 0, 2], [0, 0, 0]]);
        assert_eq!(golden(MAGLEV), [[2, 1, 0], [0, 1, 0], [0, 1, 2], [0, 0, 2], [0, 0, 0], [0, 0, 2]]);
    }
}

/// A change of one weight.
#[derive(Clone, Debug)]
struct Change {
    before: Weights,
    after: Weights,
    level: usize,
    place: usize,
}

impl Change {
    fn new(before: &Weights, level: usize, place: usize, weight: u32) -> Self {
        let mut after = before.clone();
        after.level_mut(level)[place] = weight;
        Change { before: before.clone(), after, level, place }
    }

    /// Where these keys go before, after, and when the weight is what it was.
    fn places(&self, pick: Pick, keys: &[String]) -> [Vec<[usize; 3]>; 3] {
        let spec = |weights: &Weights| weights.spec(|route| sticky(route, Some(Scope::Endpoint)).pick(pick));
        let (traffic, _) = traffic(spec(&self.before), 1);
        let places = || {
            let snapshot = traffic.snapshot();
            keys.iter().map(|key| place(&snapshot, &decide_key(&snapshot, key))).collect()
        };
        let was = places();
        traffic.publish(spec(&self.after).build().expect("a sound spec")).expect("nobody else publishes");
        let is = places();
        traffic.rollback().expect("there is one before");
        [was, is, places()]
    }

    fn raises(&self) -> bool {
        self.after.level(self.level)[self.place] > self.before.level(self.level)[self.place]
    }
}

fn changes() -> impl Strategy<Value = Change> {
    let weights = (with_zeros(), with_zeros(), with_zeros());
    let weight = prop_oneof![1 => Just(0), 4 => 1u32..20, 1 => any::<u32>()];
    (weights, 0..3usize, any::<Index>(), weight).prop_filter_map(
        "a weight is left, and one changes",
        |((split, regions, endpoints), level, place, weight)| {
            let before = Weights { split, regions, endpoints };
            let place = place.index(before.level(level).len());
            let change = Change::new(&before, level, place, weight);
            let left = change.after.level(level).iter().any(|&weight| weight > 0);
            (left && before.level(level) != change.after.level(level)).then_some(change)
        },
    )
}

proptest! {
    #![proptest_config(config(96))]

    /// I-11, I-12: A weight that rises only draws keys, one that falls only lets keys go, no level above or below moves
    /// with it, and the old weight brings every key back.
    #[test]
    fn one_weight_moves_no_key_between_two_others(
        change in changes(),
        pick in select(&PICKS[..4]),
        keys in vec("[a-z0-9]{1,12}", 100),
    ) {
        let [was, is, restored] = change.places(pick, &keys);
        prop_assert_eq!(&restored, &was);
        for (was, is) in was.iter().zip(&is) {
            for level in 0..3 {
                let (was, is) = (was[level], is[level]);
                let entered = change.raises() && is == change.place;
                let left = !change.raises() && was == change.place;
                prop_assert!(was == is || level == change.level && (entered || left), "{:?}: {} to {}", change, was, is);
            }
        }
    }
}

/// I-12: The keys that move are as many as the distance of the two distributions, for one weight the change of its share:
/// no fewer could move, and no more do.
#[test]
fn one_weight_moves_as_many_keys_as_its_share_changes() {
    const KEYS: usize = 20_000;
    let keys: Vec<_> = keys(KEYS).collect();
    let before = Weights::new(&[60, 30, 10], &[1, 2, 7], &[2, 2, 2, 2]);
    for (level, place, weight) in
        [(0, 2, 20), (0, 0, 30), (0, 1, 0), (1, 0, 4), (1, 2, 3), (2, 1, 3), (2, 3, 0), (2, 0, 1)]
    {
        let change = Change::new(&before, level, place, weight);
        let [was, is, restored] = change.places(Pick::LeastInFlight, &keys);
        let moved = was.iter().zip(&is).filter(|(was, is)| was != is).count();
        let shares = [&change.before, &change.after].map(|weights| weights.probability(level, place));
        assert_share(moved, KEYS, (shares[0] - shares[1]).abs(), 0.0, &format!("{change:?}"));
        assert_eq!(restored, was, "{change:?}");
    }
}
