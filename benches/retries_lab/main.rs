//! What sending again does, by experiment: our retries, hedges and budget beside those that others have, and beside none.
//!
//! ```text
//! cargo bench --bench retries_lab -- --seeds 3 --only E8,E9 --policies none,grpc,ours
//! ```
//!
//! Servers and arrivals are simulated, in virtual time; the stack is the real one. Every client has a `Traffic` of its own with
//! the policy that is tried, and its requests go through all the layers. One seed is one history, so that a figure that
//! surprises can be looked at again.
//!
//! A table for each experiment, then a list of what ours fails. Without `--bench` it is one short run, to see that it runs.
//!
//! | part | what is in it |
//! |---|---|
//! | `setting` | what a run is about |
//! | `client`, `lab` | the stacks, and what goes on between them and the servers |
//! | `measured` | what was counted |
//! | `policies` | the columns |
//! | `experiments` | the rows, and the bar for each |
//! | `shared` | what all labs have: servers, calls under way, the tables |

mod client;
mod experiments;
mod lab;
mod measured;
mod policies;
mod setting;
#[path = "../support/lab/mod.rs"]
mod shared;

use policies::Policy;
use shared::program::Program;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (columns, experiments) = (&Policy::ALL, &experiments::ALL);
    Program { columns, experiments, short: &["E12"], legend: None }.run(|| true)
}
