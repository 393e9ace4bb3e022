//! contraflow
#![forbid(unsafe_code)]
mod entropy;
pub mod error;
mod id;
mod protocol;
mod sync;
pub mod table;
pub mod time;
mod unit;
pub use entropy::Draws;
pub use error::{Rejected, TableError};
pub use id::{Epoch, Generation, Name};
pub use protocol::{Facts, Outcome};
pub use table::{Match, Pick, SlowStart, Sticky, Table, TableSpec};
pub use unit::{Ratio, Share};
