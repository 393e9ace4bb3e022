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

use clap::Parser;
use contraflow::time::Clock;
use rules::Rules;
use shared::figures::Column;
use shared::{report, runs};
use std::process::ExitCode;

/// Compares rules of failover in simulated trouble.
#[derive(Debug, Parser)]
struct Options {
    /// Runs of each scenario, each with a seed of its own.
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Scenarios, by the beginnings of their names: hole,cold. Default: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Rules, by name. Default: all.
    #[arg(long, value_delimiter = ',', value_parser = by_name)]
    rules: Vec<Rules>,
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
        Options { seeds: 1, only: vec!["fails".into()], rules: vec![Rules::Ours], markdown: false, bench: false }
    }
}

fn by_name(name: &str) -> Result<Rules, String> {
    let names = || Rules::ALL.map(Rules::name).join(", ");
    Rules::ALL.into_iter().find(|one| one.name() == name).ok_or_else(|| format!("the rules are {}", names()))
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
    if options.rules.is_empty() {
        options.rules = Rules::ALL.to_vec();
    }
    let scenarios = runs::wanted(&scenarios::ALL, &options.only);
    if scenarios.is_empty() {
        eprintln!("the scenarios are {}", scenarios::ALL.map(|one| one.name).join(", "));
        return ExitCode::FAILURE;
    }
    println!("{}", report::LEGEND);
    let tables = runs::tables(&scenarios, &options.rules, options.seeds);
    runs::print(&tables, options.markdown);
    eprintln!("\r{:.0} s", clock.now().since(began).as_secs_f64());
    ExitCode::SUCCESS
}
