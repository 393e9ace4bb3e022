//! A lab as a program: what is asked of it, and its run.

use super::figures::{Column, Experiment};
use super::{report, runs};
use clap::Parser;
use contraflow::time::Clock;
use std::process::ExitCode;

/// What a lab compares, and in what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a, C> {
    pub(crate) columns: &'a [C],
    pub(crate) experiments: &'a [Experiment<C>],
    /// What is run to see that it runs: the beginnings of names.
    pub(crate) short: &'a [&'a str],
    /// What is said of this lab's figures.
    pub(crate) legend: Option<&'a str>,
}

/// Compares what others have with ours, in simulated trouble.
#[derive(Debug, Parser)]
struct Options {
    /// Runs of each experiment, each with a seed of its own.
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// Experiments, by the beginnings of their names: E8,hedge. Default: all.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// What is compared, by name. Default: all.
    #[arg(long, value_delimiter = ',', visible_aliases = ["algorithms", "policies", "rules"])]
    columns: Vec<String>,
    /// Prints tables for a page instead of a terminal.
    #[arg(long)]
    markdown: bool,
    /// What cargo says.
    #[arg(long, hide = true)]
    bench: bool,
}

impl<C: Column> Program<'_, C> {
    /// The whole lab, or one short run where nothing is measured. `is_sound` is asked before anything is said.
    pub(crate) fn run(self, is_sound: impl FnOnce() -> bool) -> ExitCode {
        let clock = Clock::std();
        let began = clock.now();
        let is = |name: &str| std::env::args().any(|arg| arg == name);
        let is_measuring = is("--bench") && !is("--test");
        if is_measuring && !is_sound() {
            return ExitCode::FAILURE;
        }
        let options = if is_measuring { Options::parse() } else { self.short_run() };
        let columns = match self.wanted(&options.columns) {
            Ok(columns) => columns,
            Err(unknown) => {
                let names: Vec<_> = self.columns.iter().map(|one| one.name()).collect();
                eprintln!("there is no `{unknown}` to compare; there are {}", names.join(", "));
                return ExitCode::FAILURE;
            }
        };
        let experiments = runs::wanted(self.experiments, &options.only);
        if experiments.is_empty() {
            let names: Vec<_> = self.experiments.iter().map(|one| one.name).collect();
            eprintln!("the experiments are {}", names.join(", "));
            return ExitCode::FAILURE;
        }
        println!("{}", report::LEGEND);
        self.legend.into_iter().for_each(|legend| println!("{legend}"));
        let tables = runs::tables(&experiments, &columns, options.seeds);
        runs::print(&tables, options.markdown);
        eprintln!("\r{:.0} s", clock.now().since(began).as_secs_f64());
        ExitCode::SUCCESS
    }

    fn short_run(&self) -> Options {
        println!("one short run: see that it runs");
        let only = self.short.iter().map(ToString::to_string).collect();
        let ours = self.columns.iter().filter(|one| one.is_ours()).map(|one| one.name().into()).collect();
        Options { seeds: 1, only, columns: ours, markdown: false, bench: false }
    }

    /// The columns of these names, all without any; else the name that none has.
    fn wanted(&self, names: &[String]) -> Result<Vec<C>, String> {
        if names.is_empty() {
            return Ok(self.columns.to_vec());
        }
        let named = |name: &String| self.columns.iter().copied().find(|one| one.name() == *name).ok_or(name.clone());
        names.iter().map(named).collect()
    }
}
