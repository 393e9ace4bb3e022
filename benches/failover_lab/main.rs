//! What failover does, by scenario: our rules beside "the first region that is healthy" and beside Envoy's.
//!
//! ```text
//! cargo bench --bench failover_lab -- --seeds 3 --only hole,cold --rules first,ours
//! ```
//!
//! Regions and callers are simulated, in virtual time; the stack is the real one, and so are all columns: they are tables that differ
//! in their knobs. One seed is one history.
//!
//! | part | what is in it |
//! |---|---|
//! | `rules` | the columns |
//! | `scenarios` | the rows: what goes wrong, and when |
//! | `readings` | the figures of a run |
//! | `shared` | what all labs have: experiments, runs, the tables |

mod readings;
mod rules;
mod scenarios;
#[path = "../support/lab/mod.rs"]
mod shared;

use rules::Rules;
use shared::program::Program;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (columns, experiments) = (&Rules::ALL, &scenarios::ALL);
    Program { columns, experiments, short: &["fails"], legend: None }.run(|| true)
}
