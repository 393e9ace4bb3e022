//! A refusal of a limit is local: the next candidate gets the same request.

use super::*;
use bytes::Bytes;
use contraflow::Http;
use contraflow::layer::Passthrough;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::Empty;

/// I-65: a region's limit that refuses lets the next candidate take the same letter, at once. It is of a type that cannot be
/// copied.
#[test]
fn what_a_region_refuses_the_next_takes_at_once() {
    for shape in SHAPES {
        for queue in [None, Some(patient(4))] {
            let limit = queue.into_iter().fold(Limit::fixed(2), Limit::queue);
            let (traffic, _) = traffic(two_regions(|c| c.limit(limit), same));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let _calls: Vec<_> = (0..4).map(|number| started(&mut post, letter(number))).collect();
            assert_eq!(["eu", "us"].map(|name| region(&traffic, name).in_flight), [2, 2]);
            let to_us = backends.delivered().into_iter().filter(|(name, _)| name == "c").map(|(_, number)| number);
            assert_eq!(to_us.collect::<Vec<_>>(), [2, 3]);
        }
    }
}

/// I-65: an endpoint's limit that refuses lets another endpoint of the region take it, and then another region; nobody waits
/// for an endpoint.
#[test]
fn what_an_endpoint_refuses_another_takes_at_once() {
    for shape in SHAPES {
        let (traffic, _) = traffic(two_regions(|c| c.endpoint_limit(1), same));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let calls: Vec<_> = (0..3).map(|number| started(&mut post, letter(number))).collect();
        let delivered = backends.delivered();
        assert_eq!(delivered.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(delivered[2].1, 2, "{shape:?}");
        let rejected = call(&mut post, letter(3)).refused();
        assert_eq!((rejected.reason(), rejected.region().map(|name| name.as_str())), (Reason::Limit, Some("eu")));
        drop(calls);
        assert_idle(&traffic);
    }
}

/// I-65: only when nobody takes it does it wait: once, where it was turned away first, and it stays there though another has
/// room meanwhile.
#[test]
fn whom_nobody_takes_waits_where_it_should_have_gone() {
    for shape in SHAPES {
        let limit = Limit::fixed(1).queue(patient(4));
        let (traffic, _) = traffic(two_regions(|c| c.limit(limit), same));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let (in_eu, in_us) = (started(&mut post, letter(0)), started(&mut post, letter(1)));
        let mut third = started(&mut post, letter(2));
        let queued = || ["eu", "us"].map(|name| region_limit(&traffic, name).queued);
        assert_eq!(queued(), [1, 0]);
        let refused = || ["eu", "us"].map(|name| region_limit(&traffic, name).refused_by_limit);
        assert_eq!(refused(), [1, 1], "{shape:?}: the second in eu, which us took, and the third in us");
        drop(in_us);
        assert!(third.waits());
        assert_eq!(queued(), [1, 0]);
        backends.delivered();
        drop(in_eu);
        assert!(third.waits());
        assert_ne!(backends.delivered()[0].0, "c");
        drop(third);
        assert_idle(&traffic);
    }
}

/// I-65: who waited at its region's limit and finds its endpoint full is let in elsewhere, and the place goes on.
#[test]
fn who_was_let_in_where_its_endpoint_is_full_goes_elsewhere() {
    for shape in SHAPES {
        let limit = Limit::fixed(2).queue(patient(4));
        let (traffic, _) = traffic(one_region(|c| c.limit(limit).endpoint_limit(2), same));
        let backends = Backends::new(&Step::Hold(1));
        let mut post = post(shape, &traffic, &backends);
        let (first, _second) = (started(&mut post, letter(0)), started(&mut post, letter(1)));
        let (third, fourth) = (started(&mut post, letter(2)), started(&mut post, letter(3)));
        traffic
            .edit(|spec| {
                spec.cluster_mut("post")?.endpoint_limit = Some(1);
                Ok(())
            })
            .expect("a sound table");
        drop(first);
        assert_eq!(third.reason(), Reason::Limit, "its endpoint has one, which is as many as it may");
        assert_eq!(fourth.reason(), Reason::Limit);
        assert_eq!(region(&traffic, "eu").in_flight, 1);
    }
}

/// I-65: who has a place in a region and asks its other endpoints, since the first is not ready, keeps the place meanwhile:
/// it is not given to who waits, and it is not refused for want of it.
#[test]
fn who_asks_another_endpoint_of_its_region_keeps_its_place() {
    for shape in SHAPES {
        for is_other_ready in [false, true] {
            let mut spec = two_regions(|c| c.limit(Limit::fixed(1).queue(patient(4))), same);
            spec.clusters[0].regions.truncate(1);
            let (traffic, _) = traffic(spec);
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let mut second = call(&mut post, letter(1));
            let third = started(&mut post, letter(2));
            for name in ["a", "b"] {
                backends.of(name).set_readiness(Readiness::Busy);
            }
            let endpoints = region(&traffic, "eu").endpoints;
            let chosen = endpoints.iter().find(|endpoint| endpoint.in_flight == 1).expect("it has a place");
            if is_other_ready {
                let ready = if chosen.name == "a" { "b" } else { "a" };
                backends.of(ready).set_readiness(Readiness::Ready);
            }
            assert!(second.waits(), "{shape:?}, another is ready: {is_other_ready}");
            let eu = region_limit(&traffic, "eu");
            assert_eq!((eu.in_flight, eu.queued), (1, 1));
            assert_eq!(backends.delivered().len(), usize::from(is_other_ready));
            backends.of("a").set_readiness(Readiness::Ready);
            backends.of("b").set_readiness(Readiness::Ready);
            assert!(second.waits());
            backends.release();
            assert_eq!(second.now(), Ok(1));
            drop(third);
            assert_idle(&traffic);
        }
    }
}

/// A body that nobody may read, and that cannot be copied.
struct Unread;

impl Body for Unread {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        panic!("it is read")
    }
}

/// I-65: the body of a request that limits turn away, that waits and that goes elsewhere is not read.
#[test]
fn a_body_is_not_read_while_limits_are_asked() {
    let limit = Limit::fixed(1).queue(patient(4));
    let (traffic, _) = traffic(two_regions(|c| c.limit(limit), |r| r.limit(Limit::fixed(3))));
    let held = Backend::<_, (), &str>::new(Step::Hold(()));
    let service = {
        let held = held.clone();
        tower::service_fn(move |request: Request<_>| {
            let mut held = held.clone();
            async move { held.call(request).await.map(|()| Response::new(Empty::<Bytes>::new())) }
        })
    };
    let routed = ServiceBuilder::new().layer(traffic.route(Http)).layer(traffic.limit()).layer(traffic.failover());
    let mut stack = routed.layer(Passthrough::new()).service(service);
    let _calls: Vec<_> = (0..2).map(|_| started(&mut stack, Request::new(Unread))).collect();
    let mut third = started(&mut stack, Request::new(Unread));
    assert_eq!(held.take_requests().len(), 2);
    traffic.evacuate("eu", HOUR).expect("a region");
    assert!(third.waits());
    call(&mut stack, Request::new(Unread)).refused();
    assert_eq!((region_limit(&traffic, "us").queued, held.take_requests().len()), (1, 0));
}

#[derive(Clone, Debug)]
enum Act {
    Call(Priority),
    Poll(usize),
    Drop(usize),
    Release(char),
    Busy(char, bool),
    Wait(u64),
    Evacuate(bool),
    Publish(Option<u32>, Option<u32>, bool),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let name = || select(&['a', 'b', 'c'][..]);
    let limit = || proptest::option::weighted(0.8, 1..4_u32);
    let act = prop_oneof![
        8 => select(&Priority::ALL[..]).prop_map(Act::Call),
        8 => (0..9_usize).prop_map(Act::Poll),
        2 => (0..9_usize).prop_map(Act::Drop),
        3 => name().prop_map(Act::Release),
        2 => (name(), any::<bool>()).prop_map(|(name, is_busy)| Act::Busy(name, is_busy)),
        2 => (1..90_u64).prop_map(Act::Wait),
        1 => any::<bool>().prop_map(Act::Evacuate),
        1 => (limit(), limit(), any::<bool>()).prop_map(|(route, region, queues)| Act::Publish(route, region, queues)),
    ];
    vec(act, 0..80)
}

fn limited(limit: u32, queues: bool) -> Limit {
    let limit = Limit::fixed(limit);
    if queues { limit.queue(Queue::of(2).max_wait(ms(150))) } else { limit }
}

/// What happened, in words.
fn run(shape: Shape, acts: &[Act]) -> Vec<String> {
    let queued = |limit| limited(limit, true);
    let spec = two_regions(|c| c.limit(queued(2)).endpoint_limit(2), |r| r.limit(queued(5)).deadline(ms(400)));
    let (traffic, hand) = traffic(spec);
    let backends = Backends::new(&Step::Hold(1));
    let mut post = post(shape, &traffic, &backends);
    let (mut calls, mut log): (Vec<(u64, Called)>, _) = (Vec::new(), Vec::new());
    for (number, act) in (0..).zip(acts) {
        match act {
            Act::Call(priority) => {
                let letter = Letter { number, ..letter_of(*priority) };
                calls.push((number, call(&mut post, letter)));
            }
            Act::Poll(which) if !calls.is_empty() => {
                let which = which % calls.len();
                let said = calls[which].1.poll();
                log.push(format!("{} {said:?}", calls[which].0));
                if said.is_ready() {
                    drop(calls.swap_remove(which));
                }
            }
            Act::Drop(which) if !calls.is_empty() => drop(calls.swap_remove(which % calls.len())),
            Act::Release(name) => backends.of(&name.to_string()).release(),
            Act::Busy(name, is_busy) => {
                let readiness = if *is_busy { Readiness::Busy } else { Readiness::Ready };
                backends.of(&name.to_string()).set_readiness(readiness);
            }
            Act::Wait(time) => hand.advance(ms(*time)),
            Act::Evacuate(true) => traffic.evacuate("eu", ms(100)).expect("a region"),
            Act::Evacuate(false) => traffic.readmit("eu").expect("a region"),
            Act::Publish(route, region, queues) => {
                let change = |spec: &mut TableSpec| {
                    spec.route_mut("letters")?.limit = route.map(|limit| limited(limit, *queues));
                    spec.cluster_mut("post")?.limit = region.map(|limit| limited(limit, *queues));
                    Ok(())
                };
                traffic.edit(change).expect("a sound table");
            }
            Act::Poll(_) | Act::Drop(_) => {}
        }
        log.push(format!("{:?}", backends.delivered()));
        let status = traffic.status();
        log.push(format!("{:?} {:?}", status.routes, status.clusters));
    }
    drop(calls);
    assert_idle(&traffic);
    log
}

proptest! {
    #![proptest_config(config(256))]

    /// I-65: whatever happens, the one service, and the layers by hand with the limit layer and without it, let in, send, refuse
    /// and count alike for the same draws.
    #[test]
    fn all_shapes_limit_alike(acts in acts()) {
        let one = run(Shape::One, &acts);
        prop_assert_eq!(&one, &run(Shape::WithoutLimit, &acts));
        prop_assert_eq!(&one, &run(Shape::WithLimit, &acts));
    }
}
