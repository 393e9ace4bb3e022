//! The tables and requests that all benches and the allocation tests use.
//!
//! The shape is the prototype's: routes `/api/v{i}/items/{id}`, each split 9 to 1 over two clusters; every cluster has two
//! regions of one rank, weights 3 to 1, and half of its endpoints in each.
#![allow(dead_code, reason = "each user takes a part of it")]

pub(crate) mod pace;
pub(crate) mod threads;
pub(crate) mod tower_stack;

use contraflow::state::Permit;
use contraflow::table::{RegionSpec, Scope};
use contraflow::time::Instant;
use contraflow::traffic::Pinned;
use contraflow::{Decision, Draws, Facts, Match, Outcome, Pick, Rejected, Sticky, Table, TableSpec, Traffic};
use http::Request;
use std::hint::black_box;
use std::time::Duration;

/// What a table should be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) routes: usize,
    pub(crate) clusters: usize,
    /// Of one cluster, half of them in each region.
    pub(crate) endpoints: usize,
    pub(crate) pick: Pick,
    pub(crate) sticky: Option<Scope>,
    /// Endpoints weigh 1, 2, 3, 4, 1, .. instead of 1 each.
    pub(crate) weighted: bool,
    /// Ten hosts, and every path twice: with a header that the requests do not have, and without.
    pub(crate) conditions: bool,
}

/// 100 routes over 4 clusters of 8 endpoints.
pub(crate) const SMALL: Shape = Shape {
    routes: 100,
    clusters: 4,
    endpoints: 8,
    pick: Pick::LeastInFlight,
    sticky: None,
    weighted: false,
    conditions: false,
};

/// 1000 routes over 100 clusters of 40 endpoints: the table of the publish bar.
pub(crate) const LARGE: Shape = Shape { routes: 1000, clusters: 100, endpoints: 40, ..SMALL };

impl Shape {
    /// The table as data.
    pub(crate) fn spec(self) -> TableSpec {
        let mut spec = TableSpec::new().pick(self.pick);
        for cluster in 0..self.clusters {
            let half = self.endpoints / 2;
            spec = spec.cluster(format!("cluster-{cluster}"), |c| {
                c.region("near", |r| self.endpoints_of(r.weight(3), cluster, 0..half))
                    .region("far", |r| self.endpoints_of(r.weight(1), cluster, half..self.endpoints))
            });
        }
        for route in 0..self.routes {
            let [most, rest] = [route, route + 1].map(|at| format!("cluster-{}", at % self.clusters));
            let split = if most == rest { vec![(most, 1)] } else { vec![(most, 9), (rest, 1)] };
            spec = spec.route(format!("route-{route}"), |r| {
                let r = r.when(self.matching(route)).split(split);
                match self.sticky {
                    Some(scope) => r.sticky(Sticky::header("x-user").or_cookie("user").scope(scope)),
                    None => r,
                }
            });
        }
        spec
    }

    /// The table, built.
    pub(crate) fn table(self) -> Table {
        self.spec().build().expect("a sound table")
    }

    fn endpoints_of(self, region: RegionSpec, cluster: usize, places: std::ops::Range<usize>) -> RegionSpec {
        places.fold(region, |region, place| {
            let weight = if self.weighted { place as u32 % 4 + 1 } else { 1 };
            let address = format!("10.{}.{}.{}:8080", cluster % 256, place / 256, place % 256);
            region.endpoint_with(format!("endpoint-{place}"), address, |endpoint| endpoint.weight(weight))
        })
    }

    fn matching(self, route: usize) -> Match {
        if !self.conditions {
            return Match::new().path_template(format!("/api/v{route}/items/{{id}}"));
        }
        let path = route / 2;
        let matching = Match::new().host(host(path)).path_template(format!("/api/v{path}/items/{{id}}"));
        if route.is_multiple_of(2) { matching.header("x-tier", "gold") } else { matching }
    }

    /// Requests with 8 headers that meet `count` of the routes, spread over the table.
    pub(crate) fn requests(self, count: usize) -> Vec<Request<()>> {
        let paths = if self.conditions { self.routes / 2 } else { self.routes };
        // 37 has no divisor in common with the tables' sizes, so the paths do not come in the order of the table.
        (0..count).map(|at| request(at * 37 % paths, at)).collect()
    }
}

fn host(path: usize) -> String {
    format!("api-{}.example.com", path % 10)
}

/// A request as a browser's client would send it: 8 headers.
pub(crate) fn request(path: usize, user: usize) -> Request<()> {
    Request::get(format!("http://{}/api/v{path}/items/42?page=1", host(path)))
        .header("host", host(path))
        .header("user-agent", "bench/1.0")
        .header("accept", "application/json")
        .header("accept-encoding", "gzip, br")
        .header("x-request-id", "4bf92f3577b34da6a3ce929d0e0e4736")
        .header("x-user", format!("user-{user}"))
        .header("cookie", format!("theme=dark; user=user-{user}"))
        .header("x-tier", "silver")
        .body(())
        .expect("a sound request")
}

/// The facts of each request.
pub(crate) fn facts(requests: &[Request<()>]) -> Vec<Facts<'_>> {
    requests.iter().map(|request| Facts::http(request).expect("normal spellings")).collect()
}

/// One request after another with the same snapshot, at the same moment.
#[derive(Debug)]
pub(crate) struct Deciding<'r> {
    snapshot: Pinned,
    facts: Vec<Facts<'r>>,
    word: u64,
}

impl<'r> Deciding<'r> {
    pub(crate) fn new(traffic: &Traffic, requests: &'r [Request<()>]) -> Self {
        Deciding { snapshot: traffic.snapshot(), facts: facts(requests), word: 0 }
    }

    /// The next request's decision. Its draws come from a counter, which costs one addition.
    #[inline]
    pub(crate) fn decide(&mut self) -> Result<Decision, Rejected> {
        self.word += 1;
        let facts = &self.facts[self.word as usize % self.facts.len()];
        self.snapshot.decide(black_box(facts), Draws::from_word(self.word), NOW)
    }

    pub(crate) fn snapshot(&self) -> &Pinned {
        &self.snapshot
    }
}

/// The moment of all decisions.
pub(crate) const NOW: Instant = Instant::from_nanos(1_000_000_000);

/// Requests in flight on all endpoints, unequally, half of them answered: what the load-aware picks have to compare.
pub(crate) fn busy(traffic: &Traffic, requests: &[Request<()>], count: usize) -> Vec<Permit> {
    let mut deciding = Deciding::new(traffic, requests);
    (0..count)
        .map(|at| {
            let decision = deciding.decide().expect("a route and an endpoint");
            let mut permit = deciding.snapshot().begin(&decision, Instant::START).expect("its own snapshot");
            if at.is_multiple_of(2) {
                permit.answered(Outcome::Success, Instant::START.after(Duration::from_millis(1 + at as u64 % 50)));
            }
            permit
        })
        .collect()
}

/// Whether to measure, as criterion decides it: `cargo bench` says `--bench`, `cargo test --benches` does not.
pub(crate) fn is_measuring() -> bool {
    let is = |name: &str| std::env::args().any(|arg| arg == name);
    is("--bench") && !is("--test")
}
