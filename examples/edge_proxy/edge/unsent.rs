//! HTTP over hyper-util's client, which can prove of some failures that nothing of the request was sent: then any may be sent
//! again, even one that must not be done twice.

use contraflow::protocol::{Answer, Classify, Describe, Facts, Guard, Refusal, Release, Replay};
use contraflow::{Http, Rejected, Retryable, Verdict};
use http::{Request, Response};
use http_body::Body;
use hyper_util::client::legacy;
use std::error::Error;
use std::time::Duration;

/// As [`Http`], but for failures after which the request had never left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverClient;

/// Whether the request never left.
///
/// The client says so of connections that could not be made, and of requests that it was given back because the connection
/// they were to go by was closing. That it *could not send* says less: a part may be in the server's hands by then.
fn never_left(error: &legacy::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<hyper::Error>());
    error.is_connect() || cause.is_some_and(hyper::Error::is_canceled)
}

impl<B> Classify<Response<B>, legacy::Error> for OverClient {
    fn classify(&self, answer: Result<&Response<B>, &legacy::Error>) -> Verdict {
        Http.classify(answer)
    }

    fn retryable(&self, answer: Result<&Response<B>, &legacy::Error>) -> Retryable {
        match answer {
            Err(error) if never_left(error) => Retryable::NotProcessed { after: None },
            _ => Http.retryable(answer),
        }
    }
}

impl<B> Describe<Request<B>> for OverClient {
    fn facts<'r>(&self, request: &'r Request<B>) -> Result<Facts<'r>, Rejected> {
        Http.facts(request)
    }

    fn is_idempotent(&self, request: &Request<B>) -> bool {
        Http.is_idempotent(request)
    }
}

impl<B: Body> Replay<Request<B>> for OverClient {
    type Sent = <Http as Replay<Request<B>>>::Sent;

    fn seal(&self, request: Request<B>) -> Self::Sent {
        Http.seal(request)
    }

    fn copy(&self, sent: &mut Self::Sent, max_body: usize) -> Option<Self::Sent> {
        Replay::<Request<B>>::copy(&Http, sent, max_body)
    }

    fn is_whole(&self, copy: &Self::Sent) -> bool {
        Replay::<Request<B>>::is_whole(&Http, copy)
    }

    fn is_complete(&self, copy: &Self::Sent) -> bool {
        Replay::<Request<B>>::is_complete(&Http, copy)
    }

    fn unmark(&self, sent: &mut Self::Sent) {
        Replay::<Request<B>>::unmark(&Http, sent);
    }

    fn mark(&self, sent: &mut Self::Sent, previous: u32, left: Option<Duration>) {
        Replay::<Request<B>>::mark(&Http, sent, previous, left);
    }
}

impl<B: Body> Release<Response<B>> for OverClient {
    type Held<G: Guard> = <Http as Release<Response<B>>>::Held<G>;

    fn goes_on(&self, answer: &Response<B>) -> bool {
        Http.goes_on(answer)
    }

    fn hold<G: Guard>(&self, answer: Response<B>, guard: G) -> Self::Held<G> {
        Http.hold(answer, guard)
    }

    fn bare<G: Guard>(&self, answer: Response<B>) -> Self::Held<G> {
        Http.bare(answer)
    }

    fn attach<G: Guard, V: Clone + Send + Sync + 'static>(&self, answer: &mut Self::Held<G>, value: V) {
        Release::<Response<B>>::attach::<G, V>(&Http, answer, value);
    }
}

impl<T> Answer<T> for OverClient
where
    Http: Answer<T>,
{
    fn answer(&self, refusal: &Refusal) -> T {
        Http.answer(refusal)
    }
}
