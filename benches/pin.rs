//! What it costs to take the table in force: alone, on two threads, on large tables, and while it is being swapped.

mod support;

use contraflow::Traffic;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use support::threads::{Pins, kept, on_threads, snapshots, while_publishing};
use support::{SMALL, Shape};

/// Endpoints in all, with the shape that has them.
const SIZES: [(usize, Shape); 4] = [
    (10, Shape { routes: 10, clusters: 1, endpoints: 10, ..SMALL }),
    (1_000, Shape { routes: 100, clusters: 10, endpoints: 100, ..SMALL }),
    (10_000, Shape { routes: 100, clusters: 100, endpoints: 100, ..SMALL }),
    (100_000, Shape { routes: 100, clusters: 100, endpoints: 1_000, ..SMALL }),
];

const WAYS: [(&str, Pins); 2] = [("snapshot", snapshots), ("reader", kept)];

fn pin(c: &mut Criterion) {
    for (endpoints, shape) in SIZES {
        let traffic = Traffic::new(shape.table());
        for (name, pins) in WAYS {
            for threads in [1, 2] {
                let id = BenchmarkId::new(format!("{name}/{threads}_threads"), endpoints);
                c.benchmark_group("pin").bench_function(id, |b| {
                    b.iter_custom(|times| on_threads(&traffic, threads, times, pins));
                });
            }
        }
    }
}

fn pin_while_publishing(c: &mut Criterion) {
    let tables = [SMALL.table(), Shape { weighted: true, ..SMALL }.table()];
    let traffic = Traffic::new(tables[0].clone());
    for (name, pins) in WAYS {
        for threads in [1, 2] {
            let id = BenchmarkId::from_parameter(format!("{name}/{threads}_threads"));
            while_publishing(&traffic, &tables, || {
                c.benchmark_group("pin_while_publishing").bench_function(id, |b| {
                    b.iter_custom(|times| on_threads(&traffic, threads, times, pins));
                });
            });
        }
    }
}

criterion_group!(benches, pin, pin_while_publishing);
criterion_main!(benches);
