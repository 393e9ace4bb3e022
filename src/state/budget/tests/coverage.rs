//! Every vector is tested, or we say why not.

use super::vectors::{all, id};

/// Vectors that a test reads: by their id, or by how it begins.
const TESTED: &[&str] = &[
    "finagle-0.",
    "finagle-min",
    "finagle-zero",
    "tower-trunc-",
    "envoy-",
    "grpc-0f",
    "grpc-4f",
    "grpc-5f",
    "grpc-10f",
    "grpc-recover",
    "aws-eventual",
    "aws-noquota",
    "aws-first-success",
    "failsafe-budget-floor",
    "aws-exp",
    "aws-cap",
    "aws21-nonthrottle",
    "envoy-exp",
    "envoy-exp2",
    "grpc-exp",
    "aws-blog-full",
];

/// Vectors that nothing here reads.
const NOT_READ: &[(&str, &str)] = &[
    ("failsafe-hedge-exceeded", "that a refused hedge leaves the primary alone is for those to show who send hedges"),
    ("finagle-linear", "a wait that grows by a step is not offered: it spreads nobody"),
    ("polly-constant-jitter", "a wait that does not grow is not offered: an overload does not end by it"),
    ("polly-linear-jitter", "a wait that grows by a step is not offered: it spreads nobody"),
];

/// Where tests read vectors.
const SOURCES: [&str; 3] =
    [include_str!("upstream.rs"), include_str!("ratios.rs"), include_str!("../../backoff/tests.rs")];

#[test]
fn every_vector_is_read_or_listed_with_the_reason_why_not() {
    for vector in all() {
        let id = id(&vector);
        let is_tested =
            TESTED.iter().any(|tested| id == *tested || tested.ends_with(['-', '.']) && id.starts_with(tested));
        let listed = NOT_READ.iter().filter(|(other, _)| *other == id).count();
        assert_eq!(usize::from(is_tested) + listed, 1, "{id} is in one of the two lists, once");
    }
}

#[test]
fn what_is_listed_exists_and_what_is_tested_is_named_by_a_test() {
    for listed in TESTED.iter().chain(NOT_READ.iter().map(|(id, _)| id)) {
        assert!(all().iter().any(|vector| id(vector).starts_with(listed)), "{listed} is listed, but not in the file");
    }
    for tested in TESTED {
        assert!(SOURCES.iter().any(|source| source.contains(&format!("\"{tested}\""))), "no test reads {tested}");
    }
    assert!(NOT_READ.iter().all(|(_, reason)| reason.len() > 20), "a reason is a sentence");
}
