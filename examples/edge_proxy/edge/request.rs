//! The way in: a request that came to us becomes one that we send.

use super::answer::Refused;
use super::forwarded::{Own, Peer};
use super::hop_by_hop::{self, HopByHop};
use super::target;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HeaderMap, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::{Request, StatusCode, Version};
use http_body::Body;

/// A head may have so many fields; one with more is answered with 431. We add up to seven, and the next hop may take no more
/// than 100, as hyper does.
pub(crate) const MOST_FIELDS: usize = 92;

/// Makes it one that we send, over this version of HTTP; or says why it goes no further.
pub(crate) fn prepare<B: Body>(
    request: &mut Request<B>,
    own: &Own,
    peer: &Peer,
    over_http2: bool,
) -> Result<HopByHop, Refused> {
    target::settle(request)?;
    if request.headers().len() > MOST_FIELDS {
        return Err((StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many header fields"));
    }
    if request.version() == Version::HTTP_2 {
        join_cookies(request.headers_mut());
    }
    let mut taken = hop_by_hop::take(request.headers_mut())
        .map_err(|_| (StatusCode::NOT_IMPLEMENTED, "the body's transfer coding is not `chunked` alone"))?;
    own.sign(request, peer)
        .map_err(|_| (StatusCode::LOOP_DETECTED, "the request came back to this proxy: an endpoint leads here"))?;
    taken.upgrade = taken.upgrade.filter(|_| !over_http2 && request.version() == Version::HTTP_11);
    if !request.body().is_end_stream() {
        // hyper writes the length that it knows, once. A body of unknown length it leaves out where the method seldom has
        // one, unless it is told.
        request.headers_mut().remove(CONTENT_LENGTH);
        if !over_http2 && request.body().size_hint().exact().is_none() {
            request.headers_mut().insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    // What the next hop is asked anew.
    if let Some(protocols) = &taken.upgrade {
        request.headers_mut().append(CONNECTION, HeaderValue::from_static("upgrade"));
        request.headers_mut().insert(UPGRADE, protocols.clone());
    }
    if taken.takes_trailers {
        request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
        if !over_http2 {
            // HTTP/2 has no `Connection`, and would lose what it names.
            request.headers_mut().append(CONNECTION, HeaderValue::from_static("te"));
        }
    }
    Ok(taken)
}

/// Makes one field of the cookies, each of which may have come in its own: in HTTP/1.1 there is one (RFC 9113, 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1 {
        let cookies = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).expect("values, with semicolons between them");
        headers.insert(COOKIE, cookies);
    }
}
