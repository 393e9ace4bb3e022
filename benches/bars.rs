//! The bars of the core, each measured against its number: one line a bar, `name measured bar ok|MISSED`.
//!
//! Criterion measures one case after the other, so on a machine that others use too, a ratio of two of its numbers says
//! little. Here all cases take turns, so shortly that most turns are not interrupted, in many rounds. A bar is judged by the
//! median round, a ratio by the median of the rounds' ratios. A missed bar does not fail the run: who reads it decides.
//!
//! `cargo bench --bench bars`; without `--bench`, or with `--test`, one short round.

mod support;

use contraflow::table::{Maglev, Scope};
use contraflow::time::Clock;
use contraflow::{Pick, TableSpec, Traffic};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;
use support::pace::{Case, Pace, bar, median, note, ratio, timed};
use support::threads::{kept, on_threads, snapshots, while_publishing};
use support::{Deciding, LARGE, SMALL, Shape, busy, is_measuring};

/// How many different requests take turns.
const REQUESTS: usize = 64;

fn main() {
    let pace = Pace::of(301, Duration::from_micros(500));
    decide(&pace);
    pin(&pace);
    publish(&pace);
    state();
    allocations();
}

fn decide(pace: &Pace) {
    let shapes = [
        SMALL,
        Shape { endpoints: 1000, ..SMALL },
        Shape { routes: 10, ..SMALL },
        Shape { routes: 1000, ..SMALL },
        SMALL,
    ];
    // The last case decides the same request again and again, which lets the processor learn its way through the table.
    let counts = [REQUESTS, REQUESTS, REQUESTS, REQUESTS, 1];
    let traffics = shapes.map(|shape| Traffic::new(shape.table()));
    let requests: [_; 5] = std::array::from_fn(|at| shapes[at].requests(counts[at]));
    let _permits: [_; 5] = std::array::from_fn(|at| busy(&traffics[at], &requests[at], 40 * shapes[at].endpoints));
    let cases = std::array::from_fn(|at| -> Case<'_> {
        let mut deciding = Deciding::new(&traffics[at], &requests[at]);
        Box::new(move |times| {
            timed(times, || {
                black_box(&deciding.decide());
            })
        })
    });
    let [eight, thousand, few_routes, many_routes, same] = pace.measure(cases);
    bar("decide_8", median(&eight), " ns", 60.0);
    note("decide_8, the same request", median(&same), " ns");
    note("decide_1000", median(&thousand), " ns");
    bar("decide_1000 / decide_8", ratio(&thousand, &eight), "", 1.2);
    note("decide, 1000 routes / 10 routes", ratio(&many_routes, &few_routes), "");
}

fn pin(pace: &Pace) {
    let tables = [SMALL.table(), Shape { weighted: true, ..SMALL }.table()];
    let traffic = &Traffic::new(tables[0].clone());
    let [one, two, reader_one, reader_two] = pace.measure([
        Box::new(|times| on_threads(traffic, 1, times, snapshots)),
        Box::new(|times| on_threads(traffic, 2, times, snapshots)),
        Box::new(|times| on_threads(traffic, 1, times, kept)),
        Box::new(|times| on_threads(traffic, 2, times, kept)),
    ]);
    note("pin, 1 thread", median(&one), " ns");
    bar("pin, 2 threads / 1 thread", ratio(&two, &one), "", 1.5);
    note("pin by reader, 1 thread", median(&reader_one), " ns");
    bar("pin by reader, 2 threads / 1 thread", ratio(&reader_two, &reader_one), "", 1.5);

    // The writer runs all the time, so what its work takes of the machine both sides lack, and only the swaps differ.
    let still = &Traffic::new(tables[0].clone());
    let pace = Pace { slice: 4 * pace.slice, ..*pace };
    let [alone, swapped] = while_publishing(traffic, &tables, || {
        pace.measure([
            Box::new(|times| on_threads(still, 1, times, snapshots)),
            Box::new(|times| on_threads(traffic, 1, times, snapshots)),
        ])
    });
    bar("pin, with 1000 swaps a second / alone", ratio(&swapped, &alone), "", 1.25);
}

fn publish(pace: &Pace) {
    let spec = LARGE.spec();
    let table = LARGE.table();
    let (again, fresh) = (Traffic::new(table.clone()), Traffic::new(table.clone()));
    // A full history, so that each publish also frees the oldest table, as in a process that runs for days.
    for _ in 0..if is_measuring() { 40 } else { 1 } {
        fresh.publish(LARGE.table()).expect("nothing refuses");
    }
    let build = |spec: TableSpec| spec.build().expect("a sound table");
    let publish = |traffic: &Traffic, table| traffic.publish(table).expect("nothing refuses");
    let [build, publish, both] = pace.measure([
        Box::new(|times| (0..times).map(|_| prepared(spec.clone(), build)).sum()),
        Box::new(|times| (0..times).map(|_| prepared(table.clone(), |table| publish(&again, table))).sum()),
        Box::new(|times| (0..times).map(|_| prepared(spec.clone(), |spec| publish(&fresh, build(spec)))).sum()),
    ]);
    let millis = |nanos: &[f64]| median(nanos) / 1e6;
    note("build, 1000 routes + 4000 endpoints", millis(&build), " ms");
    note("publish of the same table again", millis(&publish), " ms");
    bar("publish, 1000 routes + 4000 endpoints", millis(&both), " ms", 5.0);
}

/// The time of one step on something that was prepared before; what it gives is dropped after.
fn prepared<P, R>(input: P, mut step: impl FnMut(P) -> R) -> Duration {
    let clock = Clock::std();
    let began = clock.now();
    let output = step(input);
    let took = clock.now().since(began);
    drop(black_box(output));
    took
}

fn state() {
    for (name, shape) in [
        ("state per endpoint, 20 in a region", LARGE),
        ("state per endpoint, 4 in a region", Shape { clusters: 500, endpoints: 8, ..LARGE }),
    ] {
        let traffic = Traffic::new(SMALL.table());
        let table = shape.table();
        let before = LIVE.get();
        traffic.publish(table).expect("nothing refuses");
        let endpoints = (shape.clusters * shape.endpoints) as f64;
        bar(name, (LIVE.get() - before) as f64 / endpoints, " B", 512.0);
    }
}

fn allocations() {
    let picks = [Pick::Random, Pick::RoundRobin, Pick::LeastInFlight, Pick::PeakEwma, Pick::Maglev(Maglev::default())];
    let mut worst = 0.0;
    for (pick, sticky) in picks.into_iter().flat_map(|pick| [(pick, None), (pick, Some(Scope::Endpoint))]) {
        let shape = Shape { pick, sticky, conditions: true, ..SMALL };
        let traffic = Traffic::new(shape.table());
        let requests = shape.requests(REQUESTS);
        let mut deciding = Deciding::new(&traffic, &requests);
        black_box(&deciding.decide()).as_ref().expect("a route and an endpoint");
        let before = ALLOCATIONS.get();
        for _ in 0..1000 {
            black_box(&deciding.decide());
        }
        worst = f64::max(worst, (ALLOCATIONS.get() - before) as f64 / 1000.0);
    }
    bar("allocations per decide, worst pick", worst, "", 0.0);
}

thread_local! {
    /// How often this thread allocated, and the bytes that it has and did not free.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
    static LIVE: Cell<i64> = const { Cell::new(0) };
}

/// The system's allocator, which counts: two additions to the thread's own cells, so that it slows nothing that is measured.
struct Counting;

fn count(times: u64, bytes: usize, sign: i64) {
    ALLOCATIONS.set(ALLOCATIONS.get() + times);
    LIVE.set(LIVE.get() + sign * bytes.cast_signed() as i64);
}

// SAFETY: every call goes on to the system's allocator unchanged; the cells are constant-initialised and have no destructor,
// so that counting neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(1, layout.size(), 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size(), -1);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(1, size, 1);
        count(0, layout.size(), -1);
        // SAFETY: as the caller promised.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;
