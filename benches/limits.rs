//! What a limit costs, beside tower's `ConcurrencyLimit`. One line a bar: `name measured bar ok|MISSED`.
//!
//! A limit's cost is the difference between a stack that has it and the same stack without, around a service that answers at
//! once: to admit and to let go, and what the admission carries along. `ConcurrencyLimit` likewise, around the bare service.
//! All cases take turns in one process; a figure is the median of the rounds' differences.
//! `cargo bench --bench limits --features tsc`.

mod support;

use contraflow::table::{Algorithm, LimitAlgorithm, Queue, Sample};
use contraflow::time::Clock;
use contraflow::{Entropy, Facts, Limit, Match, Plain, Ratio, TableSpec, Traffic};
use std::fmt::Debug;
use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use support::pace::{Case, Pace, bar, median, note, timed};
use support::tower_stack::Echo;
use tower::Service;
use tower::limit::ConcurrencyLimit;

fn main() {
    let pace = Pace::of(401, Duration::from_micros(500));
    let route = |limit: Option<Limit>| {
        spec().route("all", |mut route| {
            route.limit = limit;
            route.any().to("c")
        })
    };
    let region = |limit: Limit| {
        let mut spec = route(None);
        spec.clusters[0].limit = Some(limit);
        spec
    };
    let half = Limit::fixed(1000).partition("half", Ratio::percent(50), [Match::new().path_prefix("/api")]);
    let queue = Limit::fixed(1000).queue(Queue::of(100));
    let [bare, tower, none, fixed, queued, partitioned, listens, adaptive, in_region, adaptive_region] =
        pace.measure([
            held(Echo),
            held(ConcurrencyLimit::new(Echo, 1000)),
            held(stack(route(None))),
            held(stack(route(Some(Limit::fixed(1000))))),
            held(stack(route(Some(queue)))),
            held(stack(route(Some(half)))),
            held(stack(route(Some(Limit::by(|| Listens))))),
            held(stack(route(Some(Limit::adaptive())))),
            held(stack(region(Limit::fixed(1000)))),
            held(stack(region(Limit::adaptive()))),
        ]);
    let tower = more(&tower, &bare);
    note("tower's ConcurrencyLimit", tower, " ns");
    bar("a route's limit, fixed", more(&fixed, &none), " ns", 20.0);
    bar("the same / ConcurrencyLimit", more(&fixed, &none) / tower, "", 1.1);
    note("with a queue that nobody needs", more(&queued, &none), " ns");
    note("with partitions", more(&partitioned, &none), " ns");
    note("one that is told of all and does nothing", more(&listens, &none), " ns");
    note("a route's limit, adaptive", more(&adaptive, &none), " ns");
    bar("a region's limit, fixed", more(&in_region, &none), " ns", 20.0);
    note("a region's limit, adaptive", more(&adaptive_region, &none), " ns");
    let clock = clock();
    let [readings] = pace.measure([Box::new(|times| timed(times, || _ = black_box((clock.now(), clock.now()))))]);
    note("two readings of the clock", median(&readings), " ns");
}

/// An algorithm that costs nothing.
#[derive(Debug)]
struct Listens;

impl LimitAlgorithm for Listens {
    fn limit(&self) -> u32 {
        1000
    }

    fn observe(&mut self, sample: &Sample) {
        black_box(sample);
    }

    fn adjust(&mut self, _: &Algorithm) -> bool {
        false
    }
}

fn clock() -> Clock {
    #[cfg(feature = "tsc")]
    return Clock::tsc();
    #[cfg(not(feature = "tsc"))]
    Clock::std()
}

fn spec() -> TableSpec {
    TableSpec::new().cluster("c", |c| c.region("r", |r| r.endpoint("a", "a:1").endpoint("b", "b:1")))
}

fn stack(spec: TableSpec) -> impl Service<u64, Error: Debug> {
    let table = spec.build().expect("a sound table");
    let traffic = Traffic::with_sources(table, clock(), Entropy::random());
    traffic.layers(Plain::new(|_: &u64| Facts::path("/api/items/42"))).passthrough(Echo)
}

/// The median of how much more one takes than another.
fn more(one: &[f64], other: &[f64]) -> f64 {
    median(&one.iter().zip(other).map(|(one, other)| one - other).collect::<Vec<_>>())
}

fn held<'a>(mut service: impl Service<u64, Error: Debug> + 'a) -> Case<'a> {
    Box::new(move |times| {
        timed(times, || {
            let mut context = Context::from_waker(Waker::noop());
            let ready = service.poll_ready(&mut context);
            assert!(matches!(ready, Poll::Ready(Ok(()))), "the service inside is always ready");
            match pin!(service.call(black_box(7))).poll(&mut context) {
                Poll::Ready(Ok(answer)) => _ = black_box(answer),
                Poll::Ready(Err(error)) => panic!("nobody refuses: {error:?}"),
                Poll::Pending => panic!("the service inside answers at once"),
            }
        })
    })
}
