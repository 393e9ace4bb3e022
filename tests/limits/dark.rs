//! A limit in the dark decides and counts, and refuses nobody.

use super::*;

fn spec(is_route: bool, limit: Limit) -> TableSpec {
    if is_route { one_region(same, |r| r.limit(limit)) } else { one_region(|c| c.limit(limit), same) }
}

fn status(is_route: bool, traffic: &Traffic) -> LimitStatus {
    if is_route { route_limit(traffic) } else { region_limit(traffic, "eu") }
}

/// A limit in the dark lets everybody in at once, with a queue and partitions too, and counts whom it would not have.
#[test]
fn nobody_is_refused_in_the_dark_and_all_are_counted() {
    let gold = || [Match::new().path_prefix("/gold")];
    let limits = [
        Limit::fixed(3),
        Limit::fixed(3).queue(patient(1)),
        Limit::fixed(3).partition("gold", Ratio::percent(50), gold()),
    ];
    for limit in limits {
        for is_route in [true, false] {
            for shape in SHAPES {
                let (traffic, _) = traffic(spec(is_route, limit.clone().dark()));
                let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
                let mut calls = Vec::new();
                for number in 0..10 {
                    let letter = Letter { path: ["/tin", "/gold"][number % 2], ..letter_of(Priority::ALL[number % 5]) };
                    calls.push(started(&mut post, letter));
                    let now = status(is_route, &traffic);
                    assert_eq!((now.in_flight, now.queued), (number as u32 + 1, 0));
                    assert_eq!(now.admitted_in_the_dark, (number as u64 + 1).saturating_sub(3));
                }
                let now = status(is_route, &traffic);
                assert_eq!(now.limit, 3);
                let refused =
                    [now.refused_by_limit, now.refused_by_partition, now.refused_by_priority, now.refused_by_queue];
                assert_eq!(refused, [0; 4]);
                drop(calls);
                assert_idle(&traffic);
            }
        }
    }
}

/// In the dark an algorithm learns as in the light, so that it can be seen what it would do.
#[test]
fn an_algorithm_learns_in_the_dark() {
    let limit = Limit::aimd(ms(100)).dark();
    let (traffic, hand) = traffic(spec(true, limit));
    let backends = Backends::new(&Step::Hold(1));
    let mut post = post(Shape::One, &traffic, &backends);
    for _ in 0..10 {
        let late = started(&mut post, letter(0));
        hand.advance(ms(200));
        backends.release();
        assert_eq!(late.now(), Ok(1));
    }
    assert!(route_limit(&traffic).limit < 10, "{:?}", route_limit(&traffic));
}

/// I-44: a publish that takes a limit into the dark, or back, counts on: who was let in above it stays, and nobody comes until
/// there is room again.
#[test]
fn a_limit_goes_into_the_dark_and_comes_back() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let (traffic, _) = traffic(spec(is_route, Limit::fixed(2)));
            let publish = |limit| {
                traffic.publish(spec(is_route, limit).build().expect("a sound table")).expect("nothing refuses");
            };
            let mut post = post(shape, &traffic, &Backends::new(&Step::Hold(1)));
            let mut calls: Vec<_> = (0..2).map(|_| started(&mut post, letter(0))).collect();
            call(&mut post, letter(0)).refused();
            publish(Limit::fixed(2).dark());
            calls.extend((0..2).map(|_| started(&mut post, letter(0))));
            publish(Limit::fixed(2));
            for left in (2..=4).rev() {
                assert_eq!(status(is_route, &traffic).in_flight, left);
                call(&mut post, letter(0)).refused();
                calls.pop();
            }
            calls.push(started(&mut post, letter(0)));
            drop(calls);
            assert_idle(&traffic);
        }
    }
}

/// Whoever waits when a limit goes into the dark is let in: there nobody is refused, and nobody has to wait.
#[test]
fn who_waits_when_a_limit_goes_into_the_dark_is_let_in() {
    for is_route in [true, false] {
        for shape in SHAPES {
            let limit = || Limit::fixed(1).queue(Queue::of(4).max_wait(ms(50)));
            let (traffic, hand) = traffic(spec(is_route, limit()));
            let backends = Backends::new(&Step::Hold(1));
            let mut post = post(shape, &traffic, &backends);
            let mut calls: Vec<_> = (0..3).map(|number| started(&mut post, letter(number))).collect();
            let turned = call(&mut post, letter(3));
            traffic.publish(spec(is_route, limit().dark()).build().expect("a sound table")).expect("nothing refuses");
            calls.push(turned);
            hand.advance(ms(50));
            assert!(calls.iter_mut().all(Polled::waits), "{shape:?}, route: {is_route}");
            assert_eq!(backends.delivered().len(), 4);
            let now = status(is_route, &traffic);
            assert_eq!((now.in_flight, now.queued, now.admitted_in_the_dark), (4, 0, 3));
            drop(calls);
            assert_idle(&traffic);
        }
    }
}
