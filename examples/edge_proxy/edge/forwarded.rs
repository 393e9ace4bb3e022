//! Who asked, for which host, by which protocol: what the endpoint cannot see for itself behind a proxy.
//!
//! `Forwarded` (RFC 7239) says it, and so do the older `X-Forwarded-For`, `-Host` and `-Proto`. What a client says of itself
//! in these fields is a claim that anybody can make, so an edge drops it; behind another proxy that is trusted, its
//! claims are kept and ours is added to them.

use http::header::{FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, VIA};
use http::{Request, Version};
use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HTTP: HeaderValue = HeaderValue::from_static("http");

/// This proxy, as `Via` names it.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    name: String,
    over_1_0: HeaderValue,
    over_1_1: HeaderValue,
    over_2: HeaderValue,
    trusts_claims: bool,
}

/// The other end of a connection, with all that is the same for each of its requests.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    address: HeaderValue,
    /// The beginning of its `Forwarded`.
    element: String,
}

/// A request that was here before: it goes in circles.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Loop;

impl Own {
    /// A name that no other proxy has, so that a request that comes back is known.
    pub(crate) fn new(trusts_claims: bool) -> Self {
        // Keyed anew for each: the only randomness that std has.
        let number = RandomState::new().build_hasher().finish() as u32;
        let name = format!("contraflow-{number:08x}");
        let via = |version| HeaderValue::try_from(format!("{version} {name}")).expect("a version and a name");
        Own { over_1_0: via("1.0"), over_1_1: via("1.1"), over_2: via("2.0"), name, trusts_claims }
    }

    /// Adds who asked for what, and that it came through here.
    pub(crate) fn sign<B>(&self, request: &mut Request<B>, peer: &Peer) -> Result<(), Loop> {
        let version = request.version();
        let authority = request.uri().authority().map(|authority| authority.as_str().to_owned());
        let headers = request.headers_mut();
        if self.was_here(headers) {
            return Err(Loop);
        }
        if !self.trusts_claims {
            drop_claims(headers);
        }
        let host = match headers.get(HOST) {
            Some(host) => Some(host.clone()),
            // HTTP/2 says it in the URI.
            None => authority.and_then(|authority| HeaderValue::try_from(authority).ok()),
        };
        let element = peer.element(host.as_ref());
        append(headers, FORWARDED, element);
        append(headers, X_FORWARDED_FOR, peer.address.clone());
        if let Some(host) = host {
            headers.entry(X_FORWARDED_HOST).or_insert(host);
        }
        headers.entry(X_FORWARDED_PROTO).or_insert(HTTP);
        headers.append(VIA, self.via(version).clone());
        Ok(())
    }

    /// Whether the request was here before.
    fn was_here(&self, headers: &HeaderMap) -> bool {
        headers.get_all(VIA).into_iter().any(|hops| self.is_among(hops.as_bytes()))
    }

    /// Whether this proxy is one of the hops. Bytes: what stands beside it need be no text.
    fn is_among(&self, hops: &[u8]) -> bool {
        hops.windows(self.name.len()).any(|part| part == self.name.as_bytes())
    }

    fn via(&self, version: Version) -> &HeaderValue {
        match version {
            Version::HTTP_2 => &self.over_2,
            Version::HTTP_11 => &self.over_1_1,
            _ => &self.over_1_0,
        }
    }
}

impl Peer {
    pub(crate) fn new(address: SocketAddr) -> Self {
        // A socket for both families shows IPv4 in IPv6's clothes.
        let address = address.ip().to_canonical();
        let element = match address {
            IpAddr::V4(address) => format!("for={address}"),
            IpAddr::V6(address) => format!("for=\"[{address}]\""),
        };
        Peer { address: HeaderValue::try_from(address.to_string()).expect("an address is visible ASCII"), element }
    }

    fn element(&self, host: Option<&HeaderValue>) -> HeaderValue {
        let mut element = String::with_capacity(self.element.len() + 48);
        element.push_str(&self.element);
        // What is no text is refused later on, with a better word than we have here.
        if let Some(Ok(host)) = host.map(HeaderValue::to_str) {
            let is_token = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
            if is_token && !host.is_empty() {
                element.push_str(";host=");
                element.push_str(host);
            } else {
                // Writing to a string cannot fail. Its Debug is not what the RFC calls a quoted string.
                _ = write!(element, ";host=\"{}\"", host.replace('\\', "\\\\").replace('"', "\\\""));
            }
        }
        element.push_str(";proto=http");
        HeaderValue::try_from(element).expect("visible ASCII, and what was a value before")
    }
}

/// Drops what anybody may have claimed.
pub(crate) fn drop_claims(headers: &mut HeaderMap) {
    let claims: Vec<_> = headers.keys().filter(|name| is_claim(name)).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

/// Whether the field says for whom, and how, a request was forwarded. Servers that turn dashes into underscores take both
/// for the same.
fn is_claim(name: &HeaderName) -> bool {
    if *name == FORWARDED {
        return true;
    }
    let Some((b'x', rest)) = name.as_str().as_bytes().split_first() else { return false };
    let begins = |with: &[u8]| {
        rest.len() >= with.len()
            && rest.iter().zip(with).all(|(byte, other)| *byte == *other || (*byte, *other) == (b'_', b'-'))
    };
    begins(b"-forwarded-") || begins(b"-real-ip")
}

/// Adds to the end of a list, which is one line afterwards: there are readers that take the first line for all.
fn append(headers: &mut HeaderMap, name: HeaderName, element: HeaderValue) {
    let mut lines = headers.get_all(&name).into_iter();
    let list = match lines.next() {
        None => element,
        Some(first) => {
            let mut list = first.as_bytes().to_vec();
            for line in lines.chain([&element]) {
                list.extend_from_slice(b", ");
                list.extend_from_slice(line.as_bytes());
            }
            HeaderValue::try_from(list).expect("values, with commas between them")
        }
    };
    headers.insert(name, list);
}
