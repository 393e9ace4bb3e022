//! What holds of every decision: zero is never chosen, shares are the weights', keys stay where they are, an explanation
//! names what is picked, and a load is avoided or bounded as its policy says.
//!
//! Statistics are over seeded words or numbered keys, so each run sees the same ones. A bound is five standard deviations of
//! the binomial, which one in 1.7 million other seeds would miss, beside what the policy's own documentation allows.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]

mod keys;
mod loads;
mod record;
mod shares;
mod warm_up;
mod work;

use contraflow::decide::{EndpointReason, RegionReason};
use contraflow::error::Reason;
use contraflow::state::Permit;
use contraflow::table::{Maglev, RouteSpec, Scope};
use contraflow::testing::strategies::{pick, requests, shuffled, specs, tables};
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::traffic::Pinned;
use contraflow::{
    Decision, Draws, Entropy, Facts, Match, Outcome, Pick, Ratio, Share, SlowStart, Snapshot, Sticky, Table, TableSpec,
    Traffic,
};
use http::Request;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::BTreeMap;
use std::time::Duration;

const NOW: Instant = Instant::START;

const MAGLEV: Pick = Pick::Maglev(Maglev { size: None, max_load_percent: None });

const PICKS: [Pick; 6] = [
    Pick::Random,
    Pick::RoundRobin,
    Pick::LeastInFlight,
    Pick::PeakEwma,
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: None }),
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) }),
];

const SCOPES: [Scope; 3] = [Scope::Cluster, Scope::Region, Scope::Endpoint];

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Traffic whose time is moved by hand.
fn traffic(spec: TableSpec, seed: u64) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(spec.build().expect("a sound spec"), clock, Entropy::seeded(seed)), hand)
}

fn in_force(spec: TableSpec) -> Pinned {
    traffic(spec, 1).0.snapshot()
}

/// Weights at each level. Every cluster has the same regions, every region the same endpoints; names are a letter and a
/// number, the place of the weight.
#[derive(Clone, Debug)]
struct Weights {
    split: Vec<u32>,
    regions: Vec<u32>,
    endpoints: Vec<u32>,
}

impl Weights {
    fn new(split: &[u32], regions: &[u32], endpoints: &[u32]) -> Self {
        Weights { split: split.into(), regions: regions.into(), endpoints: endpoints.into() }
    }

    fn level(&self, level: usize) -> &[u32] {
        [&self.split, &self.regions, &self.endpoints][level]
    }

    fn level_mut(&mut self, level: usize) -> &mut [u32] {
        [&mut self.split, &mut self.regions, &mut self.endpoints][level]
    }

    /// The route `all`, as described, and a route for `/turns` that goes to the endpoints of `c0` in turn.
    fn spec(&self, describe: impl FnOnce(RouteSpec) -> RouteSpec) -> TableSpec {
        let numbered = |letter: char, weights: &[u32]| -> Vec<(String, u32)> {
            weights.iter().enumerate().map(|(place, &weight)| (format!("{letter}{place}"), weight)).collect()
        };
        let split = numbered('c', &self.split);
        let spec = split.iter().fold(TableSpec::new(), |spec, (name, _)| {
            spec.cluster(name, |cluster| {
                numbered('r', &self.regions).into_iter().fold(cluster, |cluster, (name, weight)| {
                    cluster.region(name, |region| {
                        numbered('e', &self.endpoints).into_iter().fold(
                            region.weight(weight),
                            |region, (name, weight)| {
                                region.endpoint_with(name, "10.0.0.1:80", |endpoint| endpoint.weight(weight))
                            },
                        )
                    })
                })
            })
        });
        spec.route("all", |route| describe(route.any().split(split)))
            .route("turns", |route| route.when(Match::new().path("/turns")).to("c0").pick(Pick::RoundRobin))
    }

    /// A place's probability at a level: its weight over the sum.
    fn probability(&self, level: usize, place: usize) -> f64 {
        let weights = self.level(level);
        f64::from(weights[place]) / weights.iter().map(|&weight| f64::from(weight)).sum::<f64>()
    }
}

/// One region of these endpoints.
fn endpoints(weights: &[u32]) -> Weights {
    Weights::new(&[1], &[1], weights)
}

fn sticky(route: RouteSpec, scope: Option<Scope>) -> RouteSpec {
    match scope {
        Some(scope) => route.sticky(Sticky::caller().scope(scope)),
        None => route,
    }
}

fn decide(snapshot: &Snapshot, word: u64) -> Decision {
    snapshot.decide(&Facts::path("/"), Draws::from_word(word), NOW).expect("a route and an endpoint")
}

/// A decision for a key. The words differ from key to key: none of them may come through.
fn decide_key(snapshot: &Snapshot, key: &str) -> Decision {
    let draws = Draws::from_word(key.bytes().map(u64::from).sum());
    snapshot.decide(&Facts::path("/").with_key(key.as_bytes()), draws, NOW).expect("a route and an endpoint")
}

/// The names of a decision's cluster, region and endpoint.
fn names<'s>(snapshot: &'s Snapshot, decision: &Decision) -> [&'s str; 3] {
    let names = snapshot.describe(decision).expect("its own decision");
    [names.cluster().as_str(), names.region().as_str(), names.endpoint().name().as_str()]
}

/// The numbers in those names.
fn place(snapshot: &Snapshot, decision: &Decision) -> [usize; 3] {
    names(snapshot, decision).map(|name| name[1..].parse().expect("a letter and a number"))
}

fn words(seed: u64, count: usize) -> impl Iterator<Item = u64> {
    let entropy = Entropy::seeded(seed);
    (0..count).map(move |_| entropy.word())
}

fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("user-{number}"))
}

/// Fails unless so many hits are within five deviations of the probability's, and `slack` beside.
///
/// The part of n trials that hit has the standard deviation sqrt(p (1 - p) / n); where p is 0 or 1 there is none.
#[track_caller]
fn assert_share(hits: usize, trials: usize, probability: f64, slack: f64, what: &str) {
    let deviation = (probability * (1.0 - probability) / trials as f64).sqrt();
    let observed = hits as f64 / trials as f64;
    assert!((observed - probability).abs() <= 5.0 * deviation + slack + 1e-12, "{what}: {observed} for {probability}");
}

/// How often each place of each level is in these.
fn tally(places: impl Iterator<Item = [usize; 3]>, weights: &Weights) -> [Vec<usize>; 3] {
    let mut counts = [0, 1, 2].map(|level| vec![0; weights.level(level).len()]);
    for place in places {
        (0..3).for_each(|level| counts[level][place[level]] += 1);
    }
    counts
}

/// A decision for each endpoint of the first cluster's only region, by its number.
fn one_each(snapshot: &Snapshot, count: usize) -> Vec<Decision> {
    let mut found = BTreeMap::new();
    while found.len() < count {
        let decision = snapshot.decide(&Facts::path("/turns"), Draws::from_word(0), NOW).expect("a turn");
        found.insert(place(snapshot, &decision)[2], decision);
    }
    found.into_values().collect()
}

/// So many requests in flight at each.
fn load(snapshot: &Snapshot, decisions: &[Decision], counts: &[usize]) -> Vec<Permit> {
    let each = decisions.iter().zip(counts);
    each.flat_map(|(decision, &count)| (0..count).map(|_| snapshot.begin(decision, NOW).expect("its own"))).collect()
}

/// The ticket that a round robin would take next, as an explanation tells it.
fn next_ticket(snapshot: &Snapshot) -> u64 {
    let why = snapshot.explain(&Facts::path("/turns"), Draws::from_word(0), NOW).expect("a turn").to_string();
    let ticket = why.split("ticket ").nth(1).and_then(|rest| rest.lines().next());
    ticket.expect("a ticket").parse().expect("a number")
}

/// A Maglev route over these endpoints whose loads are bounded.
fn bounded(weights: &[u32], max_load_percent: u32) -> TableSpec {
    let pick = Pick::Maglev(Maglev { size: None, max_load_percent: Some(max_load_percent) });
    endpoints(weights).spec(|route| route.sticky(Sticky::caller()).pick(pick))
}

/// Weights with zeros among them, and at least one that is none.
fn with_zeros() -> impl Strategy<Value = Vec<u32>> {
    let weight = prop_oneof![3 => Just(0), 4 => 1u32..10, 1 => Just(u32::MAX)];
    vec(weight, 1..6).prop_map(|mut weights| {
        if weights.iter().all(|&weight| weight == 0) {
            weights[0] = 1;
        }
        weights
    })
}

/// Whether two shares are the same part.
fn equal(one: Share, (part, whole): (u64, u64)) -> bool {
    u128::from(one.part()) * u128::from(whole) == u128::from(part) * u128::from(one.whole())
}
