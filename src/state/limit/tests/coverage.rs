//! Every vector is tested, or we say why not.

use super::vectors::{FILE, all};
use serde_json::Value;
use std::collections::BTreeSet;

/// Vectors that a test reads, here.
const TESTED: &[&str] = &[
    "aimd-1",
    "aimd-3",
    "aimd-4",
    "aimd-5",
    "vegas-inc",
    "vegas-dec",
    "vegas-hold",
    "vegas-smooth",
    "vegas-nosmooth",
    "gradient2-1",
    "gradient2-2",
    "gradient2-3",
    "gradient2-4",
    "log10root",
];

/// Vectors of what is no algorithm: the tests of what they are about read them.
const ELSEWHERE: &[(&str, &str)] = &[
    ("bins", PARTITIONS),
    ("guarantee-after-burst", PARTITIONS),
    ("exact", PARTITIONS),
    ("resize", PARTITIONS),
    (
        "toctou",
        "who takes the last place is decided where places are handed out, in one word: `state::bound` races for it",
    ),
    ("lifo-order", QUEUE),
    ("shrink", "what a lower limit does to those in flight and to those who wait is `state::waiting`'s to show"),
    ("codel-load", QUEUE),
    ("mmck_analytic", "a fixed limit in front of a whole backend is the simulated world's to measure"),
];

const PARTITIONS: &str = "partitions share a limit out, they do not find it";
const QUEUE: &str = "who waits and for how long is the queue's, which no algorithm sees";

/// Vectors of what we do not build.
const NOT_BUILT: &[(&str, &str)] = &[
    ("envoygrad-1", ENVOY),
    ("envoygrad-2", ENVOY),
    ("envoygrad-5", ENVOY),
    ("envoygrad-6", ENVOY),
    ("envoygrad-7", ENVOY),
    ("envoygrad-probe", ENVOY),
    ("envoygrad-restore", ENVOY),
    ("envoygrad-jitter", ENVOY),
    ("failsafe-inc", FAILSAFE),
    ("failsafe-dec", FAILSAFE),
    ("failsafe-maxfactor-floor", FAILSAFE),
    ("sqrtroot4", "the queue of Netflix's first gradient, which its second replaces; ours is a number"),
    ("window-avg", WINDOWS),
    ("window-p50-drop", WINDOWS),
    ("window-p999", WINDOWS),
    ("cv", FAILSAFE),
    ("cv-slide", FAILSAFE),
    ("corr", FAILSAFE),
];

const ENVOY: &str = "Envoy's gradient is not shipped: it holds the limit at its least to measure, which refuses healthy \
                     traffic, and it grows while idle";
const FAILSAFE: &str = "failsafe-go's limiter is not shipped: drops do not move it, so with many clients a backend that \
                        answers nobody keeps its limit";
const WINDOWS: &str = "Netflix's windows are not shipped: an algorithm is told of each request, and a window would hide \
                       which of them were drops";

/// Where tests read vectors.
const SOURCES: [&str; 3] = [include_str!("aimd.rs"), include_str!("gradient2.rs"), include_str!("vegas.rs")];

/// All vectors of the file; one that is a table in place of a list goes by the name of its part.
fn ids() -> Vec<String> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    let tables = file.as_object().unwrap().iter().filter(|(name, part)| part.is_object() && *name != "_meta");
    let rows = all();
    let named = rows.iter().map(|vector| vector["id"].as_str().expect("every vector has an id").to_owned());
    named.chain(tables.map(|(name, _)| name.clone())).collect()
}

fn reasons() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    NOT_BUILT.iter().chain(ELSEWHERE)
}

#[test]
fn every_vector_is_tested_here_or_listed_with_the_reason_why_not() {
    let ids = ids();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "an id names one vector");
    let lists = |id: &String| {
        let tested = TESTED.iter().filter(|other| *other == id).count();
        tested + reasons().filter(|(other, _)| other == id).count()
    };
    let wrong: Vec<_> = ids.iter().filter(|id| lists(id) != 1).collect();
    assert!(wrong.is_empty(), "not in one of the three lists, once: {wrong:?}");
    assert!(reasons().all(|(_, reason)| reason.len() > 20), "a reason is a sentence");
}

#[test]
fn every_listed_vector_exists_and_those_tested_are_read_by_a_test() {
    let ids = ids();
    for id in TESTED.iter().chain(reasons().map(|(id, _)| id)) {
        assert!(ids.iter().any(|other| other == id), "{id} is listed, but not in the file");
    }
    for id in ids {
        let is_read = SOURCES.iter().any(|source| source.contains(&format!("\"{id}\"")));
        assert_eq!(is_read, TESTED.contains(&id.as_str()), "{id}: read by a test and listed as tested go together");
    }
}
