//! The vectors, by id.

use serde_json::Value;

const FILE: &str = include_str!("../../../../tests/vectors/retries.json");

/// The vector of that id.
pub(in crate::state) fn vector(id: &str) -> Value {
    all().into_iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no vector `{id}`"))
}

/// Those of which the id begins like this: at least two.
pub(super) fn family(prefix: &str) -> Vec<Value> {
    let family: Vec<_> = all().into_iter().filter(|vector| id(vector).starts_with(prefix)).collect();
    assert!(family.len() >= 2, "no vectors `{prefix}..`");
    family
}

pub(super) fn all() -> Vec<Value> {
    let file: Value = serde_json::from_str(FILE).expect("the file of vectors is JSON");
    file.as_object().expect("the file has parts").values().filter_map(Value::as_array).flatten().cloned().collect()
}

pub(super) fn id(vector: &Value) -> &str {
    vector["id"].as_str().expect("every vector has an id")
}

/// A whole number that the vector has to have.
pub(super) fn count(vector: &Value, name: &str) -> u32 {
    let count = vector[name].as_u64().unwrap_or_else(|| panic!("{} has no `{name}`", id(vector)));
    u32::try_from(count).expect("counts are small")
}

/// A number that the vector has to have.
pub(super) fn number(vector: &Value, name: &str) -> f64 {
    vector[name].as_f64().unwrap_or_else(|| panic!("{} has no `{name}`", id(vector)))
}
