//! Every vector is tested, or we say why not.

use super::vectors::FILE;
use serde_json::Value;
use std::collections::BTreeSet;

/// Vectors that a test reads, in whole or in part.
const TESTED: &[&str] = &[
    "locality-doc",
    "locality-wrr-seq",
    "locality-wrr-zero",
    "locality-wrr-fair-start",
    "slow-start",
    "slow-start-haproxy",
    "nginx-swrr-511",
    "nginx-swrr-1-2",
    "nginx-swrr-3-2-1",
    "nginx-swrr-4-2-1",
    "nginx-swrr-10-1",
    "stride-1-2",
    "stride-1-2-3",
    "stride-0.1-1-100",
    "stride-1-1-40",
    "vose-1-2-3-4",
    "vose-0.5-0.3-0.2",
    "vose-5-0-5",
    "vose-99-1",
    "maglev-weights-1-2",
    "maglev-disruption-N1000",
    "maglev-disruption-size",
    "maglev-rule",
    "weights-locality-x-endpoint",
    "stick-disruption",
    "stick-interval-fixed-total",
    "peak-ewma-cold",
    "least-request-weight",
    "gw-weights",
];

/// Vectors that we do not build, or, of those that are tested too, the part that we do not.
const NOT_BUILT: &[(&str, &str)] = &[
    ("locality-doc", "rows below 100%: endpoints have no health yet, so nothing lowers a region's share"),
    ("slow-start-haproxy", "no return from DOWN, as there is no health yet, and no limit that ramps with the weight"),
    ("stride-1-2", STRIDE),
    ("stride-1-2-3", STRIDE),
    ("stride-0.1-1-100", STRIDE),
    ("stride-1-1-40", STRIDE),
    ("maglev-disruption-N1000", "its percentages are one seed of another hash: they bound ours, they are not ours"),
    ("maglev-rule", "not one default size: ours follows the number and the weights of the endpoints"),
    ("maglev-recalled", "recalled, never checked against the paper; how fast ours builds is a bench's to say"),
    (
        "ring-scale",
        "no ring: Maglev has even shares by one lookup, rendezvous moves the fewest keys, a ring does neither",
    ),
    (
        "hash-combine",
        "hashes are not combined: the first source that a request has is its key, so that a second source that comes or \
         goes moves nobody, and an explanation can name the source",
    ),
    ("stick-interval-fixed-total", "no intervals: they shift cohorts whose own weight did not change"),
    (
        "peak-ewma-cold",
        "no seed as tower's and linkerd's: a guessed response time would be compared with measured ones",
    ),
    (
        "least-request-weight",
        "not weight / (active + 1): both rivals are drawn by weight already, and this would count the weights twice \
         among idle endpoints; the quotient we compare, in flight / weight, ties there",
    ),
    ("gw-weights", "no error for an invalid backend's share: a table with an unknown cluster is refused as a whole"),
];

const STRIDE: &str = "its order of turns is nginx's instead; its bounds (10 x mean, 1% of mean) and its zero for unknown are \
                      for weights that are measured, ours are written down and hold exactly";

/// Where tests read vectors.
const SOURCES: [&str; 7] = [
    include_str!("maglev.rs"),
    include_str!("sequence.rs"),
    include_str!("split.rs"),
    include_str!("warm_up.rs"),
    include_str!("../../decide/tests/loads.rs"),
    include_str!("../../decide/tests/shares.rs"),
    include_str!("../../decide/tests/sticky.rs"),
];

fn ids() -> BTreeSet<String> {
    let file: Value = serde_json::from_str(FILE).unwrap();
    file["vectors"].as_array().unwrap().iter().map(|vector| vector["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_vector_is_tested_or_listed_with_the_reason_why_not() {
    let listed = |id: &&String| TESTED.contains(&id.as_str()) || NOT_BUILT.iter().any(|(other, _)| other == id);
    let ids = ids();
    let forgotten: Vec<_> = ids.iter().filter(|id| !listed(id)).collect();
    assert!(forgotten.is_empty(), "neither tested nor listed as not built: {forgotten:?}");
    assert!(NOT_BUILT.iter().all(|(_, reason)| reason.len() > 20), "a reason is a sentence");
}

#[test]
fn every_listed_vector_exists_and_those_tested_are_read_by_a_test() {
    let ids = ids();
    for id in TESTED.iter().chain(NOT_BUILT.iter().map(|(id, _)| id)) {
        assert!(ids.contains(*id), "{id} is listed, but not in the file");
    }
    for id in ids {
        let is_read = SOURCES.iter().any(|source| source.contains(&format!("\"{id}\"")));
        assert_eq!(is_read, TESTED.contains(&id.as_str()), "{id}: read by a test and listed as tested go together");
    }
}
