//! The vectors, by id.

use super::samples::{dropped, success};
use crate::table::{LimitAlgorithm, Sample};
use serde_json::Value;

pub(super) const FILE: &str = include_str!("../../../../tests/vectors/limits.json");

/// The vector of that id, in whatever part of the file it stands.
pub(in crate::state) fn vector(id: &str) -> Value {
    all().into_iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no vector `{id}`"))
}

/// All that have an id. Those of a kind with one table in place of a list have none.
pub(super) fn all() -> Vec<Value> {
    let file: Value = serde_json::from_str(FILE).expect("the file of vectors is JSON");
    file.as_object().expect("the file has parts").values().filter_map(Value::as_array).flatten().cloned().collect()
}

/// The number that a vector sets there, or what is upstream's default.
pub(super) fn number_or(value: &Value, default: u32) -> u32 {
    value.as_u64().map_or(default, |number| u32::try_from(number).expect("a limit is small"))
}

/// What the algorithm shows after each of a vector's samples.
pub(super) fn after_each<A: LimitAlgorithm, T>(
    vector: &Value,
    algorithm: &mut A,
    mut show: impl FnMut(&A) -> T,
) -> Vec<T> {
    let samples = vector["samples"].as_array().expect("a vector of limits has samples");
    let mut after = |sample: &Value| {
        algorithm.observe(&read(sample));
        show(algorithm)
    };
    samples.iter().map(&mut after).collect()
}

fn read(sample: &Value) -> Sample {
    let milliseconds = sample["rtt"].as_u64().expect("a sample has a latency");
    let in_flight = number_or(&sample["inflight"], 0);
    if sample["drop"] == true { dropped(milliseconds, in_flight) } else { success(milliseconds, in_flight) }
}

/// The limits that a vector expects.
pub(super) fn limits(vector: &Value) -> Vec<u32> {
    vector["limits"].as_array().expect("a vector of limits has limits").iter().map(|it| number_or(it, 0)).collect()
}
