//! Who may go to an endpoint that waits for evidence, when limits and readiness are in the way.

use super::*;
use contraflow::table::{Endpoint, Queue};
use contraflow::testing::Readiness;
use contraflow::{EndpointHealth, Limit, Outlier};
use std::pin::Pin;

type Letters = Backend<u32, (), &'static str>;

/// A region of three, of which `a` is out until the hand has moved on by 12 s.
fn one_is_out(limit: Option<Limit>) -> (Traffic, ManualClock, BTreeMap<String, Letters>) {
    let outlier = Outlier::default().consecutive(2).times(seconds(10), seconds(10));
    let mut spec = TableSpec::new()
        .outlier(outlier)
        .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:1").endpoint("b", "b:1").endpoint("c", "c:1")))
        .route("all", |r| r.any().to("api").deadline(HOUR));
    spec.clusters[0].limit = limit;
    let (traffic, hand) = traffic(spec);
    let backends: BTreeMap<_, _> =
        ["a", "b", "c"].map(|name| (name.to_string(), Letters::new(Step::Answer(())))).into();
    (0..2).for_each(|_| backends["a"].once(Step::Fail("broken")));
    let mut stack = stack(&traffic, &backends);
    for number in 0..100 {
        poll_all(&mut [Box::pin(stack.call(number))]);
    }
    assert_eq!(health(&traffic), EndpointHealth::Ejected);
    (traffic, hand, backends)
}

fn poll_all<F: Future>(calls: &mut [Pin<Box<F>>]) {
    for call in calls {
        // One that is done is not asked again: these never are while they are looked at.
        drop(call.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    }
}

fn stack(
    traffic: &Traffic,
    backends: &BTreeMap<String, Letters>,
) -> impl Service<u32, Error = Error<&'static str>, Future: Future + 'static> + Clone + use<> {
    let backends = backends.clone();
    let protocol = Plain::new(|_: &u32| Facts::path("/"));
    traffic.layers(protocol).per_endpoint(move |endpoint: &Endpoint| backends[endpoint.name().as_str()].clone())
}

fn health(traffic: &Traffic) -> EndpointHealth {
    traffic.status().clusters[0].regions[0].endpoints[0].health
}

/// I-30: whoever is under way at an endpoint that waits for a probe is one.
fn all_are_probes(traffic: &Traffic) {
    let status = traffic.status();
    let endpoint = &status.clusters[0].regions[0].endpoints[0];
    assert_eq!((endpoint.health, endpoint.in_flight), (EndpointHealth::Probing, endpoint.probes));
    assert!(endpoint.probes <= 1);
}

/// I-30: a probe that the region's limit refuses is none any more, and what it waits for in a queue is not that endpoint.
#[test]
fn who_waits_in_a_queue_is_no_probe() {
    let (traffic, hand, backends) = one_is_out(Some(Limit::fixed(1).queue(Queue::of(10))));
    let mut stack = stack(&traffic, &backends);
    for name in ["a", "b", "c"] {
        backends[name].set_usual(Step::Hold(()));
    }
    let mut first = [Box::pin(stack.call(1))];
    poll_all(&mut first);
    hand.advance(seconds(12));
    all_are_probes(&traffic);
    let mut second = [Box::pin(stack.call(2))];
    poll_all(&mut second);
    drop(first);
    poll_all(&mut second);
    all_are_probes(&traffic);
    assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 1, "it was let in somewhere");
}

/// I-30: a probe whose service is not ready does not wait for it: that would be no probe when it is.
#[test]
fn a_probe_that_finds_nobody_ready_goes_elsewhere() {
    let (traffic, hand, backends) = one_is_out(None);
    let mut stack = stack(&traffic, &backends);
    for name in ["a", "b", "c"] {
        backends[name].set_usual(Step::Hold(()));
    }
    for name in ["a", "b", "c"] {
        backends[name].set_readiness(Readiness::Busy);
    }
    hand.advance(seconds(12));
    let mut calls: Vec<_> = (0..5).map(|number| Box::pin(stack.call(number))).collect();
    poll_all(&mut calls);
    all_are_probes(&traffic);
    for name in ["a", "b", "c"] {
        backends[name].set_readiness(Readiness::Ready);
    }
    poll_all(&mut calls);
    all_are_probes(&traffic);
    assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 5, "all were sent");
}

/// I-57: whatever becomes of a probe before it is sent, its place is free again.
#[test]
fn a_probe_that_is_not_sent_gives_its_place_back() {
    let (traffic, hand, backends) = one_is_out(None);
    hand.advance(seconds(12));
    let mut stack = stack(&traffic, &backends);
    for name in ["b", "c"] {
        backends[name].set_usual(Step::Hold(()));
    }
    backends["a"].set_readiness(Readiness::Busy);
    for number in 0..5 {
        let mut call = [Box::pin(stack.call(number))];
        poll_all(&mut call);
        all_are_probes(&traffic);
        drop(call);
        all_are_probes(&traffic);
    }
}

/// One that is doubted is in use: whoever finds it busy, or its region full, waits there as ever.
#[test]
fn the_only_endpoint_is_waited_for_also_when_it_is_doubted() {
    let outlier = Outlier::default().consecutive(2).times(seconds(10), seconds(10));
    let spec = TableSpec::new()
        .outlier(outlier)
        .cluster("api", |c| c.region("eu", |r| r.endpoint("a", "a:1")).limit(Limit::fixed(1).queue(Queue::of(10))))
        .route("all", |r| r.any().to("api").deadline(HOUR));
    let (traffic, hand) = traffic(spec);
    let backends: BTreeMap<_, _> = [("a".to_string(), Letters::new(Step::Fail("broken")))].into();
    let mut stack = stack(&traffic, &backends);
    (0..2).for_each(|number| poll_all(&mut [Box::pin(stack.call(number))]));
    assert_eq!(health(&traffic), EndpointHealth::Doubted);
    hand.advance(seconds(12));
    backends["a"].set_usual(Step::Hold(()));
    backends["a"].set_readiness(Readiness::Busy);
    let mut calls: Vec<_> = (0..3).map(|number| Box::pin(stack.call(number))).collect();
    poll_all(&mut calls);
    backends["a"].set_readiness(Readiness::Ready);
    poll_all(&mut calls);
    backends["a"].take_requests();
    assert_eq!(traffic.status().clusters[0].regions[0].in_flight, 1);
    drop(calls.remove(0));
    poll_all(&mut calls);
    assert_eq!(backends["a"].take_requests().len(), 1, "the next in the queue");
}
