//! Passive outlier detection: what the endpoints of one region answer decides which of them are in use.
//!
//! [`Health`] is written by every request; [`Detector`] reads all of a region's, and says who goes and who comes back. [`Window`]
//! counts, `rules` judge.
//!
//! [`Window`]: window::Window

mod detector;
mod endpoint;
#[cfg(all(test, contraflow_loom))]
mod loom_tests;
mod rules;
#[cfg(all(test, not(contraflow_loom)))]
mod tests;
mod verdict;
mod window;

pub(crate) use detector::{Detector, Live, Member};
pub(crate) use endpoint::{Health, Phase};
pub use verdict::{Verdict, What, Why};
