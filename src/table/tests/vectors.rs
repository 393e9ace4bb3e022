//! The vectors, by id.

use serde_json::Value;

pub(super) const FILE: &str = include_str!("../../../tests/vectors/routing.json");

/// The vector of that id; its `inputs` and `expected` are what tests read.
pub(super) fn vector(id: &str) -> Value {
    let file: Value = serde_json::from_str(FILE).expect("the file of vectors is JSON");
    let vectors = file["vectors"].as_array().expect("the file is a list of vectors");
    vectors.iter().find(|vector| vector["id"] == id).unwrap_or_else(|| panic!("no vector `{id}`")).clone()
}

/// A list of whole numbers.
pub(super) fn numbers<T: TryFrom<u64>>(list: &Value) -> Vec<T> {
    let number = |value: &Value| value.as_u64().and_then(|number| T::try_from(number).ok());
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is not a list"));
    list.iter().map(|value| number(value).unwrap_or_else(|| panic!("{value} is not a number in range"))).collect()
}

/// A number.
pub(super) fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value} is not a number"))
}
