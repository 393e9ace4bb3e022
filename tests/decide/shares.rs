//! I-07, I-08, I-15: zero is never chosen, the others as their weights say, and the probabilities that are told are exact.

use super::*;

proptest! {
    #![proptest_config(config(192))]

    /// I-07: Under every pick, scope and word, with regions evacuated and endpoints full of requests in flight.
    #[test]
    fn a_weight_of_zero_is_never_chosen(
        (split, regions, endpoints) in (with_zeros(), with_zeros(), with_zeros()),
        pick in prop_oneof![select(&PICKS[..]), pick()],
        scope in option::of(select(&SCOPES[..])),
        evacuated in vec(any::<Index>(), 0..3),
        words in vec(any::<u64>(), 48),
    ) {
        let weights = Weights { split, regions, endpoints };
        let (traffic, _hand) = traffic(weights.spec(|route| sticky(route, scope).pick(pick)), 1);
        let snapshot = traffic.snapshot();
        let mut left = weights.regions.clone();
        let mut permits = Vec::new();
        for (turn, &word) in words.iter().enumerate() {
            if turn == words.len() / 2 {
                for region in &evacuated {
                    let region = region.index(left.len());
                    left[region] = 0;
                    traffic.evacuate(&format!("r{region}"), seconds(60)).expect("a region of that name");
                }
            }
            let key = word.to_be_bytes();
            let facts = if turn % 4 == 0 { Facts::path("/") } else { Facts::path("/").with_key(&key) };
            let decided = snapshot.decide(&facts, Draws::from_word(word).for_attempt(turn as u32 % 3), NOW);
            if left.iter().all(|&weight| weight == 0) {
                prop_assert_eq!(decided.map_err(|rejected| rejected.reason()), Err(Reason::NoEndpoint));
                continue;
            }
            let decision = decided.expect("a region is left");
            let [cluster, region, endpoint] = place(&snapshot, &decision);
            prop_assert!(weights.split[cluster] > 0 && left[region] > 0 && weights.endpoints[endpoint] > 0, "{:?}", decision);
            prop_assert!(decision.cluster_share().part() > 0 && decision.region_share().part() > 0);
            permits.extend(snapshot.begin(&decision, NOW));
        }
    }
}

/// The weights that shares are measured for: three levels that are uneven, even, and with zeros.
fn measured() -> [Weights; 3] {
    [
        Weights::new(&[60, 30, 10], &[1, 2, 7], &[1, 4, 2, 3]),
        Weights::new(&[1, 1, 1], &[5, 5], &[3, 3, 3, 3, 3]),
        Weights::new(&[0, 999, 1], &[2, 0, 1], &[0, 7, 0, 1, 2]),
    ]
}

/// I-08: A split and regions are drawn by weight; so are endpoints at random and, while all are idle, by their loads, whose
/// ties go to the first drawn.
#[test]
fn over_random_words_every_level_has_the_shares_of_its_weights() {
    const TRIALS: usize = 30_000;
    for weights in measured() {
        for pick in [Pick::Random, Pick::LeastInFlight, Pick::PeakEwma, MAGLEV] {
            let snapshot = in_force(weights.spec(|route| route.pick(pick)));
            let places = words(8, TRIALS).map(|word| place(&snapshot, &decide(&snapshot, word)));
            let counts = tally(places, &weights);
            for (level, counts) in counts.iter().enumerate() {
                for (place, &count) in counts.iter().enumerate() {
                    let share = weights.probability(level, place);
                    // A Maglev table is within 1% and one slot of at least 1021.
                    let slack =
                        if level == 2 && pick == MAGLEV && share > 0.0 { share * 0.01 + 1.0 / 1021.0 } else { 0.0 };
                    assert_share(count, TRIALS, share, slack, &format!("{pick:?}, {weights:?}, {level}: {place}"));
                }
            }
        }
    }
}

/// I-08: Over keys, as far as they reach, the shares are the same.
#[test]
fn over_sticky_keys_every_level_has_the_shares_of_its_weights() {
    const TRIALS: usize = 30_000;
    for weights in measured() {
        let snapshot = in_force(weights.spec(|route| sticky(route, Some(Scope::Endpoint))));
        let counts = tally(keys(TRIALS).map(|key| place(&snapshot, &decide_key(&snapshot, &key))), &weights);
        for (level, counts) in counts.iter().enumerate() {
            for (place, &count) in counts.iter().enumerate() {
                let share = weights.probability(level, place);
                assert_share(count, TRIALS, share, 0.0, &format!("{weights:?}, {level}: {place}"));
            }
        }
    }
}

/// Fails unless a smooth round robin over these weights is, at every prefix of its cycle, where its shares say.
///
/// After n picks a weight w of W should have n w / W. A pick takes the endpoint that is furthest behind, which is behind by
/// more than nothing, so none is ever ahead by a pick. Nor is any of e endpoints behind by more than H(e) - 1 picks, H(e)
/// being 1 + 1/2 + .. + 1/e: if k of them together are behind by the most they ever are, M(k), then the pick before went to
/// another that was no less behind than their mean, so M(k) / k <= (M(k + 1) + 1) / (k + 1), and M(e) is 0.
fn take_turns(weights: &[u32]) -> Result<f64, TestCaseError> {
    fn gcd(a: u32, b: u32) -> u32 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let snapshot = in_force(endpoints(weights).spec(|route| route));
    let turn = || snapshot.decide(&Facts::path("/turns"), Draws::from_word(0), NOW).expect("a turn");
    let drawn = weights.iter().filter(|&&weight| weight > 0).count();
    if drawn == 1 {
        prop_assert_eq!(turn().endpoint_reason(), EndpointReason::Only);
        return Ok(0.0);
    }
    let divisor = weights.iter().fold(0, |divisor, &weight| gcd(divisor, weight));
    let weights: Vec<u64> = weights.iter().map(|&weight| u64::from(weight / divisor)).collect();
    let cycle: u64 = weights.iter().sum();
    let bound: f64 = (2..=drawn).map(|number| 1.0 / number as f64).sum();
    while !next_ticket(&snapshot).is_multiple_of(cycle) {
        turn();
    }
    let (mut counts, mut behind) = (vec![0; weights.len()], 0.0f64);
    for picks in 1..=2 * cycle {
        let decision = turn();
        prop_assert_eq!(decision.endpoint_reason(), EndpointReason::Turn);
        counts[place(&snapshot, &decision)[2]] += 1;
        for (&weight, &count) in weights.iter().zip(&counts) {
            let (should, has) = (i128::from(picks * weight), i128::from(count * cycle));
            prop_assert!(has - should < i128::from(cycle), "{:?} after {}: {:?}", weights, picks, counts);
            prop_assert!(picks % cycle != 0 || has == should, "{:?}: {:?} in whole cycles", weights, counts);
            behind = behind.max((should - has) as f64 / cycle as f64);
        }
    }
    prop_assert!(behind <= bound + 1e-9, "{:?}: {} behind", weights, behind);
    Ok(behind)
}

proptest! {
    #![proptest_config(config(48))]

    /// I-08: Never a pick ahead, and exact in every whole cycle.
    #[test]
    fn a_smooth_round_robin_is_nowhere_a_pick_ahead_of_its_shares_and_exact_over_a_cycle(
        weights in vec(0u32..40, 1..9).prop_filter("a weight", |weights| weights.iter().any(|&weight| weight > 0)),
    ) {
        take_turns(&weights)?;
    }
}

/// I-08: With three endpoints none is a pick behind either: H(3) - 1 is 5/6. With many it can be, as it is in nginx.
#[test]
fn a_smooth_round_robin_of_few_endpoints_is_nowhere_a_pick_behind_either() {
    for weights in [[5, 1, 1], [1, 1, 1], [7, 2, 0], [40, 39, 1], [20, 3, 17]] {
        assert!(take_turns(&weights).expect("within its bounds") < 1.0, "{weights:?}");
    }
    let most = take_turns(&[2, 3, 3, 33, 1, 3, 33, 1, 1, 1, 38, 3]).expect("within its bounds");
    assert!(most > 1.28 && most < 1.29, "{most}");
}

/// Whether the probabilities of these sum to one, in integers.
fn sum_to_one(shares: impl Iterator<Item = [Share; 2]>) -> bool {
    fn gcd(a: u128, b: u128) -> u128 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let sum = shares.fold((0u128, 1u128), |(part, whole), [cluster, region]| {
        let its_part = u128::from(cluster.part()) * u128::from(region.part());
        let its_whole = u128::from(cluster.whole()) * u128::from(region.whole());
        let (part, whole) = (part * its_whole + its_part * whole, whole * its_whole);
        let divisor = gcd(part, whole);
        (part / divisor, whole / divisor)
    });
    sum == (1, 1)
}

/// Clusters of different regions, some of which are called as clusters are: a name must not draw its namesake.
fn crossed(scope: Option<Scope>) -> TableSpec {
    let one = |name: &'static str, regions: &'static [(&'static str, u32, u32)]| {
        move |spec: TableSpec| {
            spec.cluster(name, |cluster| {
                regions.iter().fold(cluster, |cluster, &(name, rank, weight)| {
                    cluster.region(name, |region| region.rank(rank).weight(weight).endpoint(name, "10.0.0.1:80"))
                })
            })
        }
    };
    let spec = one("us", &[("us", 0, 3), ("eu", 0, 1), ("ap", 1, 5)])(TableSpec::new());
    let spec = one("eu", &[("us", 0, 2), ("eu", 0, 0), ("sa", 0, 5)])(spec);
    let spec = one("ap", &[("ap", 4, 1), ("eu", 7, 1)])(spec);
    let spec = one("none", &[("us", 0, 1)])(spec);
    spec.route("all", |r| sticky(r.any().split([("us", 50), ("eu", 30), ("ap", 19), ("none", 0)]), scope))
}

/// I-15: Of random words and of keys, before an evacuation and after.
#[test]
fn probabilities_sum_to_one_over_all_pairs_and_are_how_often_each_is_chosen() {
    const TRIALS: usize = 20_000;
    for scope in [None, Some(Scope::Region)] {
        let (traffic, _hand) = traffic(crossed(scope), 1);
        // The pairs that are eligible when one more region is out.
        for (evacuated, pairs) in [(None, 5), (Some("us"), 3), (Some("eu"), 3)] {
            if let Some(region) = evacuated {
                traffic.evacuate(region, seconds(60)).expect("a region of that name");
            }
            let snapshot = traffic.snapshot();
            let decisions: Vec<_> = match scope {
                None => words(15, TRIALS).map(|word| decide(&snapshot, word)).collect(),
                Some(_) => keys(TRIALS).map(|key| decide_key(&snapshot, &key)).collect(),
            };
            let mut seen: BTreeMap<_, (usize, Decision)> = BTreeMap::new();
            for decision in decisions {
                let [cluster, region, _] = names(&snapshot, &decision);
                seen.entry((cluster, region)).or_insert((0, decision)).0 += 1;
            }
            assert_eq!(seen.len(), pairs, "{evacuated:?}: {seen:?}");
            assert!(sum_to_one(seen.values().map(|(_, one)| [one.cluster_share(), one.region_share()])), "{seen:?}");
            let sum: f64 = seen.values().map(|(_, decision)| decision.probability()).sum();
            assert!((sum - 1.0).abs() < 1e-12, "{sum}");
            for (pair, (count, decision)) in &seen {
                assert_share(
                    *count,
                    TRIALS,
                    decision.probability(),
                    0.0,
                    &format!("{scope:?}, {evacuated:?}: {pair:?}"),
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(config(96))]

    /// I-15: A decision's shares are its target's weight over the split's sum, and what the status says of the region; a
    /// cluster's regions have all of it or, when each is out, nothing.
    #[test]
    fn a_decisions_shares_are_the_tables_and_the_views(
        table in tables(), requests in vec(requests(), 12), words in vec(any::<u64>(), 12), evacuated in option::of(0..3u32),
    ) {
        let (traffic, _hand) = traffic(table.spec().clone(), 1);
        if let Some(region) = evacuated {
            // Where no cluster has a region of that number, none is out.
            drop(traffic.evacuate(&format!("region-{region}"), seconds(9)));
        }
        let (snapshot, status) = (traffic.snapshot(), traffic.status());
        for cluster in &status.clusters {
            let whole = cluster.regions[0].share.whole();
            prop_assert!(cluster.regions.iter().all(|region| region.share.whole() == whole));
            let parts: u64 = cluster.regions.iter().map(|region| region.share.part()).sum();
            let all_out = cluster.regions.iter().all(|region| {
                region.readmitted_in.is_some() || snapshot.table().cluster(cluster.name.as_str()).is_none_or(|cluster| {
                    cluster.regions().iter().any(|other| *other.name() == region.name && other.weight() == 0)
                })
            });
            prop_assert_eq!(parts, if all_out { 0 } else { whole }, "{:?}", cluster);
        }
        for (request, &word) in requests.iter().zip(&words) {
            let Ok(facts) = Facts::http(request) else { continue };
            let Ok(decision) = snapshot.decide(&facts, Draws::from_word(word), NOW) else { continue };
            let why = snapshot.describe(&decision).expect("its own decision");
            let route = table.spec().routes.iter().find(|route| *why.route() == *route.name.as_str());
            let split = &route.expect("a route of the table").split;
            let sum = split.iter().map(|target| u64::from(target.weight)).sum();
            let target = split.iter().find(|target| *why.cluster() == *target.cluster.as_str()).expect("one of the split");
            prop_assert!(equal(decision.cluster_share(), (target.weight.into(), sum)), "{}", why);
            let cluster = status.clusters.iter().find(|cluster| cluster.name == *why.cluster()).expect("a cluster");
            let region = cluster.regions.iter().find(|region| region.name == *why.region()).expect("a region");
            prop_assert!(equal(decision.region_share(), (region.share.part(), region.share.whole())), "{}", why);
        }
    }
}

/// The word whose stream has these bits at the place of a purpose, the split or the region: `SplitMix64` backwards.
fn word_with(bits: u64, purpose: u64) -> u64 {
    let bits = (bits ^ bits >> 31 ^ bits >> 62).wrapping_mul(0x3196_42B2_D24D_8EC3);
    let bits = (bits ^ bits >> 27 ^ bits >> 54).wrapping_mul(0x96DE_1B17_3F11_9089);
    (bits ^ bits >> 30 ^ bits >> 60).wrapping_sub(purpose.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// I-07, I-08: A draw of 64 bits is the point `bits x total / 2^64` of a line on which each target has its weight. Each
/// end of a weight is met from both sides, to the last bit: a target has all bits that are its own, and zero has none.
#[test]
fn the_bits_next_to_a_border_belong_to_the_targets_beside_it() {
    for weights in [&[0, 1, 0, 0, 2, 7, 0][..], &[u32::MAX, 0, 1, u32::MAX], &[0, 1, 1_000_000_007, 3, 0], &[5, 0]] {
        for level in [0, 1] {
            let (split, regions) = if level == 0 { (weights, &[1][..]) } else { (&[1][..], weights) };
            let snapshot = in_force(Weights::new(split, regions, &[1]).spec(|route| route));
            let total: u64 = weights.iter().copied().map(u64::from).sum();
            let at = |bits: u64| place(&snapshot, &decide(&snapshot, word_with(bits, level as u64 + 1)))[level];
            let mut end = 0;
            let mut begin = 0;
            for (target, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
                end += u64::from(weight);
                // The first bits whose point is not below the end; one more than the last bits of all, for the last.
                let after = (u128::from(end) << 64).div_ceil(u128::from(total));
                let last = (after - 1) as u64;
                assert_eq!((at(begin), at(last)), (target, target), "{weights:?}, {level}: {begin:x} to {last:x}");
                begin = last.wrapping_add(1);
            }
            assert_eq!(begin, 0, "all bits are somebody's");
        }
    }
}
