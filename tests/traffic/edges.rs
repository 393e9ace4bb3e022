//! What was once wrong at the edges: long silences, questions about the future, tables gone back to twice.

use super::*;
use contraflow::table::EndpointSpec;

fn two(pick: Pick) -> TableSpec {
    TableSpec::new()
        .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:80").endpoint("b", "b:80")))
        .route("all", |r| r.any().to("api").pick(pick))
}

fn traffic(spec: TableSpec) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(1)), hand)
}

fn share_of(traffic: &Traffic, name: &str) -> usize {
    let snapshot = traffic.snapshot();
    let goes_there = |&word: &u64| {
        let draws = Draws::from_word(word.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let decision = snapshot.decide(&Facts::path("/"), draws, traffic.now()).expect("an endpoint");
        snapshot.endpoint(&decision).is_some_and(|endpoint| *endpoint.name() == *name)
    };
    (0..1000).filter(goes_there).count()
}

#[test]
fn an_endpoint_that_was_slow_before_a_long_silence_is_tried_again() {
    let (traffic, hand) = traffic(two(Pick::PeakEwma));
    let snapshot = traffic.snapshot();
    for (name, took) in [("a", seconds(10)), ("b", Duration::from_millis(10))] {
        let decide = |word| snapshot.decide(&Facts::path("/"), Draws::from_word(word), Instant::START);
        let mut decisions = (0..100).filter_map(|word| decide(word).ok());
        let decision = decisions.find(|one| snapshot.endpoint(one).is_some_and(|endpoint| *endpoint.name() == *name));
        let mut permit = snapshot.begin(&decision.expect("each is drawn"), Instant::START).expect("of this table");
        permit.answered(Outcome::Success, Instant::START.after(took));
    }
    // The tick of the average wraps after 78 hours; whatever the silence, both are asked alike after it.
    for hours in [1, 20, 38, 40, 50, 77, 79] {
        hand.advance_to(Instant::START.after(seconds(hours * 3600 + 11)));
        let share = share_of(&traffic, "a");
        assert!((400..600).contains(&share), "after {hours} h it gets {share} of 1000");
    }
}

#[test]
fn who_asks_about_the_future_changes_nothing() {
    let (traffic, hand) = traffic(two(Pick::Random).slow_start(SlowStart::over(seconds(600))));
    hand.advance(seconds(10));
    let new = EndpointSpec { name: "c".into(), address: "c:80".into(), authority: None, tls_name: None, weight: 1 };
    traffic
        .edit(|spec| {
            spec.cluster_mut("api")?.region_mut("eu")?.endpoints.push(new.clone());
            Ok(())
        })
        .expect("a sound table");
    let before = share_of(&traffic, "c");
    let later = traffic.now().after(seconds(3600));
    traffic.snapshot().explain(&Facts::path("/"), Draws::from_word(1), later).expect("an endpoint");
    assert_eq!(share_of(&traffic, "c"), before, "its warm-up has only begun");
}

#[test]
fn the_status_knows_that_an_evacuation_has_expired_before_any_request_does() {
    let spec = TableSpec::new()
        .failover(at_once())
        .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:80")).region("us", |r| r.endpoint("b", "b:80")))
        .route("all", |r| r.any().to("api"));
    let (traffic, hand) = traffic(spec);
    traffic.evacuate("eu", seconds(60)).expect("a region");
    hand.advance(seconds(61));
    let status = traffic.status();
    let eu = &status.clusters[0].regions[0];
    assert_eq!((eu.share.to_string().as_str(), eu.readmitted_in), ("1/2", None));
}

#[test]
fn going_back_from_a_table_that_was_gone_back_to_by_its_number_starts_at_that_tables_own_place() {
    let spec = |endpoint: &str| {
        let endpoint = endpoint.to_owned();
        let spec = TableSpec::new().cluster("api", |c| c.region("eu", |r| r.endpoint(endpoint, "a:80")));
        spec.route("all", |r| r.any().to("api")).build().expect("a sound table")
    };
    let traffic = Traffic::new(spec("first"));
    let endpoint = || traffic.status().clusters[0].regions[0].endpoints[0].name.to_string();
    traffic.publish(spec("second")).expect("nothing refuses");
    traffic.publish(spec("bad")).expect("nothing refuses");
    let back = traffic.rollback().expect("there is one before").generation();
    traffic.publish(spec("worse")).expect("nothing refuses");
    traffic.rollback_to(back).expect("it is remembered");
    assert_eq!(endpoint(), "second");
    traffic.rollback().expect("there is one before");
    assert_eq!(endpoint(), "first");
}

#[test]
fn one_sweep_frees_a_table_and_the_state_that_only_it_had() {
    let (traffic, _) = traffic(two(Pick::Random));
    let pin = traffic.snapshot();
    traffic
        .edit(|spec| {
            spec.cluster_mut("api")?.region_mut("eu")?.endpoints.pop();
            Ok(())
        })
        .expect("a sound table");
    let decision = (0..100).find_map(|word| {
        let decision = pin.decide(&Facts::path("/"), Draws::from_word(word), traffic.now()).ok()?;
        pin.endpoint(&decision).is_some_and(|endpoint| *endpoint.name() == *"b").then_some(decision)
    });
    let permit = pin.begin(&decision.expect("b is drawn"), traffic.now()).expect("of this table");
    assert_eq!(traffic.sweep().draining, 1);
    drop((permit, pin));
    let swept = traffic.sweep();
    assert_eq!((swept.retired, swept.draining), (0, 0));
}

#[test]
fn the_longest_warm_up_overflows_nothing() {
    for slow_start in [
        SlowStart::over(Duration::MAX).aggression(1e-9),
        SlowStart::over(Duration::MAX).floor(contraflow::Ratio::percent(99)),
    ] {
        let (traffic, _) = traffic(two(Pick::Random).slow_start(slow_start));
        let new = EndpointSpec { name: "c".into(), address: "c:80".into(), authority: None, tls_name: None, weight: 1 };
        let edited = traffic.edit(|spec| {
            spec.cluster_mut("api")?.region_mut("eu")?.endpoints.push(new.clone());
            Ok(())
        });
        assert!(edited.is_ok());
    }
}

#[test]
fn an_epoch_is_never_used_again_for_a_cluster_that_comes_back() {
    let (traffic, _) = traffic(two(Pick::Random));
    let first = traffic.status().clusters[0].epoch;
    let whole = traffic.snapshot().table().clone();
    let other = TableSpec::new()
        .failover(at_once())
        .cluster("else", |c| c.region("eu", |r| r.endpoint("a", "a:80")))
        .route("all", |r| r.any().to("else"));
    traffic.publish(other.build().expect("a sound table")).expect("nothing refuses");
    traffic.publish(whole).expect("nothing refuses");
    assert_ne!(traffic.status().clusters[0].epoch, first);
}
