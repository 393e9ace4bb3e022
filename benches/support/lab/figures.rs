//! What an experiment is, and what is asked of its figures.

/// What experiments compare: a column of the tables.
pub(crate) trait Column: Copy + Sync {
    /// Its name, in arguments and above its column.
    fn name(self) -> &'static str;

    /// Whether it is what the crate recommends, whose failures are listed.
    fn is_ours(self) -> bool;

    /// Whether it is the one that figures are held against that have no number of their own.
    fn is_base(self) -> bool {
        false
    }
}

/// One experiment: a column and a seed give the same rows for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Experiment<C> {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// At most so many seeds: what takes long has few.
    pub(crate) seeds: u64,
    pub(crate) run: fn(C, u64) -> Rows,
}

/// As many seeds as are asked for.
pub(crate) const MANY: u64 = u64::MAX;

/// What is asked of a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// At least so much to pass; the best there is.
    AtLeast(f64, f64),
    /// At most so much to pass; the best there is.
    AtMost(f64, f64),
    /// At most so many times the base's figure to pass, and so much more; the best there is, in times the base's.
    Beside(f64, f64, f64),
    /// Nothing. It helps to read the others; more is worse.
    Note,
}

/// The figures of one run or several, in the order of the table's rows.
#[derive(Debug, Default)]
pub(crate) struct Rows(pub(crate) Vec<Row>);

/// A figure.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) bar: Bar,
    pub(crate) value: f64,
}

impl Rows {
    pub(crate) fn add(&mut self, name: impl Into<String>, bar: Bar, value: f64) {
        self.0.push(Row { name: name.into(), bar, value });
    }
}
