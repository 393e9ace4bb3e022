//! What a check is.

use crate::state::Report;
use crate::table::Endpoint;
use std::future::Future;

/// Asks an endpoint how it is: an [`HttpCheck`](super::HttpCheck), or a closure of yours.
///
/// ```
/// use contraflow::Traffic;
/// use contraflow::layer::Report;
/// use contraflow::table::Endpoint;
/// # async fn can_connect(_: String) -> bool { true }
///
/// let traffic = Traffic::single("db", |route| route)?;
/// let probe = traffic.probe(|endpoint: &Endpoint| {
///     let address = endpoint.address().to_owned();
///     async move { if can_connect(address).await { Report::Passed } else { Report::Failed } }
/// });
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no check",
    note = "a check is an `HttpCheck`, or a closure `|endpoint: &Endpoint| async move {{ Report::Passed }}` whose future \
            borrows nothing of the endpoint"
)]
pub trait Check {
    /// The future of a report. It is dropped when it takes longer than the prober's timeout.
    type Future: Future<Output = Report>;

    /// Begins to ask. What is slow or may fail belongs into the future.
    fn check(&self, endpoint: &Endpoint) -> Self::Future;
}

impl<C, F> Check for C
where
    C: Fn(&Endpoint) -> F,
    F: Future<Output = Report>,
{
    type Future = F;

    fn check(&self, endpoint: &Endpoint) -> F {
        self(endpoint)
    }
}
