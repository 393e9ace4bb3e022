//! The way back: an answer that came to us becomes one that we send, or there is a sentence in its place.

use super::hop_by_hop;
use bytes::Bytes;
use contraflow::layer::Held;
use contraflow::protocol::{Refusal, ResponseBody};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER, UPGRADE};
use http::{Response, StatusCode, Version};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;

/// The body of an answer: the endpoint's, or a sentence of ours.
pub(crate) type AnswerBody = Either<ResponseBody<Incoming, Held>, Full<Bytes>>;

/// Why a request, or its answer, goes no further.
pub(crate) type Refused = (StatusCode, &'static str);

/// Makes an answer that came to us one that we send.
pub(crate) fn clean(response: &mut Response<ResponseBody<Incoming, Held>>) -> Result<(), Refused> {
    let taken = hop_by_hop::take(response.headers_mut()).map_err(|_| {
        (StatusCode::BAD_GATEWAY, "the endpoint's answer has a transfer coding that is not `chunked` alone")
    })?;
    let says_upgrade = matches!(response.status(), StatusCode::SWITCHING_PROTOCOLS | StatusCode::UPGRADE_REQUIRED);
    if let Some(protocols) = taken.upgrade.filter(|_| says_upgrade) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, protocols);
    }
    // hyper writes the length that it read by: one of two that are alike, or none beside chunks (RFC 9112, 6.3).
    if !response.body().is_end_stream() {
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    // The version is each connection's own (RFC 9110, 2.5).
    *response.version_mut() = Version::HTTP_11;
    Ok(())
}

/// A refusal of the stack, in words, with what its answer says of another try.
pub(crate) fn explain<B>(answer: &Response<B>, refusal: &Refusal) -> Response<AnswerBody> {
    let status = answer.status();
    let mut response = match refusal {
        Refusal::Rejected(rejected) => text(status, format!("{rejected}\n")),
        Refusal::TimedOut(timed_out) => text(status, format!("the endpoint gave {timed_out}\n")),
        _ => text(status, "the endpoint failed\n"),
    };
    if let Some(after) = answer.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, after.clone());
    }
    response
}

/// A refusal of our own.
pub(crate) fn sentence((status, why): Refused) -> Response<AnswerBody> {
    text(status, format!("{why}\n"))
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<AnswerBody> {
    let mut response = Response::new(Either::Right(Full::new(text.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
