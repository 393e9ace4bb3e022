//! gRPC over HTTP/2: what counts is the status at the end of the stream.

use super::body::ResponseBody;
use super::facts::{Facts, GRPC_PREVIOUS_ATTEMPTS, digits};
use super::grpc_timeout::{self, GRPC_TIMEOUT};
use super::http::{Http, by_status, retryable_by_status};
use super::marker::{Answer, Classify, Describe, Guard, Refusal, Release, Replay};
use super::outcome::{Outcome, Verdict};
use super::retryable::Retryable;
use crate::error::Rejected;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use std::time::Duration;

/// gRPC, by `http::Request` and `http::Response`, as tonic and others have it.
///
/// A head of 200 says nothing: the status comes in the trailers at the end of the stream, or in the head of an answer that
/// has nothing else (*trailers-only*). An answer that ends without a status, or fails, is a failure.
///
/// | status | says |
/// |---|---|
/// | `UNKNOWN`, `DEADLINE_EXCEEDED`, `UNIMPLEMENTED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS` | [`Outcome::Failure`] |
/// | `RESOURCE_EXHAUSTED` | [`Outcome::Busy`] |
/// | `CANCELLED` | [`Outcome::Ignore`] |
/// | all else, such as `OK`, `NOT_FOUND`, `PERMISSION_DENIED` | [`Outcome::Success`] |
///
/// These are the statuses that Envoy's outlier detection counts as 5xx.
///
/// No call is idempotent by itself: gRPC's methods do not say. Whether another attempt may do better, if the table says that it
/// may be made:
///
/// | answer | another attempt |
/// |---|---|
/// | `UNAVAILABLE` in the head | may: the one status that says *not now* |
/// | `RESOURCE_EXHAUSTED` in the head, with `grpc-retry-pushback-ms` | may, after that: the quota will be there again |
/// | `RESOURCE_EXHAUSTED` without it | not: a quota does not change by asking again |
/// | any other status in the head | not: it is the answer, or would be the same again |
/// | a failure with a pushback that is negative or cannot be read | never: the server wants no more (gRFC A6) |
/// | no status, and an HTTP status other than 200 | as [`Http`] has it: a proxy sent it |
/// | a head of 200 without status | not: the answer has begun; [`PeekTrailers`] looks whether it has |
/// | an error of the client | may: nobody knows how far the call came |
///
/// A copy says how many attempts were made before it, in `grpc-previous-rpc-attempts`, and in `grpc-timeout`, where the
/// request has one, what is left of the deadline. The caller's `grpc-timeout` shortens the route's deadline.
///
/// [`PeekTrailers`]: crate::layer::PeekTrailers
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grpc;

/// A status code of gRPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct GrpcStatus(u8);

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_RETRY_PUSHBACK: HeaderName = HeaderName::from_static("grpc-retry-pushback-ms");

/// A message as it needs no escapes: printable ASCII without `%`. Microseconds are written with a letter that is neither,
/// and a region may have any name.
fn printable(message: &str) -> String {
    let plain = |letter| match letter {
        '\u{b5}' | '\u{3bc}' => 'u',
        ' '..='~' if letter != '%' => letter,
        _ => '?',
    };
    message.chars().map(plain).collect()
}

impl GrpcStatus {
    /// The call was cancelled.
    const CANCELLED: GrpcStatus = GrpcStatus(1);
    /// Nobody knows, or the answer had no status.
    const UNKNOWN: GrpcStatus = GrpcStatus(2);
    /// The deadline passed.
    const DEADLINE_EXCEEDED: GrpcStatus = GrpcStatus(4);
    /// A quota or a limit is used up.
    const RESOURCE_EXHAUSTED: GrpcStatus = GrpcStatus(8);
    /// There is no such method.
    const UNIMPLEMENTED: GrpcStatus = GrpcStatus(12);
    /// The server broke.
    const INTERNAL: GrpcStatus = GrpcStatus(13);
    /// The server cannot be reached now.
    const UNAVAILABLE: GrpcStatus = GrpcStatus(14);
    /// Data was lost.
    const DATA_LOSS: GrpcStatus = GrpcStatus(15);

    /// The status in a head or in trailers, if there is one; [`UNKNOWN`](Self::UNKNOWN) for one that is no number up to 99.
    fn of(headers: &HeaderMap) -> Option<Self> {
        Some(match headers.get(GRPC_STATUS)?.as_bytes() {
            [digit @ b'0'..=b'9'] => GrpcStatus(digit - b'0'),
            [ten @ b'1'..=b'9', one @ b'0'..=b'9'] => GrpcStatus((ten - b'0') * 10 + one - b'0'),
            _ => GrpcStatus::UNKNOWN,
        })
    }

    fn outcome(self) -> Outcome {
        match self {
            GrpcStatus::CANCELLED => Outcome::Ignore,
            GrpcStatus::RESOURCE_EXHAUSTED => Outcome::Busy,
            GrpcStatus::UNKNOWN
            | GrpcStatus::DEADLINE_EXCEEDED
            | GrpcStatus::UNIMPLEMENTED
            | GrpcStatus::INTERNAL
            | GrpcStatus::UNAVAILABLE
            | GrpcStatus::DATA_LOSS => Outcome::Failure,
            // The 17 codes that there are, and those to come: the server worked.
            _ => Outcome::Success,
        }
    }

    fn retryable(self, pushback: Result<Option<Duration>, NoMore>) -> Retryable {
        match (self, pushback) {
            (GrpcStatus::UNAVAILABLE, Ok(after)) | (GrpcStatus::RESOURCE_EXHAUSTED, Ok(after @ Some(_))) => {
                Retryable::MaybeProcessed { after }
            }
            // Of the others nobody would make another attempt anyway: they are the answer.
            (_, Err(NoMore)) if matches!(self.outcome(), Outcome::Failure | Outcome::Busy) => Retryable::Never,
            _ => Retryable::No,
        }
    }
}

/// How long the server asks to wait; an error when it wants no other attempt, or says so twice.
fn pushback(headers: &HeaderMap) -> Result<Option<Duration>, NoMore> {
    let mut lines = headers.get_all(GRPC_RETRY_PUSHBACK).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(millis), None) => {
            digits(millis.as_bytes()).map(|millis| Some(Duration::from_millis(millis))).ok_or(NoMore)
        }
        (Some(_), Some(_)) => Err(NoMore),
    }
}

/// The server wants no other attempt.
struct NoMore;

impl<B> Describe<Request<B>> for Grpc {
    #[inline]
    fn facts<'r>(&self, request: &'r Request<B>) -> Result<Facts<'r>, Rejected> {
        let facts = Facts::http(request)?.counted_by_grpc();
        Ok(match request.headers().get(&GRPC_TIMEOUT).and_then(grpc_timeout::read) {
            Some(timeout) => facts.with_timeout(timeout),
            None => facts,
        })
    }
}

impl<B: Body> Replay<Request<B>> for Grpc {
    type Sent = <Http as Replay<Request<B>>>::Sent;

    #[inline]
    fn seal(&self, request: Request<B>) -> Self::Sent {
        Http.seal(request)
    }

    #[inline]
    fn copy(&self, sent: &mut Self::Sent, max_body: usize) -> Option<Self::Sent> {
        Replay::<Request<B>>::copy(&Http, sent, max_body)
    }

    fn is_whole(&self, copy: &Self::Sent) -> bool {
        Replay::<Request<B>>::is_whole(&Http, copy)
    }

    fn claim(&self, copy: &mut Self::Sent) -> bool {
        Replay::<Request<B>>::claim(&Http, copy)
    }

    fn is_complete(&self, copy: &Self::Sent) -> bool {
        Replay::<Request<B>>::is_complete(&Http, copy)
    }

    fn unmark(&self, sent: &mut Self::Sent) {
        sent.headers_mut().remove(&GRPC_PREVIOUS_ATTEMPTS);
    }

    fn mark(&self, sent: &mut Self::Sent, previous: u32, left: Option<Duration>) {
        let headers = sent.headers_mut();
        headers.insert(&GRPC_PREVIOUS_ATTEMPTS, previous.into());
        if let Some(left) = left
            && headers.contains_key(&GRPC_TIMEOUT)
        {
            headers.insert(&GRPC_TIMEOUT, grpc_timeout::write(left));
        }
    }
}

impl<B: Body, E> Classify<Response<B>, E> for Grpc {
    #[inline]
    fn classify(&self, answer: Result<&Response<B>, &E>) -> Verdict {
        let Ok(response) = answer else { return Verdict::Known(Outcome::Failure) };
        if let Some(status) = GrpcStatus::of(response.headers()) {
            return Verdict::Known(status.outcome());
        }
        if response.status() != StatusCode::OK {
            // From a proxy on the way. What it calls a client's mistake gRPC knows only as a broken server or method.
            let outcome = by_status(response);
            return Verdict::Known(if outcome == Outcome::Success { Outcome::Failure } else { outcome });
        }
        if response.body().is_end_stream() { Verdict::Known(Outcome::Failure) } else { Verdict::AtEnd }
    }

    fn retryable(&self, answer: Result<&Response<B>, &E>) -> Retryable {
        let Ok(response) = answer else { return Retryable::MaybeProcessed { after: None } };
        match GrpcStatus::of(response.headers()) {
            Some(status) => status.retryable(pushback(response.headers())),
            None if response.status() == StatusCode::OK => Retryable::No,
            None => retryable_by_status(response),
        }
    }
}

fn at_end(trailers: Option<&HeaderMap>) -> Outcome {
    trailers.and_then(GrpcStatus::of).unwrap_or(GrpcStatus::UNKNOWN).outcome()
}

impl<B: Body> Release<Response<B>> for Grpc {
    type Held<G: Guard> = Response<ResponseBody<B, G>>;

    #[inline]
    fn goes_on(&self, response: &Response<B>) -> bool {
        !response.body().is_end_stream()
    }

    #[inline]
    fn hold<G: Guard>(&self, response: Response<B>, guard: G) -> Self::Held<G> {
        // With a status in the head, what comes after it cannot change it.
        let is_open = GrpcStatus::of(response.headers()).is_none() && response.status() == StatusCode::OK;
        response.map(|body| ResponseBody::new(body, Some(guard), is_open.then_some(at_end)))
    }

    #[inline]
    fn bare<G: Guard>(&self, response: Response<B>) -> Self::Held<G> {
        Http.bare(response)
    }

    fn attach<G: Guard, V: Clone + Send + Sync + 'static>(&self, response: &mut Self::Held<G>, value: V) {
        response.extensions_mut().insert(value);
    }
}

/// A trailers-only response, and the [`Refusal`] in its extensions.
impl<B, G> Answer<Response<ResponseBody<B, G>>> for Grpc {
    fn answer(&self, refusal: &Refusal) -> Response<ResponseBody<B, G>> {
        let (status, message) = match refusal {
            Refusal::Rejected(rejected) => (GrpcStatus(rejected.grpc_code()), rejected.to_string()),
            Refusal::TimedOut(timed_out) => (GrpcStatus::DEADLINE_EXCEEDED, timed_out.to_string()),
            Refusal::Failed => (GrpcStatus::UNAVAILABLE, "the service failed".into()),
        };
        let mut response = Response::new(ResponseBody::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(GRPC_STATUS, u16::from(status.0).into());
        if let Refusal::Rejected(rejected) = refusal
            && let Some(after) = rejected.retry_after()
        {
            headers.insert(GRPC_RETRY_PUSHBACK, u64::try_from(after.as_millis()).unwrap_or(u64::MAX).into());
        }
        headers.extend(HeaderValue::try_from(printable(&message)).ok().map(|message| (GRPC_MESSAGE, message)));
        response.extensions_mut().insert(refusal.clone());
        response
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
