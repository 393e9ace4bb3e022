//! A protocol whose requests matter more or less, as your code says.

use super::facts::Facts;
use super::forward::forward_the_rest;
use super::marker::{Classify, Describe};
use super::outcome::Verdict;
use super::priority::Priority;
use super::retryable::Retryable;
use crate::error::Rejected;
use std::fmt;

/// A protocol and a function that says how much a request matters; all else is the protocol's.
///
/// What came with a request is not trusted by anybody else, so this is where a header may be read, if it is known that only
/// friends can send it. A rule of the table outranks it: [`RouteSpec::priority`](crate::table::RouteSpec::priority).
///
/// ```
/// use contraflow::protocol::Prioritized;
/// use contraflow::{Http, Priority, Traffic};
/// # use bytes::Bytes;
/// # use http_body_util::Full;
/// # let service = tower::service_fn(|_: http::Request<contraflow::protocol::ReplayBody<Full<Bytes>>>| async {
/// #     Ok::<_, std::io::Error>(http::Response::new(Full::new(Bytes::new())))
/// # });
///
/// let protocol = Prioritized::new(Http, |request: &http::Request<Full<Bytes>>| match request.uri().path() {
///     "/checkout" => Priority::High,
///     _ => Priority::Normal,
/// });
/// let traffic = Traffic::single("shop", |route| route)?;
/// let stack = traffic.layers(protocol).passthrough(service).check::<http::Request<Full<Bytes>>>();
/// # let _ = stack;
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Prioritized<K, F> {
    protocol: K,
    priority: F,
}

impl<K, F> Prioritized<K, F> {
    /// The protocol with priorities for requests of type `R`.
    pub fn new<R>(protocol: K, priority: F) -> Self
    where
        F: Fn(&R) -> Priority,
    {
        Prioritized { protocol, priority }
    }
}

forward_the_rest!(Prioritized);

impl<K: fmt::Debug, F> fmt::Debug for Prioritized<K, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prioritized").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl<R, K: Describe<R>, F: Fn(&R) -> Priority> Describe<R> for Prioritized<K, F> {
    #[inline]
    fn facts<'r>(&self, request: &'r R) -> Result<Facts<'r>, Rejected> {
        Ok(self.protocol.facts(request)?.with_priority((self.priority)(request)))
    }

    #[inline]
    fn is_idempotent(&self, request: &R) -> bool {
        self.protocol.is_idempotent(request)
    }
}

impl<T, E, K: Classify<T, E>, F> Classify<T, E> for Prioritized<K, F> {
    #[inline]
    fn classify(&self, answer: Result<&T, &E>) -> Verdict {
        self.protocol.classify(answer)
    }

    fn retryable(&self, answer: Result<&T, &E>) -> Retryable {
        self.protocol.retryable(answer)
    }
}
