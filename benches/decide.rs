//! What one decision costs: by pick, by size of the table, sticky or not, and the parts around it.

mod support;

use contraflow::table::{Maglev, Scope};
use contraflow::{Draws, Facts, Pick, Traffic};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use support::{Deciding, NOW, SMALL, Shape, busy};

/// How many different requests take turns: one that is always the same would let the branch predictor learn its path.
const REQUESTS: usize = 64;

const PICKS: [(&str, Pick); 5] = [
    ("random", Pick::Random),
    ("round_robin", Pick::RoundRobin),
    ("least_in_flight", Pick::LeastInFlight),
    ("peak_ewma", Pick::PeakEwma),
    ("maglev", Pick::Maglev(Maglev { size: None, max_load_percent: None })),
];

/// One case: decisions on a table of this shape that carries some load.
fn case(c: &mut Criterion, group: &str, name: impl Into<String>, shape: Shape) {
    let traffic = Traffic::new(shape.table());
    let requests = shape.requests(REQUESTS);
    let permits = busy(&traffic, &requests, 40 * shape.endpoints);
    let mut deciding = Deciding::new(&traffic, &requests);
    c.benchmark_group(group).bench_function(BenchmarkId::from_parameter(name.into()), |b| {
        b.iter(|| {
            black_box(&deciding.decide());
        });
    });
    drop(permits);
}

fn picks(c: &mut Criterion) {
    for (name, pick) in PICKS {
        case(c, "decide/pick", name, Shape { pick, ..SMALL });
        case(c, "decide/pick_weighted", name, Shape { pick, weighted: true, ..SMALL });
    }
    let bounded = Pick::Maglev(Maglev { size: None, max_load_percent: Some(150) });
    case(c, "decide/pick", "maglev_bounded", Shape { pick: bounded, ..SMALL });
}

fn sticky(c: &mut Criterion) {
    for (name, scope) in [("cluster", Scope::Cluster), ("region", Scope::Region), ("endpoint", Scope::Endpoint)] {
        case(c, "decide/sticky", name, Shape { sticky: Some(scope), ..SMALL });
    }
    let sticky = Some(Scope::Endpoint);
    case(c, "decide/sticky", "endpoint_weighted", Shape { sticky, weighted: true, ..SMALL });
    case(c, "decide/sticky", "endpoint_maglev", Shape { sticky, pick: PICKS[4].1, ..SMALL });
}

fn sizes(c: &mut Criterion) {
    for endpoints in [8, 1000] {
        for (name, pick) in PICKS {
            case(c, "decide/endpoints", format!("{name}/{endpoints}"), Shape { endpoints, pick, ..SMALL });
        }
    }
    for routes in [10, 100, 1000] {
        case(c, "decide/routes", routes.to_string(), Shape { routes, ..SMALL });
        case(c, "decide/routes_host_header", routes.to_string(), Shape { routes, conditions: true, ..SMALL });
    }
}

fn parts(c: &mut Criterion) {
    let traffic = Traffic::new(SMALL.table());
    let requests = SMALL.requests(REQUESTS);
    let snapshot = traffic.snapshot();
    let mut group = c.benchmark_group("parts");
    let mut turn = 0;
    let mut next = || {
        turn += 1;
        (&requests[turn % REQUESTS], Draws::from_word(turn as u64))
    };

    group.bench_function("facts_http", |b| b.iter(|| black_box(Facts::http(black_box(next().0))).is_ok()));
    group.bench_function("facts_http_and_decide", |b| {
        b.iter(|| {
            let (request, draws) = next();
            let decision = Facts::http(black_box(request)).and_then(|facts| snapshot.decide(&facts, draws, NOW));
            black_box(&decision);
        });
    });

    let mut deciding = Deciding::new(&traffic, &requests);
    let decision = deciding.decide().expect("a route and an endpoint");
    group.bench_function("begin_and_drop", |b| b.iter(|| snapshot.begin(black_box(&decision), NOW)));
    group.bench_function("decide_begin_and_drop", |b| {
        b.iter(|| deciding.decide().ok().and_then(|decision| snapshot.begin(&decision, NOW)));
    });

    let facts = support::facts(&requests);
    let explain = |draws| snapshot.explain(&facts[0], draws, NOW).expect("a route and an endpoint");
    group.bench_function("explain", |b| {
        b.iter(|| {
            black_box(&explain(next().1));
        });
    });
    group.bench_function("explain_to_string", |b| b.iter(|| explain(next().1).to_string()));
    let none = Facts::path("/nowhere");
    group.bench_function("no_route", |b| b.iter(|| snapshot.decide(black_box(&none), next().1, NOW).is_err()));
    group.finish();
}

criterion_group!(benches, picks, sticky, sizes, parts);
criterion_main!(benches);
