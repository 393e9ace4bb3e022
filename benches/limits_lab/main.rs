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
//! | `server`, `client`, `lab` | the backend, its callers, and what goes on between them |
//! | `waiting` | callers that may wait, through the layers |
//! | `measured` | what was counted |
//! | `algorithms` | the columns |
//! | `experiments` | the rows, and the bar for each |
//! | `mmck` | the formula |
//! | `report` | the tables |

mod algorithms;
mod client;
mod experiments;
mod lab;
mod measured;
mod mmck;
mod report;
mod server;
mod setting;
mod waiting;

use algorithms::Algorithm;
use clap::Parser;
use contraflow::time::Clock;
use experiments::{Experiment, Row};
use report::Table;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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

/// One run.
#[derive(Clone, Copy, Debug)]
struct Job {
    experiment: usize,
    algorithm: usize,
    seed: u64,
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
    let experiments: Vec<Experiment> =
        experiments::ALL.into_iter().filter(|one| is_wanted(one.name, &options.only)).collect();
    if experiments.is_empty() {
        eprintln!("the experiments are {}", experiments::ALL.map(|one| one.name).join(", "));
        return ExitCode::FAILURE;
    }
    println!("{}", report::LEGEND);
    let tables = tables(&experiments, &options);
    for table in &tables {
        if options.markdown { table.print_markdown() } else { table.print() }
    }
    if options.algorithms.contains(&Algorithm::Ours) {
        let failures: Vec<String> = tables.iter().flat_map(Table::failures).collect();
        println!("\n{} cells of ours do not pass, by their median or by their worst seed", failures.len());
        for failure in failures {
            println!("{failure}");
        }
    }
    eprintln!("\r{:.0} s", clock.now().since(began).as_secs_f64());
    ExitCode::SUCCESS
}

/// `E1` stands for `E1` and `E1-laws`, and not for `E12`.
fn is_wanted(name: &str, only: &[String]) -> bool {
    let begins =
        |with: &String| name.strip_prefix(with.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    only.is_empty() || only.iter().any(begins)
}

/// Runs everything on all processors. Who runs what is chance; what comes of it is not.
fn tables(experiments: &[Experiment], options: &Options) -> Vec<Table> {
    let mut jobs = Vec::new();
    for (experiment, one) in experiments.iter().enumerate() {
        for seed in 1..=options.seeds.min(one.seeds) {
            jobs.extend((0..options.algorithms.len()).map(|algorithm| Job { experiment, algorithm, seed }));
        }
    }
    let shows_progress = std::io::stderr().is_terminal();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        // Relaxed: each number is taken once, and nothing else is shared.
        while let Some((place, job)) = {
            let place = next.fetch_add(1, Ordering::Relaxed);
            jobs.get(place).map(|job| (place, *job))
        } {
            if shows_progress {
                eprint!("\r{place} of {} runs", jobs.len());
            }
            let rows = (experiments[job.experiment].run)(options.algorithms[job.algorithm], job.seed);
            done.push((place, rows.0));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Vec<Row>)> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a run that does not panic")).collect()
    });
    done.sort_by_key(|(place, _)| *place);
    let mut tables: Vec<Table> = experiments.iter().map(|one| Table::new(*one, &options.algorithms)).collect();
    for (place, rows) in done {
        let job = jobs[place];
        tables[job.experiment].take(job.algorithm, rows);
    }
    tables
}
