//! What it costs to change the table: build, publish, edit, rollback.

mod support;

use contraflow::table::Maglev;
use contraflow::{Pick, TableSpec, Traffic};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use support::{LARGE, SMALL, Shape, is_measuring};

/// Routes and endpoints in all: 10 + 40, 100 + 400, 1000 + 4000.
const SIZES: [(&str, Shape); 3] = [
    ("10+40", Shape { routes: 10, clusters: 4, endpoints: 10, ..SMALL }),
    ("100+400", Shape { routes: 100, clusters: 10, endpoints: 40, ..SMALL }),
    ("1000+4000", LARGE),
];

const PICKS: [(&str, Pick); 3] = [
    ("plain", Pick::LeastInFlight),
    ("round_robin", Pick::RoundRobin),
    ("maglev", Pick::Maglev(Maglev { size: None, max_load_percent: None })),
];

/// Traffic whose history is full, so that each publish also frees the oldest table, as in a process that runs for days.
fn settled(shape: Shape) -> Traffic {
    let traffic = Traffic::new(shape.table());
    for _ in 0..if is_measuring() { 40 } else { 1 } {
        traffic.publish(shape.table()).expect("nothing refuses");
    }
    traffic
}

fn swap(c: &mut Criterion) {
    for (size, shape) in SIZES {
        for (pick_name, pick) in PICKS {
            let shape = Shape { pick, ..shape };
            let (spec, traffic) = (shape.spec(), settled(shape));
            let mut group = c.benchmark_group(format!("swap/{pick_name}"));
            let id = |what| BenchmarkId::new(what, size);

            group.bench_function(id("build"), |b| {
                b.iter_batched(|| spec.clone(), TableSpec::build, BatchSize::PerIteration);
            });
            group.bench_function(id("publish"), |b| {
                b.iter_batched(|| shape.table(), |table| traffic.publish(table), BatchSize::PerIteration);
            });
            group.bench_function(id("build_and_publish"), |b| {
                let build_and_publish = |spec: TableSpec| spec.build().map(|table| traffic.publish(table));
                b.iter_batched(|| spec.clone(), build_and_publish, BatchSize::PerIteration);
            });
            if pick == Pick::LeastInFlight {
                edit_and_rollback(&mut group, size, &traffic, shape);
            }
        }
    }
}

fn edit_and_rollback(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    size: &str,
    traffic: &Traffic,
    shape: Shape,
) {
    let mut weight = 0;
    group.bench_function(BenchmarkId::new("edit_one_weight", size), |b| {
        b.iter(|| {
            weight = weight % 100 + 1;
            traffic.edit(|spec| {
                spec.route_mut("route-7")?.reweight("cluster-0", weight);
                Ok(())
            })
        });
    });
    let other = shape.table();
    group.bench_function(BenchmarkId::new("rollback", size), |b| {
        b.iter_batched(|| traffic.publish(other.clone()), |_| traffic.rollback(), BatchSize::PerIteration);
    });
}

criterion_group!(benches, swap);
criterion_main!(benches);
