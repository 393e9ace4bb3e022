//! One spelling for a host, so that none walks around a match.
//!
//! `API.Example.com.:8080`, `api.example.com.` and `api.example.com` are one host to DNS and to every server behind us.
//! We compare the last: lower case, without port, without the root's trailing dot. Addresses in brackets are compared
//! in the form of RFC 5952. What is not plainly a host name is refused, never guessed: user info (`good.com@evil.com`),
//! percent-encoding, anything outside ASCII (names arrive as punycode).

use crate::error::Reason;
use std::borrow::Cow;
use std::net::Ipv6Addr;

/// The longest host name, in bytes (RFC 1035).
const MAX_LENGTH: usize = 253;

/// Host and port of an authority, such as `Host`'s value: the host in its normal spelling.
///
/// Borrows unless the spelling had to change.
#[inline]
pub(crate) fn normal_host(authority: &str) -> Result<(Cow<'_, str>, Option<u16>), Reason> {
    if is_plain(authority.as_bytes()) { Ok((Cow::Borrowed(authority), None)) } else { normalise(authority) }
}

/// Whether this surely is a host name in its normal spelling, without a port. Written as one pass without branches, which the
/// compiler turns into vectors.
#[inline]
#[expect(
    clippy::needless_bitwise_bool,
    reason = "lazy operators would branch, and branches keep it from being vectors"
)]
fn is_plain(host: &[u8]) -> bool {
    let [first, next @ ..] = host else { return false };
    let Some(last) = next.last() else { return false };
    let is_odd = |byte: u8| {
        !(byte.is_ascii_lowercase() | byte.is_ascii_digit() | (byte == b'-') | (byte == b'.') | (byte == b'_'))
    };
    let mut odd = (*first == b'.') | (*last == b'.') | is_odd(*last) | (host.len() > MAX_LENGTH);
    for (&byte, &next) in host.iter().zip(next) {
        odd |= is_odd(byte) | ((byte == b'.') & (next == b'.'));
    }
    !odd
}

fn normalise(authority: &str) -> Result<(Cow<'_, str>, Option<u16>), Reason> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(Reason::BadHost)?;
        let parsed: Ipv6Addr = address.parse().map_err(|_| Reason::BadHost)?;
        let spelling = &authority[..address.len() + 2];
        let normal = format!("[{parsed}]");
        let host = if normal == spelling { Cow::Borrowed(spelling) } else { Cow::Owned(normal) };
        return Ok((host, port_after(after)?));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port_of(port)?),
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let mut upper = false;
    for byte in host.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {}
            b'A'..=b'Z' => upper = true,
            _ => return Err(Reason::BadHost),
        }
    }
    // `a..b` and `.a` have empty labels.
    if host.is_empty() || host.len() > MAX_LENGTH || host.starts_with('.') || host.ends_with('.') || host.contains("..")
    {
        return Err(Reason::BadHost);
    }
    let host = if upper { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) };
    Ok((host, port))
}

/// A host without a port, in its normal spelling.
pub(crate) fn bare_host(text: &str) -> Result<Cow<'_, str>, Reason> {
    match normal_host(text)? {
        (host, None) if !text.ends_with(':') => Ok(host),
        _ => Err(Reason::BadHost),
    }
}

/// The port in what follows a bracketed address: nothing, or a colon and a port.
fn port_after(text: &str) -> Result<Option<u16>, Reason> {
    match text.strip_prefix(':') {
        Some(port) => port_of(port),
        None if text.is_empty() => Ok(None),
        None => Err(Reason::BadHost),
    }
}

/// A port; RFC 3986 lets it be empty, which means the scheme's.
fn port_of(text: &str) -> Result<Option<u16>, Reason> {
    if text.is_empty() {
        return Ok(None);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Reason::BadHost);
    }
    text.parse().map(Some).map_err(|_| Reason::BadHost)
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(crate::property_config())]

        // I-66
        #[test]
        fn the_short_way_gives_what_the_long_way_gives(text in "[a-cZ0.:_ \\[\\]-]{0,12}", long in "[a.]{250,256}") {
            for text in [text, long] {
                prop_assert_eq!(normal_host(&text), normalise(&text));
            }
        }
    }

    fn host(authority: &str) -> Result<String, Reason> {
        normal_host(authority).map(|(host, _)| host.into_owned())
    }

    #[test]
    fn spellings_of_one_host_are_one() {
        for spelling in [
            "api.example.com",
            "API.Example.COM",
            "api.example.com.",
            "api.example.com:443",
            "Api.example.com.:80",
            "api.example.com:",
        ] {
            assert_eq!(host(spelling).as_deref(), Ok("api.example.com"), "{spelling}");
        }
        for spelling in ["[::1]", "[0:0:0:0:0:0:0:1]:80", "[::0001]"] {
            assert_eq!(host(spelling).as_deref(), Ok("[::1]"), "{spelling}");
        }
    }

    #[test]
    fn the_normal_spelling_is_borrowed() {
        for spelling in ["api.example.com", "api.example.com:443", "[::1]:80", "127.0.0.1"] {
            assert!(matches!(normal_host(spelling), Ok((Cow::Borrowed(_), _))), "{spelling}");
        }
    }

    #[test]
    fn what_is_not_plainly_a_host_is_refused() {
        for spelling in [
            "",
            ".",
            "..",
            "a..b",
            ".a",
            "a@b",
            "a b",
            "a%41",
            "b\u{fc}cher.de",
            "a:b",
            "a:99999",
            "a:1:2",
            "[::1",
            "[::1]x",
            "[zz]",
            "::1",
            "a/b",
            "a:+1",
        ] {
            assert_eq!(host(spelling), Err(Reason::BadHost), "{spelling}");
        }
        assert_eq!(host(&"a".repeat(254)), Err(Reason::BadHost));
    }
}
