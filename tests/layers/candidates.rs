//! One candidate after another: the same request, uncopied, until an endpoint can take it.

use super::*;

fn stack(
    traffic: &Traffic,
    backends: &Backends,
) -> impl Service<Letter, Response = u64, Error = Error<&'static str>> + use<> {
    traffic.layers(Plain::new(facts)).per_endpoint(backends.make())
}

/// I-65: with two of three endpoints busy, the third gets the letter, in one poll, whichever it is.
#[test]
fn an_endpoint_that_is_busy_is_passed_over() {
    for free in ["a", "b", "c"] {
        for seed in 0..20 {
            let (traffic, _) = traffic(seed);
            let backends = Backends::new();
            backends.set_all(&["a", "b", "c"], &Readiness::Busy);
            backends.of(free).set_readiness(Readiness::Ready);
            call(&mut stack(&traffic, &backends), Letter(seed)).now().expect("one is free");
            assert_eq!(backends.delivered(), [(free.to_owned(), seed)]);
            assert_eq!(counts(&traffic), (0, 1, 0), "busy is nobody's failure");
        }
    }
}

/// I-65: when all of a region are busy the next region's are asked, as far as three candidates go.
#[test]
fn a_region_whose_endpoints_were_all_asked_gives_way_to_the_next() {
    let spec = TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.rank(0).endpoint("a", "a:1").endpoint("b", "b:1"))
                .region("us", |r| r.rank(1).endpoint("d", "d:1"))
        })
        .route("letters", |r| r.any().to("post"));
    for seed in 0..20 {
        let (clock, _hand) = Clock::manual();
        let table = spec.clone().build().expect("a sound table");
        let traffic = Traffic::with_sources(table, clock, Entropy::seeded(seed));
        let backends = Backends::new();
        backends.set_all(&["a", "b"], &Readiness::Busy);
        assert_eq!(call(&mut stack(&traffic, &backends), Letter(7)).now(), Ok(4));
        assert_eq!(backends.delivered(), [("d".to_owned(), 7)]);
    }
}

/// I-65: when nobody can take it the request waits for the first that may, and counts as in flight there alone.
#[test]
fn when_all_are_busy_it_waits_for_the_first() {
    let (traffic, _) = traffic(3);
    let backends = Backends::new();
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
    let mut waiting = call(&mut stack(&traffic, &backends), Letter(1));
    assert!(waiting.poll().is_pending());
    assert_eq!(counts(&traffic), (1, 0, 0));
    let status = traffic.status();
    let first = status.clusters[0].regions[0].endpoints.iter().find(|endpoint| endpoint.in_flight == 1);
    let first = first.expect("it waits in the first region").name.to_string();
    // Three were asked, the fourth was not.
    assert_eq!(backends.made().len(), 3);
    backends.of(&first).set_readiness(Readiness::Ready);
    waiting.now().expect("it is free");
    assert_eq!(backends.delivered(), [(first, 1)]);
}

/// Who waits keeps the turn that it has where it waits: others are not asked again.
#[test]
fn who_waits_keeps_its_turn() {
    let (traffic, _) = traffic(3);
    let backends = Backends::new();
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
    let mut waiting = call(&mut stack(&traffic, &backends), Letter(1));
    assert!(waiting.poll().is_pending());
    let status = traffic.status();
    let waits_at = |name: &&str| {
        status.clusters[0].regions[0].endpoints.iter().any(|one| one.name == **name && one.in_flight == 1)
    };
    let first = ["a", "b", "c"].into_iter().find(waits_at).expect("it waits in the first region");
    let others: Vec<_> = ["a", "b", "c", "d"].into_iter().filter(|name| *name != first).collect();
    backends.set_all(&others, &Readiness::Ready);
    assert!(waiting.poll().is_pending());
    backends.of(first).set_readiness(Readiness::Ready);
    waiting.now().expect("it is free");
    assert_eq!(backends.delivered(), [(first.to_owned(), 1)]);
}

/// A service that fails its readiness check is a failure of its endpoint, is dropped, and made anew for the next attempt.
#[test]
fn a_broken_service_is_passed_over_and_made_anew() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    let mut stack = stack(&traffic, &backends);
    backends.set_all(&["a", "b"], &Readiness::Broken("cut off"));
    for letter in 0..20 {
        assert_eq!(call(&mut stack, Letter(letter)).now(), Ok(3));
    }
    let made = backends.made();
    let times = |name: &str| made.iter().filter(|one| *one == name).count() as u64;
    assert!(times("a") > 1 && times("b") > 1, "{made:?}");
    assert_eq!(times("c"), 1);
    assert_eq!(counts(&traffic), (0, 20, times("a") + times("b")));
    backends.set_all(&["a", "b"], &Readiness::Ready);
    let answers: Vec<_> = (0..30).map(|letter| call(&mut stack, Letter(letter)).now().expect("all are well")).collect();
    assert!(answers.contains(&1) && answers.contains(&2));
}

/// When every candidate is broken the last one's error is the request's.
#[test]
fn when_all_are_broken_the_error_is_a_services_own() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Broken("cut off"));
    assert_eq!(call(&mut stack(&traffic, &backends), Letter(0)).now(), Err(Error::Inner("cut off")));
    assert_eq!(counts(&traffic), (0, 0, 3));
}

/// One service for all endpoints: when it is broken no other is asked, and no endpoint is to blame.
#[test]
fn a_shared_service_that_is_broken_is_nobodys_failure() {
    let (traffic, _) = traffic(1);
    let backend = Letters::new(Step::Answer(1));
    backend.set_readiness(Readiness::Broken("cut off"));
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Probe::new(backend.clone()));
    assert_eq!(call(&mut stack, Letter(0)).now(), Err(Error::Inner("cut off")));
    assert_eq!(counts(&traffic), (0, 0, 0));
}

/// I-23: an evacuation between the choice and the hand-over is obeyed.
#[test]
fn a_region_that_is_evacuated_before_the_first_poll_gets_nothing() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    let mut stack = stack(&traffic, &backends);
    let called = call(&mut stack, Letter(0));
    traffic.evacuate("eu", seconds(60)).expect("a region");
    assert_eq!(called.now(), Ok(4));
    assert_eq!(backends.delivered(), [("d".to_owned(), 0)]);
}

/// I-23: and one that comes while the request waits for its endpoint.
#[test]
fn a_region_that_is_evacuated_while_a_request_waits_gets_nothing() {
    let (traffic, _) = traffic(1);
    let backends = Backends::new();
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
    let mut waiting = call(&mut stack(&traffic, &backends), Letter(0));
    assert!(waiting.poll().is_pending());
    traffic.evacuate("eu", seconds(60)).expect("a region");
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Ready);
    assert_eq!(waiting.now(), Ok(4));
    assert_eq!(counts(&traffic), (0, 1, 0));
}

/// I-32: what we refuse is no endpoint's failure, success or sample.
#[test]
fn refusals_of_ours_are_nobodys_failure() {
    let (clock, hand) = Clock::manual();
    let spec = spec().route("closed", |r| r.when(contraflow::Match::new().path("/closed")).to("post"));
    let mut spec = spec;
    spec.routes.remove(0);
    let traffic = Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1));
    let backends = Backends::new();
    let refused = |traffic: &Traffic, path: &'static str| {
        let mut stack = traffic.layers(Plain::new(move |_: &Letter| Facts::path(path))).per_endpoint(backends.make());
        call(&mut stack, Letter(0)).now().expect_err("refused")
    };
    let reason = |error| match error {
        Error::Rejected(rejected) => rejected.reason(),
        other => panic!("{other:?} is no refusal"),
    };
    assert_eq!(reason(refused(&traffic, "/open")), Reason::NoRoute);
    assert_eq!(reason(refused(&traffic, "/a//b")), Reason::BadPath);
    backends.set_all(&["a", "b", "c", "d"], &Readiness::Busy);
    let mut stack = traffic.layers(Plain::new(|_: &Letter| Facts::path("/closed"))).per_endpoint(backends.make());
    let mut waiting = call(&mut stack, Letter(0));
    assert!(waiting.poll().is_pending());
    hand.advance(seconds(15));
    assert_eq!(reason(waiting.now().expect_err("its time is over")), Reason::Deadline);
    for region in ["eu", "us"] {
        traffic.evacuate(region, seconds(60)).expect("a region");
    }
    assert_eq!(reason(refused(&traffic, "/closed")), Reason::NoEndpoint);
    assert_eq!(counts(&traffic), (0, 0, 0));
    assert_eq!(backends.delivered(), []);
}
