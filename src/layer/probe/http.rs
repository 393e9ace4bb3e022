//! A check by HTTP: a request to a path of the endpoint's.

use super::check::Check;
use crate::protocol::{Classify, Http, Outcome, Verdict};
use crate::state::Report;
use crate::table::Endpoint;
use http::header::HOST;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderName, HeaderValue, Request, Response, Uri};
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tower_service::Service;

/// Sends `GET` to a path of the endpoint's, by an HTTP client.
///
/// An endpoint is written into the URI as [`Origin`](super::super::Origin) does it, `Host` is its authority, else its
/// address. One whose address is no host fails, as every request to it would.
///
/// | the answer | the report |
/// |---|---|
/// | a status that is expected | [`Passed`](Report::Passed) |
/// | the same, with the header for it | [`Degraded`](Report::Degraded) |
/// | 429, and 503 with `Retry-After`, where they are not expected | `Degraded`: busy is not dead, and to take out what is busy makes the others so |
/// | any other status, an error | [`Failed`](Report::Failed) |
///
/// The body is not read: a health page should be short, or its connection cannot be used again.
///
/// ```
/// use contraflow::layer::HttpCheck;
/// use http::HeaderName;
/// # use tower::service_fn;
/// # let client = service_fn(|_: http::Request<()>| async { Ok::<_, std::io::Error>(http::Response::new(())) });
///
/// let check = HttpCheck::new(client)
///     .path("/healthz")?
///     .expect(200..=204)
///     .degraded_header(HeaderName::from_static("x-degraded"));
/// # let traffic = contraflow::Traffic::single("db", |route| route)?;
/// # drop(traffic.probe(check));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct HttpCheck<S, B> {
    client: S,
    scheme: Scheme,
    path: PathAndQuery,
    host: Option<HeaderValue>,
    judge: Judge,
    body: PhantomData<fn() -> B>,
}

/// A text that is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no path: it has to begin with a slash, and have no fragment")]
pub struct NotAPath {
    text: String,
}

/// What an answer says.
#[derive(Clone, Debug)]
struct Judge {
    expected: RangeInclusive<u16>,
    degraded: Option<HeaderName>,
}

impl Judge {
    fn report<D>(&self, response: &Response<D>) -> Report {
        if self.expected.contains(&response.status().as_u16()) {
            let is_degraded = self.degraded.as_ref().is_some_and(|name| response.headers().contains_key(name));
            return if is_degraded { Report::Degraded } else { Report::Passed };
        }
        match Http.classify(Ok::<_, &()>(response)) {
            Verdict::Known(Outcome::Busy) => Report::Degraded,
            _ => Report::Failed,
        }
    }
}

impl<S: Clone, B> Clone for HttpCheck<S, B> {
    fn clone(&self) -> Self {
        HttpCheck {
            client: self.client.clone(),
            scheme: self.scheme.clone(),
            path: self.path.clone(),
            host: self.host.clone(),
            judge: self.judge.clone(),
            body: PhantomData,
        }
    }
}

impl<S, B> fmt::Debug for HttpCheck<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCheck").field("path", &self.path).field("judge", &self.judge).finish_non_exhaustive()
    }
}

impl<S, B> HttpCheck<S, B> {
    /// `GET /` by plain HTTP where the address does not say, and any 2xx passes.
    pub fn new(client: S) -> Self {
        let judge = Judge { expected: 200..=299, degraded: None };
        let path = PathAndQuery::from_static("/");
        HttpCheck { client, scheme: Scheme::HTTP, path, host: None, judge, body: PhantomData }
    }

    /// Asks for this path; it may have a query.
    ///
    /// # Errors
    /// When it does not begin with a slash, or has a fragment.
    pub fn path(mut self, path: &str) -> Result<Self, NotAPath> {
        // A fragment is parsed and left out: then it is not the whole text.
        let is_path = |parsed: &PathAndQuery| path.starts_with('/') && parsed.as_str() == path;
        self.path = path.parse().ok().filter(is_path).ok_or_else(|| NotAPath { text: path.into() })?;
        Ok(self)
    }

    /// HTTPS where the address does not say.
    pub fn https(mut self) -> Self {
        self.scheme = Scheme::HTTPS;
        self
    }

    /// Sends this `Host` to all: for servers that answer to one name only.
    pub fn host(mut self, host: HeaderValue) -> Self {
        self.host = Some(host);
        self
    }

    /// These statuses pass: 200 to 299 unless it is said.
    pub fn expect(mut self, statuses: RangeInclusive<u16>) -> Self {
        self.judge.expected = statuses;
        self
    }

    /// An answer that passes and has this header is degraded. None unless it is said.
    pub fn degraded_header(mut self, name: HeaderName) -> Self {
        self.judge.degraded = Some(name);
        self
    }

    /// The request to an endpoint, if its address is a host.
    fn request(&self, endpoint: &Endpoint) -> Option<Request<B>>
    where
        B: Default,
    {
        let origin = endpoint.origin.as_ref()?;
        let mut request = Request::new(B::default());
        request.headers_mut().insert(HOST, self.host.as_ref().unwrap_or(&origin.host).clone());
        let mut parts = Uri::default().into_parts();
        parts.scheme = Some(origin.scheme.as_ref().unwrap_or(&self.scheme).clone());
        parts.authority = Some(origin.authority.clone());
        parts.path_and_query = Some(self.path.clone());
        *request.uri_mut() = Uri::from_parts(parts).expect("scheme, authority and path make a URI");
        Some(request)
    }
}

impl<S, B, D> Check for HttpCheck<S, B>
where
    S: Service<Request<B>, Response = Response<D>> + Clone,
    B: Default,
{
    type Future = HttpChecking<S, B>;

    fn check(&self, endpoint: &Endpoint) -> Self::Future {
        let state = match self.request(endpoint) {
            Some(request) => State::Readying { client: self.client.clone(), request: Some(request) },
            None => State::NoHost,
        };
        HttpChecking { state, judge: self.judge.clone() }
    }
}

pin_project! {
    /// The future of an [`HttpCheck`].
    pub struct HttpChecking<S: Service<Request<B>>, B> {
        #[pin]
        state: State<S, B>,
        judge: Judge,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S: Service<Request<B>>, B> {
        Readying { client: S, request: Option<Request<B>> },
        Asking { #[pin] answer: S::Future },
        NoHost,
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for HttpChecking<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpChecking").finish_non_exhaustive()
    }
}

impl<S: Service<Request<B>, Response = Response<D>>, B, D> Future for HttpChecking<S, B> {
    type Output = Report;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Report> {
        let mut this = self.project();
        loop {
            let answer = match this.state.as_mut().project() {
                StateProj::Readying { client, request } => {
                    if ready!(client.poll_ready(cx)).is_err() {
                        return Poll::Ready(Report::Failed);
                    }
                    client.call(request.take().expect("it is sent once"))
                }
                StateProj::Asking { answer } => {
                    let answered = ready!(answer.poll(cx));
                    return Poll::Ready(answered.map_or(Report::Failed, |response| this.judge.report(&response)));
                }
                StateProj::NoHost => return Poll::Ready(Report::Failed),
            };
            this.state.set(State::Asking { answer });
        }
    }
}
