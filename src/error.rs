//! The two families of failure.
//!
//! *Building* a table fails with a [`TableError`]: opaque, holding **every** problem at once, each with the path of the
//! part it is about and a sentence that says what to do. *Serving* fails with a [`Rejected`]: a small closed set, typed,
//! made without allocating, and by definition never sent to anyone.

use std::fmt;

/// Why a table could not be built: all its problems, each with its path.
///
/// The variants of what can go wrong are deliberately not public: a caller shows the text and changes the table.
///
/// ```
/// use contraflow::TableSpec;
///
/// let error = TableSpec::new()
///     .cluster("api", |c| c.region("us-east", |r| r.weight(1)))
///     .route("all", |r| r.any().split([("apj", 1)]))
///     .build()
///     .unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "the table has 2 problems:\n\
///      - clusters.api.regions.us-east.endpoints: is empty; add an endpoint or remove the region\n\
///      - routes.all.split.apj: names a cluster that does not exist; did you mean `api`?"
/// );
/// assert_eq!(error.problems()[0].path(), "clusters.api.regions.us-east.endpoints");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TableError {
    problems: Vec<Problem>,
}

/// One thing that is wrong with a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    path: String,
    message: String,
}

impl TableError {
    /// An error of one problem.
    pub(crate) fn one(path: impl Into<String>, message: impl Into<String>) -> Self {
        TableError { problems: vec![Problem { path: path.into(), message: message.into() }] }
    }

    /// All problems, in the order of the table's normal form; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Problem {
    /// Where: dotted names from the table's root, such as `routes.checkout.split.api`; for a name that was looked up in a
    /// part of a spec, from that part.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong and what to do about it; a sentence without its subject.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problems[..] {
            [one] => write!(f, "the table has a problem: {one}"),
            many => {
                write!(f, "the table has {} problems:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n- {problem}"))
            }
        }
    }
}

// `unwrap()` and `main() -> Result` print Debug: the readable text serves there too.
impl fmt::Debug for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TableError {}

/// Collects problems while a table is checked, so that all are reported at once.
#[derive(Debug, Default)]
pub(crate) struct Problems(Vec<Problem>);

impl Problems {
    pub(crate) fn add(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem { path: path.into(), message: message.into() });
    }

    /// `Ok` when nothing was added.
    pub(crate) fn into_result(self) -> Result<(), TableError> {
        if self.0.is_empty() { Ok(()) } else { Err(TableError { problems: self.0 }) }
    }
}

/// A request that we refused: it was never sent, so repeating it is safe for any method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejected {
    reason: Reason,
}

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// The `Host` header or the URI's authority is not a host name: empty, not ASCII, with user info, or given twice.
    #[error("the request's host is not a valid host name")]
    BadHost,
    /// The path is ambiguous (dot segments, encoded slashes, empty segments) and the table does not allow that by name, or
    /// it holds a broken escape or a control character.
    #[error("the request's path is broken, or has more than one reading and the table does not allow it")]
    BadPath,
    /// The URI and the `Host` header name different hosts.
    #[error("the request's URI and its Host header name different hosts")]
    HostMismatch,
    /// No region of the cluster may be used: each is evacuated, weighs nothing, or has no usable endpoint.
    #[error("no endpoint of the cluster may be used")]
    NoEndpoint,
    /// No route of the table matches the request.
    #[error("no route matches the request")]
    NoRoute,
}

impl Rejected {
    pub(crate) const fn new(reason: Reason) -> Self {
        Rejected { reason }
    }

    /// Why the request was refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }
}
