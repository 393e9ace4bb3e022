//! I-14: the work of a decision is bounded, as far as that can be seen from outside.

use super::*;

/// I-14: What a decision tells of its work: the slots that had their fill. However many endpoints are full, it looks at 16,
/// and then at two more, of which it takes one, full or not: it finds the one that is free as often as that many draws do.
/// What else it does, and how long, cannot be seen from outside.
#[test]
fn a_decision_looks_at_sixteen_slots_at_most_however_many_endpoints_are_full() {
    const KEYS: usize = 1000;
    for count in [20, 200, 2000] {
        let snapshot = in_force(bounded(&vec![1; count], 100));
        let mut counts = vec![1; count];
        counts[count / 2] = 0;
        // All in flight and one more are as many as there are endpoints, so the bound is one each.
        let _permits = load(&snapshot, &one_each(&snapshot, count), &counts);
        let (mut most, mut free) = (0, 0);
        for (key, word) in keys(KEYS).zip(words(14, KEYS)) {
            let facts = Facts::path("/").with_key(key.as_bytes());
            let decision = snapshot.decide(&facts, Draws::from_word(word), NOW).expect("an endpoint");
            let why = snapshot.describe(&decision).expect("its own decision").to_string();
            let full = why.split_once(" had their fill").and_then(|(text, _)| text.rsplit(' ').next()?.parse().ok());
            most = most.max(full.unwrap_or(0));
            free += usize::from(place(&snapshot, &decision)[2] == count / 2);
        }
        assert_eq!(most, 16, "{count}");
        let free_part = 1.0 / count as f64;
        let found = 1.0 - (1.0 - free_part).powi(16) * (1.0 - 2.0 * free_part);
        // Of at least 100 slots it has one more or less.
        assert_share(free, KEYS, found, found * 0.01, &format!("one of {count}"));
    }
}

/// I-14: However many regions are out, one is drawn, once, among those that are left: so its share and its reason say.
#[test]
fn a_region_is_drawn_among_those_that_are_left_however_many_are_out() {
    for scope in [None, Some(Scope::Region)] {
        let weights = Weights::new(&[1], &[1; 64], &[1]);
        let (traffic, _hand) = traffic(weights.spec(|route| sticky(route, scope)), 1);
        let snapshot = traffic.snapshot();
        for left in (1..64).rev() {
            traffic.evacuate(&format!("r{left}"), seconds(60)).expect("a region of that name");
            for word in words(14, 16) {
                let decision = decide_key(&snapshot, &word.to_string());
                let reason = match scope {
                    _ if left == 1 => RegionReason::Only,
                    None => RegionReason::Random,
                    Some(_) => RegionReason::Sticky,
                };
                assert!(place(&snapshot, &decision)[1] < left);
                assert!(equal(decision.region_share(), (1, left as u64)), "{left}: {decision:?}");
                assert_eq!(decision.region_reason(), reason);
            }
        }
    }
}

/// I-14: A round robin takes one ticket for one decision, whoever's turn it is: 49 of 50 use one turn in 64, and their
/// other turns are drawn by weight at once, not sought along the cycle.
#[test]
fn a_turn_that_is_passed_takes_one_ticket() {
    let spec = |count| {
        let slow_start = SlowStart::over(seconds(6400)).floor(Ratio::ZERO);
        endpoints(&vec![1; count]).spec(|route| route).slow_start(slow_start)
    };
    let (traffic, _hand) = traffic(spec(1), 1);
    traffic.publish(spec(50).build().expect("sound")).expect("nobody else publishes");
    let snapshot = traffic.snapshot();
    let mut passed = 0;
    for word in words(14, 5000) {
        let ticket = next_ticket(&snapshot);
        let decision = snapshot.decide(&Facts::path("/turns"), Draws::from_word(word), NOW).expect("an endpoint");
        assert_eq!(next_ticket(&snapshot), ticket + 1);
        passed += usize::from(decision.endpoint_reason() == EndpointReason::TurnPassed);
    }
    // 5000 are whole cycles, so only the steps are left to chance.
    assert_share(passed, 5000, 49.0 / 50.0 * 63.0 / 64.0, 0.0, "passed");
}

/// I-14: What is out takes no draw and no place: with 61 of 64 regions evacuated each word and each key is decided, and
/// explained, as by a table that never had them.
#[test]
fn regions_that_are_out_take_no_part_in_a_decision() {
    let left = ["r7", "r31", "r60"];
    let all: Vec<u32> = (0..64).map(|region| region % 5 + 1).collect();
    for scope in [None, Some(Scope::Region)] {
        let spec = || Weights::new(&[1], &all, &[1, 2]).spec(|route| sticky(route, scope));
        let (many, _hand) = traffic(spec(), 1);
        for region in (0..64).map(|number| format!("r{number}")).filter(|region| !left.contains(&region.as_str())) {
            many.evacuate(&region, seconds(60)).expect("a region of that name");
        }
        let mut few = spec();
        few.clusters[0].regions.retain(|region| left.contains(&region.name.as_str()));
        let (many, few) = (many.snapshot(), in_force(few));
        for word in words(14, 500) {
            let key = word.to_be_bytes();
            let [many, few] = [&many, &few].map(|snapshot| {
                let facts = Facts::path("/").with_key(&key);
                let why = snapshot.explain(&facts, Draws::from_word(word), NOW).expect("a region is left").to_string();
                // All but the last line, which names the epoch.
                why.rsplit_once('\n').expect("a line for each step").0.to_owned()
            });
            assert_eq!(many, few);
        }
    }
}
