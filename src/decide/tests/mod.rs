//! Decisions against the vectors of others, and the values that must never change.

mod loads;
mod shares;
mod snapshots;
mod sticky;
#[expect(clippy::duplicate_mod, reason = "one loader for both, and neither layer's tests see the other's")]
#[path = "../../table/tests/vectors.rs"]
mod vectors;
mod veto;
