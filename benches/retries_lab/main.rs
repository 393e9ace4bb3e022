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

use clap::Parser;
use contraflow::time::Clock;
use policies::Policy;
use shared::figures::Column;
use shared::{report, runs};
use std::process::ExitCode;

/// Compares retries, hedges and their budgets in simulated trouble.
#[derive(Debug, Parser)]
struct Options {
    /// Runs of each experiment, each with a seed of its own.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Experiments, by the beginnings of their names: E8,hedge. Default: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Policies, by name. Default: all.
    #[arg(long, value_delimiter = ',', value_parser = by_name)]
    policies: Vec<Policy>,
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
        Options { seeds: 1, only: vec!["E12".into()], policies: vec![Policy::Ours], markdown: false, bench: false }
    }
}

fn by_name(name: &str) -> Result<Policy, String> {
    let names = || Policy::ALL.map(Policy::name).join(", ");
    Policy::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("the policies are {}", names()))
}

fn main() -> ExitCode {
    let clock = Clock::std();
    let began = clock.now();
    let is = |name: &str| std::env::args().any(|arg| arg == name);
    let is_measuring = is("--bench") && !is("--test");
    let mut options = if is_measuring { Options::parse() } else { Options::short() };
    if !is_measuring {
        println!("one short run: see that it runs");
    }
    if options.policies.is_empty() {
        options.policies = Policy::ALL.to_vec();
    }
    let experiments = runs::wanted(&experiments::ALL, &options.only);
    if experiments.is_empty() {
        eprintln!("the experiments are {}", experiments::ALL.map(|one| one.name).join(", "));
        return ExitCode::FAILURE;
    }
    println!("{}", report::LEGEND);
    let tables = runs::tables(&experiments, &options.policies, options.seeds);
    runs::print(&tables, options.markdown);
    eprintln!("\r{:.0} s", clock.now().since(began).as_secs_f64());
    ExitCode::SUCCESS
}
