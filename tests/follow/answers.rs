//! What an answer changes, and what it does not.

use super::*;

#[test]
fn an_answer_replaces_the_endpoints_of_its_region_and_nothing_else() {
    let mut followed = followed("ab");
    followed.answers("bc");
    assert_eq!(followed.traffic.snapshot().table().spec(), spec("bc").build().unwrap().spec());
    assert_eq!(followed.told(), ["+1 -1 ~0"]);
}

#[test]
fn an_answer_that_is_equal_but_for_its_order_publishes_nothing() {
    let mut followed = followed("abc");
    followed.answers("cab").answers("abc").after(seconds(100));
    assert_eq!(followed.generation(), 1);
    assert_eq!(followed.told(), [""; 0]);
}

#[test]
fn addresses_weights_and_authorities_are_taken_as_they_are() {
    let mut followed = followed("ab");
    let answer = vec![EndpointSpec::new("a", "a:81").weight(3).authority("a.example"), EndpointSpec::new("b", "b:80")];
    followed.hear(Ok(answer.clone()));
    assert_eq!(followed.endpoints(), answer);
    assert_eq!(followed.told(), ["+0 -0 ~1"]);
}

/// I-24: what was learned of an endpoint stays with its name.
#[test]
fn an_endpoint_that_stays_keeps_its_state() {
    let mut followed = followed("a");
    let snapshot = followed.traffic.snapshot();
    let decide = |word| {
        let draws = contraflow::Draws::from_word(word);
        snapshot.decide(&contraflow::Facts::path("/"), draws, followed.traffic.now()).expect("an endpoint")
    };
    let decision = (0..1000).map(decide).find(|one| snapshot.endpoint(one).is_some_and(|it| *it.name() == *"a"));
    let permit = snapshot.begin(&decision.expect("it is drawn"), followed.traffic.now()).expect("of this table");
    drop(snapshot);
    followed.hear(Ok(vec![EndpointSpec::new("a", "elsewhere:80").weight(9), EndpointSpec::new("b", "b:80")]));
    let in_flight = |followed: &Followed| followed.traffic.status().clusters[0].regions[0].endpoints[0].in_flight;
    assert_eq!(in_flight(&followed), 1);
    drop(permit);
    assert_eq!(in_flight(&followed), 0);
}

/// I-03: what makes no sound table changes nothing, and is told.
#[test]
fn an_answer_that_makes_no_sound_table_is_refused_as_a_whole() {
    let mut followed = followed("ab");
    followed.answers("abc");
    followed.told();
    for (unsound, why) in [
        (list("abb"), "clusters.api.regions.eu.endpoints.b: exists twice; give one of them another name"),
        (
            vec![EndpointSpec::new("d", "")],
            "clusters.api.regions.eu.endpoints.d.address: is empty; say where the endpoint is",
        ),
        (
            vec![EndpointSpec::new("d", "d:80").weight(0)],
            "clusters.api.regions.eu.endpoints: all weigh zero; give one a weight, or set the region's weight to 0 and keep one",
        ),
    ] {
        // So that nothing is held that weighs something.
        followed.after(seconds(200));
        let before = followed.traffic.snapshot();
        let mut followed = followed_again(&followed);
        followed.hear(Ok(unsound));
        assert_eq!(followed.told(), [format!("failed: the table has a problem: {why}")]);
        assert_eq!(followed.traffic.snapshot().generation(), before.generation());
        assert_eq!(followed.names(), "abc");
    }
    followed.after(seconds(100)).answers("abcd");
    assert_eq!(followed.names(), "abcd");
}

#[test]
fn a_refused_answer_is_forgotten() {
    let mut followed = followed("ab");
    followed.answers("abc").answers("abb");
    followed.told();
    followed.traffic.publish(spec("a").build().unwrap()).unwrap();
    followed.after(seconds(1));
    assert_eq!(followed.names(), "abc");
    assert_eq!(followed.told(), ["+2 -0 ~0"]);
}

/// Another who follows the same region, and believes all that is not empty.
fn followed_again(followed: &Followed) -> Followed {
    let source = Source::default();
    let future = Box::pin(followed.traffic.follow("api", "eu", source.clone()).confirm_after(Duration::ZERO));
    let (traffic, hand, heard) = (followed.traffic.clone(), followed.hand.clone(), followed.heard.clone());
    Followed { traffic, hand, source, heard, future }
}

#[test]
fn a_source_that_fails_leaves_the_last_answer_in_force() {
    let mut followed = followed("a");
    followed.answers("ab").hear(Err("no route to the registry")).after(seconds(1000));
    assert_eq!(followed.names(), "ab");
    assert_eq!(followed.told(), ["+1 -0 ~0", "failed: no route to the registry"]);
}

#[test]
fn it_ends_with_the_stream_and_leaves_the_last_answer_in_force() {
    let mut followed = followed("a");
    followed.source.put(Ok(list("ab")));
    followed.source.close();
    assert_eq!(followed.poll(), Poll::Ready(Ok(())));
    drop(followed.future);
    assert_eq!(names(&followed.traffic), "ab");
}

#[test]
fn a_region_that_is_not_in_the_table_is_named_with_the_nearest() {
    let (traffic, _hand) = traffic(spec("a"));
    let fails = |cluster, region| {
        let follow = Box::pin(traffic.follow(cluster, region, Source::default()));
        match { follow }.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Err(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(fails("apj", "eu"), "the table has no cluster `apj`; did you mean `api`?");
    assert_eq!(fails("api", "asia"), "cluster `api` has no region `asia`; there are `eu`, `us`");
}

#[test]
fn a_stream_that_always_has_an_answer_lets_other_tasks_run() {
    let (traffic, _hand) = traffic(spec("a"));
    let mut count = 0;
    let endless = futures_util::stream::repeat_with(|| {
        count += 1;
        assert!(count < 1000, "it hears for ever");
        list("ab")
    });
    let mut follow = Box::pin(traffic.follow("api", "eu", endless));
    assert!(follow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(names(&traffic), "ab");
}
