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
use clap::Parser;
use contraflow::time::Clock;
use shared::figures::Column;
use shared::{report, runs};
use std::process::ExitCode;

/// What is said of this lab's figures.
const LEGEND: &str = "p99 is in units of the idle backend's; [in brackets] what a limit of 1 each refuses though nothing queues (Erlang's B)";

/// Compares concurrency limits in simulated overload.
#[derive(Debug, Parser)]
struct Options {
    /// Runs of each experiment, each with a seed of its own.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Experiments, by the beginnings of their names: E1,E3. Default: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Algorithms, by name. Default: all.
    #[arg(long, value_delimiter = ',', value_parser = by_name)]
    algorithms: Vec<Algorithm>,
    /// Prints tables for a page instead of a terminal.
    #[arg(long)]
    markdown: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// To see that it runs.
    fn short() -> Self {
        let only = vec!["E12".into(), "E13".into()];
        Options { seeds: 1, only, algorithms: vec![Algorithm::Ours], markdown: false, bench: false }
    }
}

fn by_name(name: &str) -> Result<Algorithm, String> {
    let names = || Algorithm::ALL.map(Algorithm::name).join(", ");
    Algorithm::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("the algorithms are {}", names()))
}

fn main() -> ExitCode {
    let clock = Clock::std();
    let began = clock.now();
    let is = |name: &str| std::env::args().any(|arg| arg == name);
    let is_measuring = is("--bench") && !is("--test");
    let mut options = if is_measuring { Options::parse() } else { Options::short() };
    if is_measuring {
        if !mmck::validate(200.0) {
            return ExitCode::FAILURE;
        }
    } else {
        println!("one short run: see that it runs");
    }
    if options.algorithms.is_empty() {
        options.algorithms = Algorithm::ALL.to_vec();
    }
    let experiments = runs::wanted(&experiments::ALL, &options.only);
    if experiments.is_empty() {
        eprintln!("the experiments are {}", experiments::ALL.map(|one| one.name).join(", "));
        return ExitCode::FAILURE;
    }
    println!("{}", report::LEGEND);
    println!("{LEGEND}");
    let tables = runs::tables(&experiments, &options.algorithms, options.seeds);
    runs::print(&tables, options.markdown);
    eprintln!("\r{:.0} s", clock.now().since(began).as_secs_f64());
    ExitCode::SUCCESS
}
