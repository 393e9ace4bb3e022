//! The algorithms against the vectors of those who had them first, and against the rules that hold for all of them.
//!
//! The vectors are in `tests/vectors/limits.json`, each with its source. [`coverage`] holds the list of those tested and of
//! what we do not build, each with its reason.

mod adaptive;
mod aimd;
mod coverage;
mod gradient2;
mod make;
mod properties;
mod samples;
mod vectors;
mod vegas;

pub(in crate::state) use vectors::vector;
