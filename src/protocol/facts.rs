//! All that a decision may read of a request.

use super::host::normal_host;
pub(crate) use super::path::Oddities;
use super::path::{normal_parameter, normal_path};
use super::priority::Priority;
use crate::error::{Reason, Rejected};
use http::header::{COOKIE, HOST, HeaderName};
use http::{HeaderMap, Method, Uri};
use std::borrow::Cow;
use std::time::Duration;

/// All that a decision may read of a request, each thing in one normal spelling.
///
/// Made from an HTTP request by [`Facts::http`], or by hand for any other request:
///
/// ```
/// use contraflow::Facts;
///
/// let request = http::Request::get("http://Shop.Example.:8080/cart/7").body(())?;
/// let facts = Facts::http(&request)?;
/// assert_eq!(facts.host(), Some("shop.example"));
///
/// let facts = Facts::path("orders.create").with_key(b"tenant-4");
/// assert_eq!(facts.host(), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    host: Option<Cow<'a, str>>,
    path: Cow<'a, str>,
    oddities: Oddities,
    query: Option<&'a str>,
    method: Option<&'a Method>,
    headers: Option<&'a HeaderMap>,
    key: Option<&'a [u8]>,
    timeout: Option<Duration>,
    priority: Option<Priority>,
    earlier: Earlier,
}

/// Where a protocol counts the attempts that were made before. A byte, and not a name: facts are made for every request.
#[derive(Clone, Copy, Debug)]
enum Earlier {
    Nowhere,
    Http,
    Grpc,
}

impl Earlier {
    fn header(self) -> Option<&'static HeaderName> {
        match self {
            Earlier::Nowhere => None,
            Earlier::Http => Some(&PREVIOUS_ATTEMPTS),
            Earlier::Grpc => Some(&GRPC_PREVIOUS_ATTEMPTS),
        }
    }
}

/// How many attempts of an HTTP request were made before. There is no standard for it; gRPC has one.
pub(super) static PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("contraflow-previous-attempts");
/// The same of a gRPC call (gRFC A6).
pub(super) static GRPC_PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");
static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl<'a> Facts<'a> {
    /// The facts of a request that is not HTTP: a path or the name of an operation, read as a URI's path is.
    ///
    /// A leading slash is optional: `orders/create` and `/orders/create` match alike. A name that has two readings, such as
    /// `a//b`, or a broken escape, such as `50%`, is refused by a table as in HTTP.
    pub fn path(path: &'a str) -> Self {
        let (path, oddities) = normal_path(path);
        Facts {
            host: None,
            path,
            oddities,
            query: None,
            method: None,
            headers: None,
            key: None,
            timeout: None,
            priority: None,
            earlier: Earlier::Nowhere,
        }
    }

    /// The facts of an HTTP request.
    ///
    /// The host is the URI's, else the `Host` header's; lower case, without port and trailing dot. A request without
    /// either has no host, and only routes without a host condition can match it.
    ///
    /// # Errors
    /// [`Reason::BadHost`] for a host that is not plainly a host name or is given twice, [`Reason::HostMismatch`] when
    /// the URI and the header name different hosts. Paths that have two readings are refused later, by a table that
    /// does not allow them.
    ///
    /// ```
    /// use contraflow::{Facts, error::Reason};
    ///
    /// let request = http::Request::get("http://good.example/").header("host", "evil.example").body(())?;
    /// assert_eq!(Facts::http(&request).unwrap_err().reason(), Reason::HostMismatch);
    /// # Ok::<(), http::Error>(())
    /// ```
    #[inline]
    pub fn http<B>(request: &'a http::Request<B>) -> Result<Self, Rejected> {
        let uri = request.uri();
        let headers = request.headers();
        let (path, oddities) = normal_path(uri.path());
        Ok(Facts {
            host: http_host(uri, headers).map_err(Rejected::new)?,
            path,
            oddities,
            query: uri.query(),
            method: Some(request.method()),
            headers: Some(headers),
            key: None,
            timeout: None,
            priority: None,
            earlier: Earlier::Http,
        })
    }

    /// The same facts with a host, which is brought into its normal spelling.
    ///
    /// # Errors
    /// [`Reason::BadHost`] when it is not plainly a host name.
    pub fn with_host(mut self, host: &'a str) -> Result<Self, Rejected> {
        self.host = Some(normal_host(host).map_err(Rejected::new)?.0);
        Ok(self)
    }

    /// The same facts with a method.
    pub fn with_method(mut self, method: &'a Method) -> Self {
        self.method = Some(method);
        self
    }

    /// The same facts with headers.
    pub fn with_headers(mut self, headers: &'a HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// The same facts with a query, without its question mark.
    pub fn with_query(mut self, query: &'a str) -> Self {
        self.query = Some(query);
        self
    }

    /// The same facts with the caller's sticky key, for routes that stick to [`KeySource::Caller`].
    ///
    /// [`KeySource::Caller`]: crate::table::KeySource::Caller
    pub fn with_key(mut self, key: &'a [u8]) -> Self {
        self.key = Some(key);
        self
    }

    /// The same facts with what the caller knows of the request's importance. A rule of the table outranks it.
    ///
    /// Nothing that came with the request is asked for it: a header that claims a priority changes nothing unless your code
    /// reads it here, or a [`Match`](crate::Match) of the table does.
    pub fn with_priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    /// The same facts with the caller's own deadline: how long it will wait. It can only shorten the route's.
    ///
    /// Read from `grpc-timeout` by [`Grpc`](super::Grpc). A caller that waits for 200 ms is answered within 200 ms on a route
    /// of 1 s; one that waits for 5 s has the route's second.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same facts, with earlier attempts counted as gRPC does.
    #[inline]
    pub(super) fn counted_by_grpc(mut self) -> Self {
        self.earlier = Earlier::Grpc;
        self
    }

    /// How long the caller will wait, if it says so.
    #[inline]
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// How many attempts a caller says it has made before; none where that cannot be read.
    ///
    /// Of several claims the highest: it is the one that asks for the least.
    pub(crate) fn previous_attempts(&self) -> u32 {
        let lines = self.earlier.header().into_iter().flat_map(|name| self.header(name));
        lines.map(count).max().unwrap_or(0)
    }

    /// Whether the request claims earlier attempts, in whatever way. What nobody believes is removed, also where it makes no
    /// sense.
    pub(crate) fn claims_attempts(&self) -> bool {
        self.earlier.header().is_some_and(|name| self.headers.is_some_and(|headers| headers.contains_key(name)))
    }

    /// Whether there is a key by which the server tells a repeated request: `Idempotency-Key`, and something in it.
    pub(crate) fn has_idempotency_key(&self) -> bool {
        self.header(&IDEMPOTENCY_KEY).any(|key| !key.trim_ascii().is_empty())
    }

    /// What the caller said of the request's importance.
    #[inline]
    pub(crate) fn priority(&self) -> Option<Priority> {
        self.priority
    }

    /// The host in its normal spelling, if the request names one.
    #[inline]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The path as it is matched.
    #[inline]
    pub fn matched_path(&self) -> &str {
        &self.path
    }

    /// The method, if the protocol has any.
    #[inline]
    pub fn method(&self) -> Option<&Method> {
        self.method
    }

    #[inline]
    pub(crate) fn oddities(&self) -> Oddities {
        self.oddities
    }

    /// The values of a header, in the order they came; none when there are no headers.
    #[inline]
    pub(crate) fn header<'n>(&self, name: &'n HeaderName) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let lines = self.headers.into_iter().flat_map(move |headers| headers.get_all(name));
        lines.map(http::HeaderValue::as_bytes)
    }

    /// The values of a query parameter in their normal spelling, in the order they came; a parameter without `=` has an
    /// empty value.
    #[inline]
    pub(crate) fn parameter<'n>(&self, name: &'n str) -> impl Iterator<Item = Cow<'a, str>> + use<'a, 'n> {
        let pairs = self.query.into_iter().flat_map(|query| query.split('&'));
        pairs.filter_map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (!pair.is_empty() && normal_parameter(key) == name).then(|| normal_parameter(value))
        })
    }

    /// The value of a cookie (RFC 6265, 5.4): the first of that name in any `Cookie` header.
    #[inline]
    pub(crate) fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        self.header(&COOKIE).flat_map(|line| line.split(|&byte| byte == b';')).find_map(|pair| {
            let pair = pair.trim_ascii_start();
            let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(value.trim_ascii_end())
        })
    }

    /// The key that the caller gave.
    #[inline]
    pub(crate) fn key(&self) -> Option<&'a [u8]> {
        self.key
    }
}

/// A count in a header: digits, more than there are numbers for being as many as there are. All else counts for none.
fn count(value: &[u8]) -> u32 {
    digits(value).map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

/// A whole number of nothing but digits, at most `u64::MAX`.
pub(super) fn digits(value: &[u8]) -> Option<u64> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    is_number.then(|| value.iter().fold(0, add))
}

/// The one host of a request: from the URI, else from `Host`; both must agree.
#[inline]
fn http_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Option<Cow<'a, str>>, Reason> {
    let mut lines = headers.get_all(HOST).iter();
    let header = match lines.next() {
        None => None,
        // Two Host lines are two readings, even when they are alike (RFC 9112, 3.2).
        Some(_) if lines.next().is_some() => return Err(Reason::BadHost),
        // As nearly always: then they agree, and need not be compared in detail.
        Some(line) if uri.authority().is_some_and(|authority| authority.as_str().as_bytes() == line.as_bytes()) => None,
        Some(line) => Some(line.to_str().map_err(|_| Reason::BadHost)?),
    };
    match (uri.authority(), header.map(str::trim_ascii)) {
        // An empty Host is how a client says that the target has no authority (RFC 9110, 7.2), and no host beside one.
        (None, None | Some("")) => Ok(None),
        (Some(authority), None) => Ok(Some(normal_host(authority.as_str())?.0)),
        (None, Some(line)) => Ok(Some(normal_host(line)?.0)),
        (Some(authority), Some(line)) => {
            let (host, port) = normal_host(authority.as_str())?;
            let (other, other_port) = normal_host(line)?;
            let ports_differ = matches!((port, other_port), (Some(one), Some(other)) if one != other);
            if host != other || ports_differ { Err(Reason::HostMismatch) } else { Ok(Some(host)) }
        }
    }
}

#[cfg(all(test, not(contraflow_loom)))]
mod tests;
