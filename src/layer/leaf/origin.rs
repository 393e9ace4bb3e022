//! One HTTP client for all endpoints: the endpoint is written into the request's URI.

use super::target::{Leaf, NotReady, Target};
use crate::error::Reason;
use crate::sync::Arc;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Uri, Version};
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Path and query of a URI are no longer than this, in bytes, in the `http` crate.
const LONGEST: usize = u16::MAX as usize - 1;

/// Sends all requests through one HTTP client, with the endpoint in their URI.
///
/// The URI's authority becomes the endpoint's [`authority`](crate::table::Endpoint::authority), else its address, which then
/// has to be a host with an optional port, and may begin with `http://` or `https://`. An endpoint without either
/// refuses with [`Reason::BadAddress`]. Path, query and headers stay as they came; the version becomes HTTP/1.1, which a
/// client takes for whatever its connection speaks.
///
/// A client finds a connection by scheme and authority. Where endpoints have an authority that is not where they listen (many
/// servers behind one name, TLS by that name), its connector has to be told: [`Traffic::dial`](crate::Traffic::dial).
/// Endpoints that share *one* authority would share the client's connections, so that a request decided for one might
/// reach another: give each a client of its own, by [`per_endpoint`](crate::layer::Layers::per_endpoint).
///
/// ```
/// use contraflow::layer::{HostPolicy, Origin};
///
/// let origin = Origin::new().https().host(HostPolicy::Endpoint).path_prefix("/v1")?;
/// assert!(Origin::new().path_prefix("v1?x").is_err());
/// # Ok::<(), contraflow::layer::NotAPrefix>(())
/// ```
#[derive(Clone, Debug)]
pub struct Origin {
    scheme: Scheme,
    host: HostPolicy,
    prefix: Option<Arc<str>>,
}

/// Which `Host` the endpoint is sent.
///
/// A client that speaks HTTP/2 sends the authority of the URI, which is the endpoint's, and this header beside it. A server
/// that compares the two refuses the request unless they agree: to such servers goes [`Endpoint`](Self::Endpoint).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum HostPolicy {
    /// The one the request came with: its header, else its URI's authority. Default, as in Envoy, Traefik and Caddy; a header
    /// that has to be made of the URI costs an allocation.
    #[default]
    Preserve,
    /// The endpoint's authority, else its address.
    Endpoint,
    /// Always this one.
    Fixed(HeaderValue),
}

/// A text that is no path prefix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path prefix: it has to begin with a slash, and have no query and no fragment")]
pub struct NotAPrefix {
    text: String,
}

/// The leaf of [`Origin`].
#[derive(Clone, Debug)]
pub struct OriginLeaf<S> {
    origin: Origin,
    service: S,
}

impl Default for Origin {
    fn default() -> Self {
        Origin::new()
    }
}

impl Origin {
    /// Plain HTTP where the address does not say, the request's own `Host`, no prefix.
    pub const fn new() -> Self {
        Origin { scheme: Scheme::HTTP, host: HostPolicy::Preserve, prefix: None }
    }

    /// HTTPS where the address does not say.
    pub fn https(mut self) -> Self {
        self.scheme = Scheme::HTTPS;
        self
    }

    /// Which `Host` the endpoint is sent.
    pub fn host(mut self, host: HostPolicy) -> Self {
        self.host = host;
        self
    }

    /// Puts a path before every path: `/v1` makes `/users?page=2` into `/v1/users?page=2`. It costs an allocation a request.
    ///
    /// A path that would become longer than a URI can be (65 534 bytes) is refused with [`Reason::BadPath`]; one that
    /// [`map_attempt`](crate::layer::Stack::map_attempt) has made so long panics.
    ///
    /// # Errors
    /// When it is no path that begins with a slash, or has a query or a fragment. A slash at its end is dropped.
    pub fn path_prefix(mut self, prefix: &str) -> Result<Self, NotAPrefix> {
        // A fragment is parsed and left out, a query is not part of the path: then it is not the whole text.
        let is_path = |parsed: &PathAndQuery| prefix.starts_with('/') && parsed.path() == prefix;
        let parsed = prefix.parse().ok().filter(is_path).ok_or_else(|| NotAPrefix { text: prefix.into() })?;
        let path = parsed.path().trim_end_matches('/');
        self.prefix = (!path.is_empty()).then(|| path.into());
        Ok(self)
    }

    #[inline]
    fn direct<B>(&self, request: &mut Request<B>, target: &Target<'_>) {
        let Some(origin) = &target.endpoint().origin else { return };
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        parts.scheme = Some(origin.scheme.as_ref().unwrap_or(&self.scheme).clone());
        let came_with = parts.authority.replace(origin.authority.clone());
        match &self.host {
            HostPolicy::Preserve => preserve_host(request, came_with.as_ref()),
            HostPolicy::Endpoint => _ = request.headers_mut().insert(HOST, origin.host.clone()),
            HostPolicy::Fixed(host) => _ = request.headers_mut().insert(HOST, host.clone()),
        }
        // The target of a CONNECT has no path; every other has.
        let path = parts.path_and_query.take().unwrap_or(PathAndQuery::from_static("/"));
        parts.path_and_query = Some(match &self.prefix {
            Some(prefix) if takes_prefix(&path) => prefixed(prefix, &path),
            _ => path,
        });
        // The version is each connection's own (RFC 9110, 2.5); a client refuses one that its connection does not speak.
        *request.version_mut() = Version::HTTP_11;
        *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path make a URI");
    }
}

#[inline]
fn preserve_host<B>(request: &mut Request<B>, authority: Option<&Authority>) {
    if let Some(authority) = authority
        && !request.headers().contains_key(HOST)
    {
        let host = HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII");
        request.headers_mut().insert(HOST, host);
    }
}

/// Whether it is a path: the `*` of OPTIONS asks for the server, not for something below a path (RFC 9110, 9.3.7).
fn takes_prefix(path: &PathAndQuery) -> bool {
    path.path().starts_with('/')
}

#[cold]
fn prefixed(prefix: &str, path: &PathAndQuery) -> PathAndQuery {
    format!("{prefix}{path}").parse().expect("a path before a path that was admitted is a path")
}

impl<S> Layer<S> for Origin {
    type Service = OriginLeaf<S>;

    fn layer(&self, service: S) -> Self::Service {
        OriginLeaf { origin: self.clone(), service }
    }
}

impl<B, S> Leaf<Request<B>> for OriginLeaf<S>
where
    S: Service<Request<B>> + Clone,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    const SHARED: bool = true;

    /// A path that a prefix makes longer than a URI can be is refused.
    #[inline]
    fn admits(&self, request: &Request<B>) -> Result<(), Reason> {
        let Some(prefix) = &self.origin.prefix else { return Ok(()) };
        let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        // The slash of a path that is left out, before a query or at all, is written.
        let length = prefix.len() + path.len() + usize::from(!path.starts_with('/'));
        if length > LONGEST { Err(Reason::BadPath) } else { Ok(()) }
    }

    #[inline]
    fn poll_ready(&mut self, target: &Target<'_>, cx: &mut Context<'_>) -> Poll<Result<(), NotReady<S::Error>>> {
        if target.endpoint().origin.is_none() {
            return Poll::Ready(Err(NotReady::Refused(Reason::BadAddress)));
        }
        self.service.poll_ready(cx).map_err(NotReady::Broken)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, mut request: Request<B>, target: &Target<'_>) -> S::Future {
        self.origin.direct(&mut request, target);
        self.service.call(request)
    }
}
