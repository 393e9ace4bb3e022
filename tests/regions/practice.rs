//! Some requests keep away from a region that works.

use super::*;

#[test]
fn a_part_of_the_requests_keeps_away_and_the_others_do_not() {
    let (traffic, hand) = traffic(three_regions());
    traffic.practise("eu", Practice::lasting(HOUR).share(Ratio::percent(10))).expect("a region");
    let seen = places(&traffic, "/", 10_000);
    // 1000 expected, standard deviation 30.
    assert!((850..1150).contains(&seen["us"]) && seen.len() == 2, "{seen:?}");
    assert_eq!(traffic.status().clusters[0].regions[1].practised_for, Some(HOUR));
    hand.advance(HOUR);
    assert_eq!(places(&traffic, "/", 1000)["eu"], 1000, "it is over");
}

#[test]
fn only_what_the_match_takes_practises() {
    let (traffic, _) = traffic(three_regions());
    let internal = Practice::lasting(HOUR).share(Ratio::ONE).when(Match::new().path_prefix("/internal"));
    traffic.practise("eu", internal).expect("a region");
    assert_eq!(place(&traffic, "/internal/a").as_deref(), Ok("us"));
    assert_eq!(place(&traffic, "/shop").as_deref(), Ok("eu"));
    traffic.stop_practising("eu").expect("a region");
    assert_eq!(place(&traffic, "/internal/a").as_deref(), Ok("eu"));
}

#[test]
fn nobody_is_refused_for_practice() {
    let (traffic, _) = traffic(three_regions());
    traffic.practise("eu", Practice::lasting(HOUR).share(Ratio::ONE)).expect("a region");
    traffic.evacuate("us", HOUR).expect("a region");
    traffic.evacuate("ap", HOUR).expect("a region");
    assert_eq!(place(&traffic, "/").as_deref(), Ok("eu"));
}

#[test]
fn a_user_practises_for_as_long_as_it_lasts() {
    let mut spec = three_regions();
    spec.routes[0].sticky = Some(Sticky::caller());
    let (traffic, _) = traffic(spec);
    traffic.practise("eu", Practice::lasting(HOUR).share(Ratio::percent(50))).expect("a region");
    let snapshot = traffic.snapshot();
    let region = |key: u32| {
        let bytes = key.to_be_bytes();
        let facts = Facts::path("/").with_key(&bytes);
        let decision = snapshot.decide(&facts, traffic.draws(), traffic.now()).expect("a region");
        snapshot.describe(&decision).expect("its own").region().to_string()
    };
    let first: Vec<_> = (0..200).map(region).collect();
    assert!((70..130).contains(&first.iter().filter(|region| *region == "us").count()));
    assert_eq!((0..200).map(region).collect::<Vec<_>>(), first);
}

#[test]
fn an_unsound_match_is_told() {
    let (traffic, _) = traffic(three_regions());
    let wrong = Practice::lasting(HOUR).when(Match::new().path("no-slash"));
    assert!(traffic.practise("eu", wrong).unwrap_err().to_string().contains("match.path"));
    assert_eq!(
        traffic.practise("eux", Practice::lasting(HOUR)).unwrap_err().to_string(),
        "no cluster has a region `eux`; did you mean `eu`?"
    );
}
