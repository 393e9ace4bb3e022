//! What holds of every table: order and scale have no meaning, a diff is the whole change, one precedence decides, and no
//! spelling of a request and no header that the table does not name changes where it goes.
//!
//! Decisions are compared two ways. Two tables that are equal give equal [`Decision`]s, to the last field. Tables that
//! differ without meaning it give decisions that *say* the same ([`Said`]): the same names, shares in lowest terms, reasons
//! and key.
#![cfg(feature = "testing")]
#![allow(clippy::wildcard_imports, reason = "the parts share what they are written in terms of")]

mod diff;
mod headers;
mod precedence;
mod scale;
mod spelling;

use contraflow::decide::{ClusterReason, EndpointReason, RegionReason};
use contraflow::error::Reason;
use contraflow::table::{
    Capacity, Claims, FieldMatch, Knobs, Maglev, PathMatch, PathRules, RegionSpec, RouteSpec, Scope, Successes,
    TrustRule, ValueMatch,
};
use contraflow::testing::strategies::{matches, pick, requests, shuffled, specs, tables};
use contraflow::time::{Clock, Instant};
use contraflow::traffic::Pinned;
use contraflow::{
    Decision, Draws, Entropy, Facts, Hedge, Match, Pick, Ratio, Retry, RetryBudget, Share, SlowStart, Snapshot, Sticky,
    Table, TableSpec, Traffic,
};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, FileFailurePersistence};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Duration;

const NOW: Instant = Instant::START;

const PICKS: [Pick; 6] = [
    Pick::Random,
    Pick::RoundRobin,
    Pick::LeastInFlight,
    Pick::PeakEwma,
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: None }),
    Pick::Maglev(Maglev { size: Some(1021), max_load_percent: Some(125) }),
];

fn config(cases: u32) -> Config {
    Config {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}

/// A table in force, the same for every table that is equal: one clock, one stream of random words.
fn in_force(table: Table) -> Pinned {
    Traffic::with_sources(table, Clock::manual().0, Entropy::seeded(1)).snapshot()
}

/// A decision for a request that counts for nothing: no ticket is taken, so asking again gives the same.
fn look<B>(snapshot: &Snapshot, request: &Request<B>, word: u64) -> Result<Decision, Reason> {
    let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
    let why = snapshot.explain(&facts, Draws::from_word(word), NOW).map_err(|rejected| rejected.reason())?;
    Ok(*why.decision())
}

/// A decision for a request; a round robin takes its ticket.
fn decide<B>(snapshot: &Snapshot, request: &Request<B>, draws: Draws) -> Result<Decision, Reason> {
    let facts = Facts::http(request).map_err(|rejected| rejected.reason())?;
    snapshot.decide(&facts, draws, NOW).map_err(|rejected| rejected.reason())
}

/// What a decision says in names and shares, which another table can say too.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    route: String,
    matched: Match,
    place: [String; 3],
    shares: [(u64, u64); 2],
    reasons: (ClusterReason, RegionReason, EndpointReason),
    key: Option<u64>,
}

fn said(snapshot: &Snapshot, decision: &Decision) -> Said {
    let names = snapshot.describe(decision).expect("its own decision");
    Said {
        route: names.route().to_string(),
        matched: names.matched().clone(),
        place: [names.cluster().to_string(), names.region().to_string(), names.endpoint().name().to_string()],
        shares: [lowest_terms(decision.cluster_share()), lowest_terms(decision.region_share())],
        reasons: (decision.cluster_reason(), decision.region_reason(), decision.endpoint_reason()),
        key: decision.key_hash(),
    }
}

fn lowest_terms(share: Share) -> (u64, u64) {
    fn gcd(a: u64, b: u64) -> u64 {
        if b == 0 { a } else { gcd(b, a % b) }
    }
    let divisor = gcd(share.part(), share.whole()).max(1);
    (share.part() / divisor, share.whole() / divisor)
}

/// Fails unless both tables, put in force alike, make the same decisions one after the other, attempts and tickets included.
fn same_decisions(one: Table, other: Table, requests: &[Request<()>], words: &[u64]) -> Result<(), TestCaseError> {
    let (one, other) = (in_force(one), in_force(other));
    for request in requests {
        for (attempt, &word) in (0..).zip(words) {
            let draws = Draws::from_word(word).for_attempt(attempt % 3);
            prop_assert_eq!(decide(&one, request, draws), decide(&other, request, draws), "{:?}", request);
        }
    }
    Ok(())
}

/// The text with some of its characters percent-encoded: those that `may` be and that `bits` choose, in either case.
fn encoded(text: &str, bits: u64, may: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for (place, character) in text.chars().enumerate() {
        let bits = bits.rotate_right(2 * (place as u32 % 32));
        if !may(character) || bits & 1 == 0 {
            out.push(character);
            continue;
        }
        for byte in character.to_string().bytes() {
            let written = if bits & 2 == 0 { write!(out, "%{byte:02x}") } else { write!(out, "%{byte:02X}") };
            written.expect("a string takes everything");
        }
    }
    out
}
