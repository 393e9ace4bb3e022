//! The two families of failure.
//!
//! *Building* a table fails with a [`TableError`]: opaque, holding **every** problem at once, each with the path of the
//! part it is about and a sentence that says what to do. *Serving* fails with an [`Error`]: a small closed set, typed,
//! made without allocating. Its kinds tell whether the request was sent: [`Rejected`] by definition never was, after
//! [`TimedOut`] nobody knows, and the service's own error is the service's.

use crate::id::Name;
use http::StatusCode;
use std::fmt;
use std::time::Duration;

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
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Rejected {
    reason: Reason,
    region: Option<Name>,
    retry_after: Option<Duration>,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)?;
        if let Some(region) = &self.region {
            write!(f, ", in region {region}")?;
        }
        if let Some(after) = self.retry_after {
            write!(f, "; another try makes sense after {after:?}")?;
        }
        Ok(())
    }
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
    /// No endpoint that could take the request has an address that the leaf can use: see
    /// [`Origin`](crate::layer::Origin).
    #[error("the endpoint's address is no host with an optional port")]
    BadAddress,
    /// The deadline passed before an endpoint was ready to take the request.
    #[error("the deadline passed before an endpoint was ready")]
    Deadline,
    /// As many requests are in flight as the limit allows.
    #[error("as many requests are in flight as the limit allows")]
    Limit,
    /// The request's partition has used its guarantee, and there is nothing to borrow.
    #[error("the request's partition has used its part of the limit")]
    Partition,
    /// Requests that matter more are being refused.
    #[error("requests of a higher priority come first")]
    Priority,
    /// The retry budget's share of the region where a retry or a hedge wanted to go is spent. Only other attempts are refused so,
    /// never a request.
    #[error("the region's share of the retry budget is spent")]
    RetryBudget,
    /// The limit's queue was full, or the request waited in it for as long as it may.
    #[error("the limit's queue is full, or moves too slowly")]
    Queue,
    /// No region of the cluster may be used: each is evacuated, weighs nothing, or has no usable endpoint.
    #[error("no endpoint of the cluster may be used")]
    NoEndpoint,
    /// The request may not leave regions none of which may be used now: see [`ResidencyRule`](crate::table::ResidencyRule).
    #[error("the request may not leave its regions, and none of them may be used")]
    Residency,
    /// The region takes no more requests a second: see [`Capacity::Rps`](crate::table::Capacity::Rps).
    #[error("the region takes no more requests a second")]
    Rate,
    /// The demand is more than all regions declare that they take: see [`Capacity::Share`](crate::table::Capacity::Share).
    #[error("all regions have their declared part of the demand")]
    Capacity,
    /// No route of the table matches the request.
    #[error("no route matches the request")]
    NoRoute,
}

impl Rejected {
    pub(crate) const fn new(reason: Reason) -> Self {
        Rejected { reason, region: None, retry_after: None }
    }

    /// Refused because of a region, if it is known which.
    #[cold]
    pub(crate) fn in_region(reason: Reason, region: Option<&Name>) -> Self {
        Rejected { reason, region: region.cloned(), retry_after: None }
    }

    /// Refused in a region, if the limit is a region's, and not worth repeating before so long.
    #[cold]
    pub(crate) fn by_limit(reason: Reason, region: Option<&Name>, retry_after: Duration) -> Self {
        Rejected { reason, region: region.cloned(), retry_after: Some(retry_after) }
    }

    /// The region whose limit, or whose endpoint's, refused it; none when it was refused for another reason, or by a route's limit.
    ///
    /// When several regions refused it, the first: the one it should have gone to.
    pub fn region(&self) -> Option<&Name> {
        self.region.as_ref()
    }

    /// How long to wait before another try has a chance, where that is known: of refusals by a limit.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Why the request was refused.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The status that says so in HTTP: 400 for a request with two readings, 404 where no route matches, 429 where the
    /// request's own kind has used its part, 503 where nobody can take it, 504 where the deadline passed.
    pub fn http_status(&self) -> StatusCode {
        match self.reason {
            Reason::BadHost | Reason::BadPath | Reason::HostMismatch => StatusCode::BAD_REQUEST,
            Reason::NoRoute => StatusCode::NOT_FOUND,
            Reason::NoEndpoint
            | Reason::BadAddress
            | Reason::Limit
            | Reason::Priority
            | Reason::RetryBudget
            | Reason::Residency
            | Reason::Rate
            | Reason::Capacity
            | Reason::Queue => StatusCode::SERVICE_UNAVAILABLE,
            Reason::Partition => StatusCode::TOO_MANY_REQUESTS,
            Reason::Deadline => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The status code that says so in gRPC: 3 (`INVALID_ARGUMENT`) for a request with two readings, 12 (`UNIMPLEMENTED`)
    /// where no route matches, 8 (`RESOURCE_EXHAUSTED`) where the request's own kind has used its part, 14 (`UNAVAILABLE`)
    /// where nobody can take it, 4 (`DEADLINE_EXCEEDED`) where the deadline passed.
    pub fn grpc_code(&self) -> u8 {
        match self.reason {
            Reason::BadHost | Reason::BadPath | Reason::HostMismatch => 3,
            Reason::NoRoute => 12,
            Reason::NoEndpoint
            | Reason::BadAddress
            | Reason::Limit
            | Reason::Priority
            | Reason::RetryBudget
            | Reason::Residency
            | Reason::Rate
            | Reason::Capacity
            | Reason::Queue => 14,
            Reason::Partition => 8,
            Reason::Deadline => 4,
        }
    }
}

/// The deadline passed and the head of the answer had not come. The request was sent, and may have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no answer within {after:?}")]
pub struct TimedOut {
    after: Duration,
}

impl TimedOut {
    pub(crate) const fn new(after: Duration) -> Self {
        TimedOut { after }
    }

    /// How long the request had.
    pub fn after(&self) -> Duration {
        self.after
    }
}

/// Why no other attempt was made of a request that failed, and that might have been sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GiveUp {
    /// As many were made as the route allows.
    #[error("all {made} attempts were made")]
    Attempts {
        /// How many.
        made: u32,
    },
    /// The cluster's retry budget is spent.
    #[error("the retry budget is spent")]
    Budget,
    /// It could not have ended before the deadline.
    #[error("it would need {needed:?}, and {left:?} of the deadline are left")]
    Deadline {
        /// What is left.
        left: Duration,
        /// The wait before another attempt, and the time that one takes.
        needed: Duration,
    },
    /// The server asks to wait for longer than the route allows.
    #[error("the server asks to wait for {after:?}, longer than is allowed")]
    Hint {
        /// For how long.
        after: Duration,
    },
    /// The server asks not to be asked again.
    #[error("the server asks not to be asked again")]
    Pushback,
    /// More of its body was read than is kept, or its body failed.
    #[error("its body cannot be repeated in full")]
    Body,
    /// It was made, and nobody could take it.
    #[error("nobody could take it: {0}")]
    Refused(Reason),
}

/// A failure after which another attempt was allowed in principle and not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GaveUp<E> {
    error: Error<E>,
    why: GiveUp,
}

impl<E> GaveUp<E> {
    /// The failure: of the service, or of time. Never a rejection.
    pub fn error(&self) -> &Error<E> {
        &self.error
    }

    /// Why it was not sent again.
    pub fn why(&self) -> GiveUp {
        self.why
    }

    /// The failure without the reason.
    pub fn into_error(self) -> Error<E> {
        self.error
    }
}

impl<E: fmt::Display> fmt::Display for GaveUp<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; no other attempt was made: {}", self.error, self.why)
    }
}

/// Why a request has no answer.
///
/// ```
/// use contraflow::{Error, Reason};
///
/// fn may_be_repeated<E>(error: &Error<E>) -> bool {
///     match error {
///         Error::Rejected(rejected) => rejected.reason() != Reason::NoRoute, // never sent
///         Error::TimedOut(_) | Error::Inner(_) | Error::GaveUp(_) => false,  // who knows
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// We refused it: it was never sent, so repeating it is safe for any method.
    Rejected(Rejected),
    /// The deadline passed after it was sent.
    TimedOut(TimedOut),
    /// The service failed.
    Inner(E),
    /// The service failed, or an attempt took too long; the route retries, and no other attempt was made for a reason that is
    /// worth knowing.
    GaveUp(Box<GaveUp<E>>),
}

impl<E> Error<E> {
    /// The same with the reason why no other attempt was made. A rejection stays what it is.
    pub(crate) fn giving_up(self, why: GiveUp) -> Self {
        match self {
            Error::TimedOut(_) | Error::Inner(_) => Error::GaveUp(Box::new(GaveUp { error: self, why })),
            Error::Rejected(_) | Error::GaveUp(_) => self,
        }
    }

    /// The service's own error, if it is one, whether or not another attempt was given up.
    pub fn inner(&self) -> Option<&E> {
        match self {
            Error::Inner(error) => Some(error),
            Error::GaveUp(gave_up) => gave_up.error.inner(),
            Error::Rejected(_) | Error::TimedOut(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Rejected(rejected) => rejected.fmt(f),
            Error::TimedOut(timed_out) => timed_out.fmt(f),
            Error::Inner(error) => error.fmt(f),
            Error::GaveUp(gave_up) => gave_up.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Error<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::Rejected(_) | Error::TimedOut(_) => None,
            // It speaks for itself above, so what caused it comes next.
            Error::Inner(error) => error.source(),
            Error::GaveUp(gave_up) => gave_up.error.source(),
        }
    }
}

impl<E> From<Rejected> for Error<E> {
    fn from(rejected: Rejected) -> Self {
        Error::Rejected(rejected)
    }
}

/// An error of any kind, as tower's middleware has it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl<E: Into<BoxError>> Error<E> {
    /// The error in a box; what is in it can be found by `downcast_ref`: a [`Rejected`], a [`TimedOut`] or the service's own.
    /// Why another attempt was given up is left out.
    pub fn boxed(self) -> BoxError {
        match self {
            Error::Rejected(rejected) => Box::new(rejected),
            Error::TimedOut(timed_out) => Box::new(timed_out),
            Error::Inner(error) => error.into(),
            Error::GaveUp(gave_up) => gave_up.error.boxed(),
        }
    }
}
