//! What a request is for: a method that we pass on, a target of a form that the method has, and one host.

use super::answer::Refused;
use contraflow::protocol::Facts;
use http::header::{HOST, HeaderValue, MAX_FORWARDS};
use http::{Method, Request, StatusCode, Version};

/// A path with its query may be this long, in bytes; a longer one is answered with 414. Twice what RFC 9110, 4.1 asks for.
pub(crate) const LONGEST_TARGET: usize = 16 * 1024;

/// Refuses what is for nobody behind us, and makes the host of an absolute target the host, whatever `Host` says (RFC 9112,
/// 3.2).
pub(crate) fn settle<B>(request: &mut Request<B>) -> Result<(), Refused> {
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Err((StatusCode::BAD_REQUEST, "the request has no Host header"));
    }
    match *request.method() {
        Method::CONNECT => return Err((StatusCode::NOT_IMPLEMENTED, "this proxy opens no tunnels by CONNECT")),
        Method::TRACE => return Err((StatusCode::NOT_IMPLEMENTED, "this proxy sends no request back by TRACE")),
        Method::OPTIONS => count_hop(request)?,
        _ => {}
    }
    let uri = request.uri();
    let is_only_authority = uri.authority().is_some() && uri.scheme().is_none();
    if is_only_authority || (uri.path() == "*" && *request.method() != Method::OPTIONS) {
        return Err((StatusCode::BAD_REQUEST, "the request's target is neither a path nor an absolute URI"));
    }
    if uri.path_and_query().is_some_and(|path| path.as_str().len() > LONGEST_TARGET) {
        return Err((StatusCode::URI_TOO_LONG, "the request's target is too long"));
    }
    if let Some(authority) = uri.authority()
        && let Some(host) = request.headers().get(HOST)
        // Of two that differ, the stack says what is wrong.
        && (host.is_empty() || Facts::http(request).is_ok())
    {
        let host = HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        request.headers_mut().insert(HOST, host);
    }
    Ok(())
}

/// One hop less to go; at none, the answer is ours (RFC 9110, 7.6.2).
fn count_hop<B>(request: &mut Request<B>) -> Result<(), Refused> {
    let Some(left) = request.headers().get(MAX_FORWARDS).and_then(|left| left.to_str().ok()?.parse::<u32>().ok())
    else {
        return Ok(());
    };
    let Some(left) = left.checked_sub(1) else { return Err((StatusCode::OK, "this is the proxy")) };
    request.headers_mut().insert(MAX_FORWARDS, left.into());
    Ok(())
}
