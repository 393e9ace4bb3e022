//! What an operator and a table say of regions, health aside: residency, home, evacuation, practice and declared capacity.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]
#![allow(clippy::float_cmp, reason = "shares of one half are exact")]
#![allow(clippy::disallowed_types, reason = "the one lock is the crate's own, and these are its users")]

mod capacity;
mod evacuation;
mod home;
mod practice;
mod probes;
mod residency;

use contraflow::error::Reason;
use contraflow::table::{Capacity, Failover};
use contraflow::testing::{Backend, Step};
use contraflow::time::{Clock, ManualClock};
use contraflow::traffic::{Evacuation, Practice};
use contraflow::{Entropy, Error, Facts, Match, Plain, Priority, Ratio, Sticky, TableSpec, Traffic};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tower::Service;

const HOUR: Duration = Duration::from_secs(3600);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Three regions, one endpoint each that has the region's name, one rank after the other.
fn three_regions() -> TableSpec {
    TableSpec::new()
        .cluster("api", |c| {
            c.region("eu", |r| r.rank(0).endpoint("eu", "eu:80"))
                .region("us", |r| r.rank(1).endpoint("us", "us:80"))
                .region("ap", |r| r.rank(2).endpoint("ap", "ap:80"))
        })
        .route("all", |r| r.any().to("api"))
}

fn traffic(spec: TableSpec) -> (Traffic, ManualClock) {
    let (clock, hand) = Clock::manual();
    hand.advance(seconds(1000));
    (Traffic::with_sources(spec.build().expect("a sound table"), clock, Entropy::seeded(7)), hand)
}

/// Where a request to a path goes, or why it goes nowhere.
fn place(traffic: &Traffic, path: &str) -> Result<String, Reason> {
    let snapshot = traffic.snapshot();
    let decided = snapshot.decide(&Facts::path(path), traffic.draws(), traffic.now());
    let decision = decided.map_err(|rejected| rejected.reason())?;
    let replayed = snapshot.replay(&Facts::path(path), &decision);
    if let Some(replayed) = replayed {
        assert_eq!(replayed.as_ref(), Ok(&decision));
    }
    Ok(snapshot.describe(&decision).expect("it has just decided").region().to_string())
}

/// How often each region is chosen for so many requests.
fn places(traffic: &Traffic, path: &str, requests: u32) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..requests {
        *counts.entry(place(traffic, path).unwrap_or_else(|reason| format!("{reason:?}"))).or_default() += 1;
    }
    counts
}

/// The part of the cluster's requests that a region gets.
fn share(traffic: &Traffic, region: &str) -> f64 {
    let status = traffic.status();
    status.clusters[0].regions.iter().find(|one| one.name == *region).expect("a region of that name").share.get()
}
