//! A connector that dials an endpoint's address for the authority in the URI.

use crate::id::Name;
use crate::state::Snapshot;
use crate::table::Endpoint;
use crate::traffic::Traffic;
use http::Uri;
use http::uri::Authority;
use pin_project_lite::pin_project;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tower_service::Service;

/// A connector that dials the address of the endpoint whose authority the URI names: see [`Traffic::dial`].
#[derive(Clone, Debug)]
pub struct Dial<C> {
    traffic: Traffic,
    connector: C,
}

impl Traffic {
    /// Makes a connector dial the *address* of the endpoint whose authority is in the URI, by the table in force.
    ///
    /// It goes around the connector that resolves names and opens sockets, and *inside* the one that speaks TLS, which then
    /// asks for a certificate of the authority. Where the certificate has yet another name,
    /// [`tls_name`](Self::tls_name) tells it to the TLS connector's resolver of server names. An authority that no
    /// endpoint has is dialled as it stands.
    ///
    /// A client keeps connections by authority, and does not hear that an address has changed: those that it has go on to
    /// the old one until they close. An endpoint that moves gets another authority with its address, or a client of its
    /// own by [`per_endpoint`](crate::layer::Layers::per_endpoint).
    ///
    /// ```
    /// use contraflow::{TableSpec, Traffic};
    /// use hyper_util::client::legacy::{Client, connect::HttpConnector};
    /// use hyper_util::rt::TokioExecutor;
    ///
    /// let table = TableSpec::new()
    ///     .cluster("shop", |c| c.region("us", |r| r.endpoint_with("a", "10.0.0.1:8080", |e| e.authority("a.shop.example"))))
    ///     .route("all", |r| r.any().to("shop"))
    ///     .build()?;
    /// let traffic = Traffic::new(table);
    /// let client = Client::builder(TokioExecutor::new()).build(traffic.dial(HttpConnector::new()));
    /// let shop = traffic.http(client).check::<http::Request<axum::body::Body>>();
    /// # let _ = shop;
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn dial<C>(&self, connector: C) -> Dial<C> {
        Dial { traffic: self.clone(), connector }
    }

    /// The name to expect in the certificate of whom this URI names: an endpoint's TLS name, else the URI's host.
    pub fn tls_name(&self, uri: &Uri) -> Option<String> {
        let snapshot = self.snapshot();
        let mut named = uri.authority().into_iter().flat_map(|authority| named(&snapshot, authority));
        let tls_name = named.find_map(Endpoint::tls_name);
        tls_name.or(uri.host()).map(Into::into)
    }

    /// Where to connect for a URI.
    fn address_of(&self, uri: Uri) -> Result<Uri, Shared> {
        let Some(authority) = uri.authority().cloned() else { return Ok(uri) };
        let snapshot = self.snapshot();
        let mut named = named(&snapshot, &authority);
        let Some(first) = named.next() else { return Ok(uri) };
        let address = dialled(first, &authority);
        if let Some(other) = named.find(|other| dialled(other, &authority) != address) {
            let endpoints = [first.name().clone(), other.name().clone()];
            return Err(Shared { authority: authority.clone(), endpoints });
        }
        let Ok(address) = address.parse::<Authority>() else { return Ok(uri) };
        let mut parts = uri.into_parts();
        parts.authority = Some(address);
        Ok(Uri::from_parts(parts).expect("a URI with another authority is a URI"))
    }
}

/// The endpoints to which a request with this authority in its URI may be meant to go.
fn named<'s>(snapshot: &'s Snapshot, authority: &'s Authority) -> impl Iterator<Item = &'s Endpoint> {
    let is_named = |endpoint: &&Endpoint| endpoint.origin.as_ref().is_some_and(|origin| origin.authority == *authority);
    snapshot.table().endpoints().filter(is_named)
}

/// Where to connect for one of them: one that has no authority is named by its address.
fn dialled<'s>(endpoint: &'s Endpoint, authority: &'s Authority) -> &'s str {
    if endpoint.authority().is_none() {
        return authority.as_str();
    }
    let address = endpoint.address();
    address.split_once("://").map_or(address, |(_, address)| address).trim_end_matches('/')
}

/// An authority that two endpoints have, so that a client could not tell their connections apart.
struct Shared {
    authority: Authority,
    endpoints: [Name; 2],
}

/// Why a [`Dial`] could not connect.
#[derive(Debug)]
pub enum DialError<E> {
    /// Two endpoints of different addresses have the URI's authority, or one of them has it for its address. One client
    /// would mix up their connections; give each a client of its own, by [`per_endpoint`](crate::layer::Layers::per_endpoint).
    Ambiguous {
        /// The URI's.
        authority: Authority,
        /// Two that have it.
        endpoints: [Name; 2],
    },
    /// The connector failed.
    Inner(E),
}

impl<E: fmt::Display> fmt::Display for DialError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialError::Ambiguous { authority, endpoints: [one, other] } => write!(
                f,
                "the endpoints `{one}` and `{other}` share the authority `{authority}` but not the address; \
                 give each a client of its own"
            ),
            DialError::Inner(error) => error.fmt(f),
        }
    }
}

impl<E: std::error::Error> std::error::Error for DialError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            DialError::Ambiguous { .. } => None,
            DialError::Inner(error) => error.source(),
        }
    }
}

impl<C: Service<Uri>> Service<Uri> for Dial<C> {
    type Response = C::Response;
    type Error = DialError<C::Error>;
    type Future = DialFuture<C::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx).map_err(DialError::Inner)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let state = match self.traffic.address_of(uri) {
            Ok(uri) => State::Dialling { future: self.connector.call(uri) },
            Err(shared) => State::Ambiguous { shared: Some(shared) },
        };
        DialFuture { state }
    }
}

pin_project! {
    /// The future of [`Dial`].
    pub struct DialFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Dialling { #[pin] future: F },
        Ambiguous { shared: Option<Shared> },
    }
}

impl<F> fmt::Debug for DialFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialFuture").finish_non_exhaustive()
    }
}

impl<F: Future<Output = Result<T, E>>, T, E> Future for DialFuture<F> {
    type Output = Result<T, DialError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Dialling { future } => future.poll(cx).map_err(DialError::Inner),
            StateProj::Ambiguous { shared } => {
                let Shared { authority, endpoints } = shared.take().expect("polled after it was over");
                Poll::Ready(Err(DialError::Ambiguous { authority, endpoints }))
            }
        }
    }
}
