//! What holds of the handle: one generation a request, refusals that change nothing, state that survives a swap, evacuations
//! that bind everybody, and writers that lose none of each other's changes.
//!
//! One property drives random operations against a plain model; the tests around it say the single rules outright.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]

mod edges;
mod model;
mod rules;
mod threads;

use contraflow::error::Reason;
use contraflow::state::Permit;
use contraflow::table::{PathRules, Region};
use contraflow::testing::strategies::{requests, specs, tables};
use contraflow::time::{Clock, Instant, ManualClock};
use contraflow::traffic::{Cause, Pinned, PublishError, Published, Revision, Status};
use contraflow::{
    Decision, Draws, Entropy, Facts, Match, Outcome, Pick, Share, SlowStart, Snapshot, Table, TableError, TableSpec,
    Traffic,
};
use http::Request;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, FileFailurePersistence};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

const REMEMBERED: usize = 32;

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
fn traffic(table: Table) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    (Traffic::with_sources(table, clock, Entropy::seeded(1)), hand)
}

/// One cluster `api` of these regions, each with its endpoints, behind one route.
fn api(regions: &[(&str, &[&str])]) -> TableSpec {
    let cluster = |spec: TableSpec| {
        spec.cluster("api", |cluster| {
            regions.iter().fold(cluster, |cluster, (region, endpoints)| {
                cluster.region(*region, |region| {
                    endpoints.iter().fold(region, |region, name| region.endpoint(*name, format!("{name}:80")))
                })
            })
        })
    };
    cluster(TableSpec::new().failover(at_once())).route("all", |route| route.any().to("api"))
}

/// Regions that are let back are back at once: how they return is another matter.
fn at_once() -> contraflow::Failover {
    contraflow::Failover::default().ramp(Duration::ZERO)
}

fn built(spec: TableSpec) -> Table {
    spec.build().expect("a sound spec")
}

fn decide(snapshot: &Snapshot, word: u64, now: Instant) -> Result<Decision, Reason> {
    let decided = snapshot.decide(&Facts::path("/"), Draws::from_word(word), now);
    decided.map_err(|rejected| rejected.reason())
}

/// Where a decision of this snapshot goes: region and endpoint.
fn place(snapshot: &Snapshot, decision: &Decision) -> (String, String) {
    let names = snapshot.describe(decision).expect("its own decision");
    (names.region().to_string(), names.endpoint().name().to_string())
}

/// The places that a thousand decisions go to.
fn places(snapshot: &Snapshot, now: Instant) -> BTreeSet<(String, String)> {
    (0..1000).filter_map(|word| Some(place(snapshot, &decide(snapshot, word, now).ok()?))).collect()
}

fn regions(snapshot: &Snapshot, now: Instant) -> BTreeSet<String> {
    places(snapshot, now).into_iter().map(|(region, _)| region).collect()
}

fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(String::from).collect()
}
