//! The tables: a row for each figure, a column for each that is compared, the median and the worst of the seeds.

use super::figures::{Bar, Column, Experiment, Row};
use std::fmt;

/// What the marks mean.
pub(crate) const LEGEND: &str =
    "each cell is the median of the seeds and (the worst): + passes the bar, * is as good as the best known, F fails";

const LABEL: usize = 30;
const CELL: usize = 16;

/// An experiment's figures.
#[derive(Debug)]
pub(crate) struct Table<C> {
    experiment: Experiment<C>,
    columns: Vec<C>,
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    name: String,
    bar: Bar,
    cells: Vec<Cell>,
}

/// One figure of one column, by seed.
#[derive(Debug, Default)]
struct Cell(Vec<f64>);

/// How a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Best,
    Passes,
    Fails,
    /// There is no bar.
    Unjudged,
}

impl Bar {
    fn judge(self, value: f64) -> Verdict {
        let (best, passes) = match self {
            Bar::AtLeast(pass, best) => (value >= best, value >= pass),
            Bar::AtMost(pass, best) => (value <= best, value <= pass),
            Bar::Beside(..) | Bar::Note => return Verdict::Unjudged,
        };
        match (best, passes) {
            (true, _) => Verdict::Best,
            (_, true) => Verdict::Passes,
            _ => Verdict::Fails,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Best => "*",
            Verdict::Passes => "+",
            Verdict::Fails => "F",
            Verdict::Unjudged => "",
        })
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::AtLeast(pass, _) => write!(f, ">={pass}"),
            Bar::AtMost(pass, _) => write!(f, "<={pass}"),
            Bar::Beside(times, 0.0, _) => write!(f, "<=x{times}"),
            Bar::Beside(times, plus, _) => write!(f, "x{times}+{plus}"),
            Bar::Note => Ok(()),
        }
    }
}

impl Cell {
    /// The median, and the worst.
    fn figures(&self, bar: Bar) -> (f64, f64) {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let worst = if matches!(bar, Bar::AtLeast(..)) { sorted[0] } else { sorted[sorted.len() - 1] };
        // Of two in the middle the worse.
        let place = if matches!(bar, Bar::AtLeast(..)) { (sorted.len() - 1) / 2 } else { sorted.len() / 2 };
        (sorted[place], worst)
    }
}

impl Line {
    /// The bars for the median and for the worst of a cell. What has no number of its own is held against the base's: median
    /// against median, worst against worst.
    fn bars(&self, base: Option<usize>) -> (Bar, Bar) {
        let Bar::Beside(times, plus, best) = self.bar else { return (self.bar, self.bar) };
        let Some(base) = base else { return (Bar::Note, Bar::Note) };
        let (median, worst) = self.cells[base].figures(self.bar);
        let beside = |value: f64| Bar::AtMost(times * value + plus, best * value);
        (beside(median), beside(worst))
    }

    fn show(&self, cell: &Cell, base: Option<usize>) -> String {
        let (of_median, of_worst) = self.bars(base);
        let (median, worst) = cell.figures(self.bar);
        format!("{}{} ({}{})", short(median), of_median.judge(median), short(worst), of_worst.judge(worst))
    }
}

/// Three digits.
fn short(value: f64) -> String {
    match value.abs() {
        ..0.005 => "0".into(),
        ..9.995 => format!("{value:.2}"),
        ..99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl<C: Column> Table<C> {
    pub(crate) fn new(experiment: Experiment<C>, columns: &[C]) -> Self {
        Table { experiment, columns: columns.to_vec(), lines: Vec::new() }
    }

    /// Takes the rows of one run of one of the columns, by place.
    pub(crate) fn take(&mut self, column: usize, rows: Vec<Row>) {
        if self.lines.is_empty() {
            let cells = || self.columns.iter().map(|_| Cell::default()).collect();
            self.lines = rows.iter().map(|row| Line { name: row.name.clone(), bar: row.bar, cells: cells() }).collect();
        }
        for (line, row) in self.lines.iter_mut().zip(rows) {
            assert_eq!((&line.name, line.bar), (&row.name, row.bar), "every run has the same rows");
            line.cells[column].0.push(row.value);
        }
    }

    /// For a terminal.
    pub(crate) fn print(&self) {
        println!("\n{}: {}", self.experiment.name, self.experiment.about);
        let names: Vec<String> = self.columns.iter().map(|one| format!("{:>CELL$}", one.name())).collect();
        println!("{:<LABEL$}{:>7}{}", "", "bar", names.concat());
        let base = self.base();
        for line in &self.lines {
            let cells: Vec<String> =
                line.cells.iter().map(|cell| format!("{:>CELL$}", line.show(cell, base))).collect();
            println!("{:<LABEL$}{:>7}{}", line.name, line.bar.to_string(), cells.concat());
        }
    }

    /// For a page of the manual.
    pub(crate) fn print_markdown(&self) {
        println!("\n{}: {}\n", self.experiment.name, self.experiment.about);
        let names: Vec<&str> = self.columns.iter().map(|one| one.name()).collect();
        println!("| | bar | {} |", names.join(" | "));
        println!("|---|---|{}", "---|".repeat(names.len()));
        let base = self.base();
        for line in &self.lines {
            let cells: Vec<String> = line.cells.iter().map(|cell| line.show(cell, base)).collect();
            let name = line.name.replace('[', "(floor ").replace(']', ")");
            println!("| {name} | {} | {} |", line.bar, cells.join(" | "));
        }
    }

    fn base(&self) -> Option<usize> {
        self.columns.iter().position(|one| one.is_base())
    }

    pub(crate) fn has_ours(&self) -> bool {
        self.columns.iter().any(|one| one.is_ours())
    }

    /// The cells of ours that fail, each with what fails.
    pub(crate) fn failures(&self) -> Vec<String> {
        let Some(ours) = self.columns.iter().position(|one| one.is_ours()) else { return Vec::new() };
        let name = self.experiment.name;
        let base = self.base();
        let failing = self.lines.iter().filter_map(|line| {
            let (median, worst) = line.cells[ours].figures(line.bar);
            let (of_median, of_worst) = line.bars(base);
            let which = match (of_median.judge(median), of_worst.judge(worst)) {
                (Verdict::Fails, _) => "fails",
                (_, Verdict::Fails) => "passes, and its worst seed fails",
                _ => return None,
            };
            Some(format!("{name} {}: {}, bar {}: {which}", line.name, line.show(&line.cells[ours], base), line.bar))
        });
        failing.collect()
    }
}
