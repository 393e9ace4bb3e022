//! All experiments, with all columns and seeds, on all processors.

use super::figures::{Column, Experiment, Row};
use super::report::Table;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// One run.
#[derive(Clone, Copy, Debug)]
struct Job {
    experiment: usize,
    column: usize,
    seed: u64,
}

/// Those of the experiments that are wanted, by the beginnings of their names: `E1` stands for `E1` and `E1-laws`, and not for
/// `E12`. Nothing wanted is all.
pub(crate) fn wanted<C: Copy>(experiments: &[Experiment<C>], only: &[String]) -> Vec<Experiment<C>> {
    let begins =
        |name: &str, with: &str| name.strip_prefix(with).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    let is_wanted = |one: &&Experiment<C>| only.is_empty() || only.iter().any(|with| begins(one.name, with));
    experiments.iter().filter(is_wanted).copied().collect()
}

/// Runs everything on all processors. Who runs what is chance; what comes of it is not.
pub(crate) fn tables<C: Column>(experiments: &[Experiment<C>], columns: &[C], seeds: u64) -> Vec<Table<C>> {
    let mut jobs = Vec::new();
    for (experiment, one) in experiments.iter().enumerate() {
        for seed in 1..=seeds.min(one.seeds) {
            jobs.extend((0..columns.len()).map(|column| Job { experiment, column, seed }));
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
            let rows = (experiments[job.experiment].run)(columns[job.column], job.seed);
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
    let mut tables: Vec<Table<C>> = experiments.iter().map(|one| Table::new(*one, columns)).collect();
    for (place, rows) in done {
        let job = jobs[place];
        tables[job.experiment].take(job.column, rows);
    }
    tables
}

/// Prints the tables, and what ours fails if that is among the columns.
pub(crate) fn print<C: Column>(tables: &[Table<C>], markdown: bool) {
    for table in tables {
        if markdown { table.print_markdown() } else { table.print() }
    }
    if tables.iter().any(Table::has_ours) {
        let failures: Vec<String> = tables.iter().flat_map(Table::failures).collect();
        println!("\n{} cells of ours do not pass, by their median or by their worst seed", failures.len());
        for failure in failures {
            println!("{failure}");
        }
    }
}
