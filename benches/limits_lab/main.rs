//! What limits do, by experiment: ours beside those that others have, and beside none.
//!
//! ```text
//! cargo bench --bench limits_lab -- --seeds 3 --only E1,E3 --algorithms none,fixed,ours
//! ```
//!
//! Backends and callers are simulated, in virtual time; the limiter is the real one. Every client has a `Traffic` of its own,
//! whose table has the limit that is tried, and asks it for each request what the layers would ask. One seed is one history, so
//! that a figure that surprises can be looked at again.
//!
//! The first line holds the simulator against the formula of a queue whose answer is known; where they differ, nothing else is
//! said. Then there is a table for each experiment, and a list of what ours fails. Everything with twenty seeds takes some twelve
//! minutes of one processor, divided among all there are. Without `--bench` it is one short run, to see that it runs.
//!
//! | part | what is in it |
//! |---|---|
//! | `setting` | what a run is about |
//! | `client`, `lab` | the callers of a backend, and what goes on between them |
//! | `waiting` | callers that may wait, through the layers |
//! | `measured` | what was counted |
//! | `algorithms` | the columns |
//! | `experiments` | the rows, and the bar for each |
//! | `mmck` | the formula |
//! | `shared` | what all labs have: the backend's servers, calls under way, the tables |

mod algorithms;
mod client;
mod experiments;
mod lab;
mod measured;
mod mmck;
mod setting;
#[path = "../support/lab/mod.rs"]
mod shared;
mod waiting;

use algorithms::Algorithm;
use shared::program::Program;
use std::process::ExitCode;

/// What is said of this lab's figures.
const LEGEND: &str = "p99 is in units of the idle backend's; [in brackets] what a limit of 1 each refuses though nothing queues (Erlang's B)";

fn main() -> ExitCode {
    let (columns, experiments) = (&Algorithm::ALL, &experiments::ALL);
    Program { columns, experiments, short: &["E12", "E13"], legend: Some(LEGEND) }.run(|| mmck::validate(200.0))
}
