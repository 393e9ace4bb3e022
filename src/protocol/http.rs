//! HTTP: requests and responses of the `http` crate, over any client.

use super::body::ResponseBody;
use super::facts::{Facts, PREVIOUS_ATTEMPTS};
use super::marker::{Answer, Classify, Describe, Guard, Refusal, Release, Replay};
use super::outcome::{Outcome, Verdict};
use super::replay::ReplayBody;
use super::retry_after::retry_after;
use super::retryable::Retryable;
use crate::error::Rejected;
use http::header::RETRY_AFTER;
use http::{Request, Response, StatusCode};
use http_body::Body;
use std::time::Duration;

/// HTTP, by `http::Request` and `http::Response`.
///
/// | answer | says |
/// |---|---|
/// | 5xx, an error of the client | [`Outcome::Failure`] |
/// | 429, and 503 with `Retry-After` | [`Outcome::Busy`] |
/// | all else | [`Outcome::Success`] |
///
/// Whether another attempt may do better, if the request may be sent twice:
///
/// | answer | another attempt |
/// |---|---|
/// | 502, 504 | may: a gateway speaks of one server behind it, and another may be well |
/// | 503 | may, after `Retry-After` if it says one: it is this server that is not able, and for now |
/// | 408 | may: the server did not get the request in time, which says nothing of the next one |
/// | 425 | may: the server would not risk that the request was replayed, and the next is not early (RFC 8470) |
/// | 429 with `Retry-After` | may, after that: the quota will be there again |
/// | 429 without it | not: a quota does not change by asking again |
/// | 500 and all other 5xx | not: a bug would be the same again, and is not the load's fault |
/// | an error of the client | may: nobody knows how far the request came, and a new connection may get further |
/// | all else | not: it is the answer |
///
/// Statuses count as *maybe processed*: whoever sent them need not be who began the work. A wrapper knows better where you
/// do: [`Classified`](super::Classified). `Retry-After` may be a date, which counts from the answer's own `Date`.
///
/// A copy says how many attempts were made before it, in `contraflow-previous-attempts`.
///
/// A body that fails after a good head is a failure too. Idempotent are the methods that RFC 9110 calls so: GET, HEAD,
/// OPTIONS, TRACE, PUT, DELETE.
///
/// A response that upgrades (101, or 2xx to CONNECT) ends with its head as far as we can see: the connection it becomes does
/// not count as in flight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http;

impl<B> Describe<Request<B>> for Http {
    #[inline]
    fn facts<'r>(&self, request: &'r Request<B>) -> Result<Facts<'r>, Rejected> {
        Facts::http(request)
    }

    #[inline]
    fn is_idempotent(&self, request: &Request<B>) -> bool {
        request.method().is_idempotent()
    }
}

impl<B: Body> Replay<Request<B>> for Http {
    type Sent = Request<ReplayBody<B>>;

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn seal(&self, request: Request<B>) -> Self::Sent {
        request.map(ReplayBody::new)
    }

    #[inline]
    fn copy(&self, sent: &mut Self::Sent, max_body: usize) -> Option<Self::Sent> {
        let mut copy = Request::new(sent.body_mut().copy(max_body)?);
        *copy.method_mut() = sent.method().clone();
        *copy.uri_mut() = sent.uri().clone();
        *copy.version_mut() = sent.version();
        *copy.headers_mut() = sent.headers().clone();
        *copy.extensions_mut() = sent.extensions().clone();
        Some(copy)
    }

    fn is_whole(&self, copy: &Self::Sent) -> bool {
        copy.body().is_whole()
    }

    fn claim(&self, copy: &mut Self::Sent) -> bool {
        copy.body().claim()
    }

    fn is_complete(&self, copy: &Self::Sent) -> bool {
        copy.body().is_complete()
    }

    fn unmark(&self, sent: &mut Self::Sent) {
        sent.headers_mut().remove(&PREVIOUS_ATTEMPTS);
    }

    fn mark(&self, sent: &mut Self::Sent, previous: u32, _: Option<Duration>) {
        sent.headers_mut().insert(&PREVIOUS_ATTEMPTS, previous.into());
    }
}

impl<B, E> Classify<Response<B>, E> for Http {
    #[inline]
    fn classify(&self, answer: Result<&Response<B>, &E>) -> Verdict {
        Verdict::Known(match answer {
            Ok(response) => by_status(response),
            Err(_) => Outcome::Failure,
        })
    }

    fn retryable(&self, answer: Result<&Response<B>, &E>) -> Retryable {
        match answer {
            Ok(response) => retryable_by_status(response),
            Err(_) => Retryable::MaybeProcessed { after: None },
        }
    }
}

/// As `Retry-After` has it: whole seconds (RFC 9110, 10.2.3), and at least one.
fn whole_seconds(after: Duration) -> u64 {
    after.as_millis().div_ceil(1000).clamp(1, 86_400) as u64
}

/// What a status says.
#[inline]
pub(super) fn by_status<B>(response: &Response<B>) -> Outcome {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Busy,
        StatusCode::SERVICE_UNAVAILABLE if response.headers().contains_key(RETRY_AFTER) => Outcome::Busy,
        status if status.is_server_error() => Outcome::Failure,
        _ => Outcome::Success,
    }
}

/// What a status says of another attempt: the table of [`Http`].
pub(super) fn retryable_by_status<B>(response: &Response<B>) -> Retryable {
    match response.status() {
        StatusCode::TOO_MANY_REQUESTS => match retry_after(response.headers()) {
            None => Retryable::No,
            after => Retryable::MaybeProcessed { after },
        },
        StatusCode::SERVICE_UNAVAILABLE => Retryable::MaybeProcessed { after: retry_after(response.headers()) },
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => {
            Retryable::MaybeProcessed { after: None }
        }
        _ => Retryable::No,
    }
}

impl<B: Body> Release<Response<B>> for Http {
    type Held<G: Guard> = Response<ResponseBody<B, G>>;

    #[inline]
    fn goes_on(&self, response: &Response<B>) -> bool {
        !response.body().is_end_stream()
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn hold<G: Guard>(&self, response: Response<B>, guard: G) -> Self::Held<G> {
        response.map(|body| ResponseBody::new(body, Some(guard), None))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn bare<G: Guard>(&self, response: Response<B>) -> Self::Held<G> {
        response.map(|body| ResponseBody::new(body, None, None))
    }

    fn attach<G: Guard, V: Clone + Send + Sync + 'static>(&self, response: &mut Self::Held<G>, value: V) {
        response.extensions_mut().insert(value);
    }
}

/// An empty response with the status of the refusal, and the [`Refusal`] in its extensions.
impl<B, G> Answer<Response<ResponseBody<B, G>>> for Http {
    fn answer(&self, refusal: &Refusal) -> Response<ResponseBody<B, G>> {
        let mut response = Response::new(ResponseBody::empty());
        *response.status_mut() = match refusal {
            Refusal::Rejected(rejected) => rejected.http_status(),
            Refusal::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Refusal::Failed => StatusCode::BAD_GATEWAY,
        };
        if let Refusal::Rejected(rejected) = refusal
            && let Some(after) = rejected.retry_after()
        {
            response.headers_mut().insert(RETRY_AFTER, whole_seconds(after).into());
        }
        response.extensions_mut().insert(refusal.clone());
        response
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use crate::protocol::Prioritized;
    use http_body_util::Empty;

    fn sent() -> Request<ReplayBody<Empty<&'static [u8]>>> {
        let mut request = Request::get("/").body(ReplayBody::default()).unwrap();
        for value in ["7", "8"] {
            request.headers_mut().append(&PREVIOUS_ATTEMPTS, value.parse().unwrap());
        }
        request
    }

    fn marks<K: Replay<Request<Empty<&'static [u8]>>, Sent = Request<ReplayBody<Empty<&'static [u8]>>>>>(protocol: &K) {
        let mut request = sent();
        protocol.mark(&mut request, 2, Some(Duration::from_secs(1)));
        assert_eq!(request.headers().get_all(&PREVIOUS_ATTEMPTS).iter().collect::<Vec<_>>(), ["2"]);
        let mut request = sent();
        protocol.unmark(&mut request);
        assert!(request.headers().is_empty());
    }

    #[test]
    fn a_copy_says_how_many_came_before_and_no_more_is_believed() {
        marks(&Http);
        marks(&Prioritized::new(Http, |(): &()| crate::Priority::Normal));
    }

    fn says(status: u16, headers: &[(&'static str, &'static str)]) -> Retryable {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        Http.retryable(Ok::<_, &()>(&response.body(()).unwrap()))
    }

    #[test]
    fn another_attempt_may_help_where_another_server_may_be_well() {
        const MAY: Retryable = Retryable::MaybeProcessed { after: None };
        for status in 100..600 {
            let wanted = if [408, 425, 502, 503, 504].contains(&status) { MAY } else { Retryable::No };
            assert_eq!(says(status, &[]), wanted, "{status}");
        }
        assert_eq!(Classify::<Response<()>, ()>::retryable(&Http, Err(&())), MAY);
    }

    #[test]
    fn only_who_is_busy_may_say_when_to_come_back() {
        let after = |seconds| Retryable::MaybeProcessed { after: Some(Duration::from_secs(seconds)) };
        for status in [429, 503] {
            assert_eq!(says(status, &[("retry-after", "3")]), after(3));
            let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(says(status, &[("retry-after", "Sun, 06 Nov 1994 08:49:41 GMT"), date]), after(4));
        }
        assert_eq!(says(502, &[("retry-after", "3")]), Retryable::MaybeProcessed { after: None });
        assert_eq!(says(500, &[("retry-after", "3")]), Retryable::No);
        assert_eq!(says(429, &[("retry-after", "soon")]), Retryable::No);
        assert_eq!(says(503, &[("retry-after", "soon")]), Retryable::MaybeProcessed { after: None });
    }
}
