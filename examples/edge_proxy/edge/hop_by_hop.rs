//! What a message says to the next hop only, and a proxy must not pass on (RFC 9110, 7.6.1).

use http::header::{
    CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE,
    TRANSFER_ENCODING, UPGRADE,
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// What was taken out of a message, as far as anybody may want to say it anew.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HopByHop {
    /// The sender asked to speak one of these protocols from here on.
    pub(crate) upgrade: Option<HeaderValue>,
    /// The sender takes trailers.
    pub(crate) takes_trailers: bool,
    /// The sender waits for a word before it sends the body. The field itself is end-to-end, and stays.
    pub(crate) expects_continue: bool,
}

/// A body that we got in a coding which we would have to take off, and cannot: anything but plain chunks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownCoding;

/// Takes out the fields of this hop: those with a name that says so, and those that `Connection` names.
///
/// `Connection` cannot take out `Host`, which a sender might drop to have another put in its place. One pass over the
/// names: most messages have no such field at all.
pub(crate) fn take(headers: &mut HeaderMap) -> Result<HopByHop, UnknownCoding> {
    let mut taken = HopByHop::default();
    let mut found = Vec::new();
    for name in headers.keys() {
        match *name {
            EXPECT => {
                let mut expected = tokens(headers, &EXPECT);
                taken.expects_continue = expected.any(|token| token.eq_ignore_ascii_case(b"100-continue"));
            }
            CONNECTION | PROXY_AUTHENTICATE | PROXY_AUTHORIZATION | TE | TRANSFER_ENCODING | UPGRADE => {
                found.push(name.clone());
            }
            _ if *name == KEEP_ALIVE || *name == PROXY_CONNECTION => found.push(name.clone()),
            _ => {}
        }
    }
    if found.is_empty() {
        return Ok(taken);
    }
    if !is_plainly_chunked(headers) {
        return Err(UnknownCoding);
    }
    taken.takes_trailers = tokens(headers, &TE).any(|token| token.eq_ignore_ascii_case(b"trailers"));
    if tokens(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(b"upgrade")) {
        taken.upgrade = protocols(headers);
    }
    let named = tokens(headers, &CONNECTION)
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| *name != HOST);
    found.extend(named.collect::<Vec<_>>());
    for name in found {
        headers.remove(name);
    }
    Ok(taken)
}

/// Whether each protocol of an answer is one that was asked for: no other may come instead (RFC 9110, 7.8).
pub(crate) fn was_asked_for(protocols: Option<&HeaderValue>, asked: &HeaderValue) -> bool {
    let Some(protocols) = protocols else { return false };
    tokens_of(protocols).all(|protocol| tokens_of(asked).any(|asked| asked.eq_ignore_ascii_case(protocol)))
}

/// The elements of a field whose value is a list (RFC 9110, 5.6.1). Bytes: an element that is no text counts as one.
fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).into_iter().flat_map(tokens_of)
}

fn tokens_of(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// Whether there is no coding, or just the one that is taken off on the way in. Of several, only the last would be.
fn is_plainly_chunked(headers: &HeaderMap) -> bool {
    let mut codings = tokens(headers, &TRANSFER_ENCODING);
    codings.next().is_none_or(|coding| coding.eq_ignore_ascii_case(b"chunked")) && codings.next().is_none()
}

/// The protocols to upgrade to, but HTTP/2: whoever speaks that over a connection upgraded through a proxy reaches the
/// server behind it with requests that the proxy never sees.
fn protocols(headers: &HeaderMap) -> Option<HeaderValue> {
    let is_http = |token: &[u8]| {
        let token = token.to_ascii_lowercase();
        token.starts_with(b"h2") || token.starts_with(b"http/")
    };
    let wanted: Vec<_> = tokens(headers, &UPGRADE).filter(|token| !is_http(token)).collect();
    if wanted.is_empty() { None } else { HeaderValue::from_bytes(&wanted.join(&b", "[..])).ok() }
}
