//! contraflow
#![forbid(unsafe_code)]
pub mod decide;
mod entropy;
pub mod error;
mod id;
mod protocol;
pub mod state;
mod sync;
pub mod table;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time;
pub mod traffic;
mod unit;
pub use decide::Decision;
pub use entropy::{Draws, Entropy};
pub use error::{Rejected, TableError};
pub use id::{Epoch, Generation, Name};
pub use protocol::{Facts, Outcome};
pub use state::Snapshot;
pub use table::{Match, Pick, SlowStart, Sticky, Table, TableSpec};
pub use traffic::Traffic;
pub use unit::{Ratio, Share};

/// Failing seeds are kept beside the source they are about, and committed.
#[cfg(all(test, not(contraflow_loom)))]
fn property_config() -> proptest::test_runner::Config {
    use proptest::test_runner::{Config, FileFailurePersistence};
    Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..Config::default()
    }
}
