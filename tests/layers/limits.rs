//! Limits on a request's way: what is counted where, and what is given back whatever happens.

use super::*;
use contraflow::Limit;
use contraflow::table::{LimitAlgorithm, Queue, Sample, Signal};

/// One region of three endpoints before another, and a limit on the first.
fn limited(limit: Limit) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    let table = TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.rank(0).endpoint("a", "a:1").limit(limit))
                .region("us", |r| r.rank(1).endpoint("d", "d:1"))
        })
        .route("letters", |r| r.any().to("post").deadline(seconds(10)))
        .build()
        .expect("a sound table");
    (Traffic::with_sources(table, clock, Entropy::seeded(1)), hand)
}

/// Panics at every sample of that kind.
#[derive(Debug)]
struct Bomb(Signal);

impl LimitAlgorithm for Bomb {
    fn limit(&self) -> u32 {
        10
    }

    fn observe(&mut self, sample: &Sample) {
        assert_ne!(sample.signal, self.0, "an algorithm of somebody's");
    }
}

fn panics(run: impl FnOnce()) {
    assert!(panic::catch_unwind(AssertUnwindSafe(run)).is_err());
}

/// I-33: of an answer, of a failure that a deadline makes, and of a caller that leaves.
#[test]
fn an_algorithm_that_panics_takes_no_place_with_it() {
    let bomb = |signal| Limit::by(move || Bomb(signal));
    let (traffic, _) = limited(bomb(Signal::Success));
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Answer(1)));
    panics(|| drop(call(&mut stack, Letter(0)).poll()));
    assert_eq!(counts(&traffic).0, 0);

    let (traffic, hand) = limited(bomb(Signal::Dropped));
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Hang));
    let mut late = call(&mut stack, Letter(0));
    assert!(late.poll().is_pending());
    hand.advance(seconds(10));
    panics(|| drop(late));
    assert_eq!(counts(&traffic).0, 0);

    // In the middle of another panic it is not asked: a second one would abort the process.
    let mut late = call(&mut stack, Letter(1));
    assert!(late.poll().is_pending());
    hand.advance(seconds(10));
    panics(move || {
        let _late = late;
        panic!("a caller's");
    });
    assert_eq!(counts(&traffic).0, 0);
}

/// In flight, queued, and of those who did not get in how many left the queue and how many it refused.
fn queue(traffic: &Traffic) -> (u32, usize, u64, u64) {
    let status = traffic.status();
    let limit = status.clusters[0].regions[0].limit.as_ref().expect("eu has a limit");
    (limit.in_flight, limit.queued, limit.left_queue, limit.refused_by_queue)
}

#[test]
fn a_deadline_that_ends_the_waiting_counts_as_one_who_left_the_queue() {
    let table = TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.endpoint("a", "a:1").limit(Limit::fixed(1).queue(Queue::of(8).max_wait(seconds(60)))))
        })
        .route("letters", |r| r.any().to("post").deadline(seconds(10)))
        .build()
        .expect("a sound table");
    let (clock, hand) = Clock::manual();
    let traffic = Traffic::with_sources(table, clock, Entropy::seeded(1));
    let mut stack = traffic.layers(Plain::new(facts)).passthrough(Letters::new(Step::Hang));
    let mut first = call(&mut stack, Letter(0));
    assert!(first.poll().is_pending());
    hand.advance(seconds(1));
    let mut second = call(&mut stack, Letter(1));
    assert!(second.poll().is_pending());
    assert_eq!(queue(&traffic), (1, 1, 0, 0));
    hand.advance(seconds(10));
    let Poll::Ready(Err(Error::Rejected(rejected))) = second.poll() else { panic!("its deadline is over") };
    assert_eq!(rejected.reason(), Reason::Deadline);
    assert_eq!(queue(&traffic), (1, 0, 1, 0));
    drop((first, second));
    assert_eq!(counts(&traffic).0, 0);
}

/// `b` is not ready, so the next is chosen, at a limit that refuses, and then one more.
#[test]
fn a_refusal_of_a_request_that_another_took_counts_after_an_endpoint_that_was_not_ready_too() {
    let table = TableSpec::new()
        .cluster("post", |c| {
            c.region("eu", |r| r.rank(0).endpoint("a", "a:1"))
                .region("us", |r| r.rank(1).endpoint("b", "b:1").limit(Limit::fixed(1)))
                .region("ap", |r| r.rank(2).endpoint("d", "d:1"))
        })
        .route("letters", |r| r.any().to("post").deadline(seconds(10)))
        .build()
        .expect("a sound table");
    let traffic = Traffic::with_sources(table, Clock::manual().0, Entropy::seeded(1));
    let backends = Backends::new();
    backends.set_all(&["a"], &Readiness::Busy);
    let mut stack = traffic.layers(Plain::new(facts)).per_endpoint(backends.make());
    backends.of("b").once(Step::Hang);
    let mut held = call(&mut stack, Letter(0));
    assert!(held.poll().is_pending());
    let us = || {
        let status = traffic.status();
        let us = status.clusters[0].regions.iter().find(|region| region.name.as_str() == "us").expect("a region");
        let limit = us.limit.as_ref().expect("us has a limit");
        (limit.in_flight, limit.refused_by_limit)
    };
    assert_eq!(us(), (1, 0));
    assert_eq!(call(&mut stack, Letter(1)).now(), Ok(4));
    assert_eq!(us(), (1, 1));
}
