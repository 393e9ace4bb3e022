//! Failures that prove that nothing of a request was sent: then any may be sent again, even one that must not be done twice.

use contraflow::protocol::Classified;
use contraflow::{Http, Retryable};
use http::Response;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use std::error::Error;

/// HTTP over hyper-util's client, which knows more of its failures than any client says to everybody.
pub(crate) type OverClient = Classified<Http, fn(Result<&Response<Incoming>, &legacy::Error>) -> Option<Retryable>>;

pub(crate) fn over_client() -> OverClient {
    Classified::new(Http, |answer| match answer {
        Err(error) if never_left(error) => Some(Retryable::NotProcessed { after: None }),
        _ => None,
    })
}

/// Whether the request never left.
///
/// The client says so of connections that could not be made, and of requests that it was given back because the connection
/// they were to go by was closing. That it *could not send* says less: a part may be in the server's hands by then.
fn never_left(error: &legacy::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    error.is_connect() || cause.is_some_and(hyper::Error::is_canceled)
}
