use super::answering::Answering;
use super::boxed::Boxed;
use super::map_attempt::MapAttempt;
use crate::error::Error;
use crate::layer::failover::FailoverFuture;
use crate::layer::held::Held;
use crate::layer::leaf::{Leaf, Target};
use crate::layer::pass::Pass;
use crate::layer::retry::{Straight, prepare};
use crate::protocol::{Classify, Describe, Release, Replay};
use crate::traffic::Reader;
use std::task::{Context, Poll};
use tower_service::Service;

/// Route, failover and a leaf as one service: see [`Traffic::layers`](crate::Traffic::layers).
///
/// `K` is the protocol's marker and `L` the leaf. It is `Clone` and always ready; a clone holds nothing, and a value that is
/// used again and again keeps the table in force pinned, which is cheaper.
#[derive(Clone, Debug)]
pub struct Stack<K, L> {
    reader: Reader,
    protocol: K,
    leaf: L,
    shows_decision: bool,
}

impl<K, L> Stack<K, L> {
    pub(super) fn new(reader: Reader, protocol: K, leaf: L, shows_decision: bool) -> Self {
        Stack { reader, protocol, leaf, shows_decision }
    }

    /// Changes each attempt's request before the leaf gets it: into the type that the service takes, with a header, or
    /// whatever depends on the endpoint.
    ///
    /// tonic's channel takes requests with tonic's body, so a stack over it ends
    /// `.map_attempt(|request: http::Request<_>, _| request.map(tonic::body::Body::new))`.
    ///
    /// ```
    /// # use contraflow::{Facts, Plain, Traffic};
    /// # let traffic = Traffic::single("echo", |route| route)?;
    /// let echo = traffic
    ///     .layers(Plain::new(|_: &u64| Facts::path("echo")))
    ///     .passthrough(tower::service_fn(|line: String| async move { Ok::<_, std::io::Error>(line) }))
    ///     .map_attempt(|number: u64, target| format!("{number} to {}", target.endpoint().address()))
    ///     .check::<u64>();
    /// # let _ = echo;
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn map_attempt<Q, T, F>(self, map: F) -> Stack<K, MapAttempt<L, F>>
    where
        F: Fn(Q, &Target<'_>) -> T,
    {
        let Stack { reader, protocol, leaf, shows_decision } = self;
        Stack { reader, protocol, leaf: MapAttempt::new(leaf, map), shows_decision }
    }

    /// Answers of the protocol's own where a request is refused or its deadline passes, in place of errors: 404, 503, 504
    /// and the like in HTTP, a trailers-only status in gRPC. What the service fails with stays an error.
    pub fn answering(self) -> Answering<Self, K>
    where
        K: Clone,
    {
        let protocol = self.protocol.clone();
        Answering::new(self, protocol)
    }

    /// The same with errors in a box, as tower's middleware has them.
    pub fn boxed(self) -> Boxed<Self> {
        Boxed::new(self)
    }

    /// Compiles only if this is a service for requests of type `R`, and says what is missing if it is not.
    ///
    /// ```
    /// # use contraflow::{Facts, Plain, Traffic};
    /// # let traffic = Traffic::single("echo", |route| route)?;
    /// let echo = traffic
    ///     .layers(Plain::new(|_: &u64| Facts::path("echo")))
    ///     .passthrough(tower::service_fn(|number: u64| async move { Ok::<_, std::io::Error>(number) }))
    ///     .check::<u64>();
    /// # let _ = echo;
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn check<R>(self) -> Self
    where
        K: Describe<R> + Replay<R> + Classify<L::Response, L::Error> + Release<L::Response> + Clone,
        L: Leaf<K::Sent>,
    {
        self
    }
}

impl<K, L> Answering<Stack<K, L>, K> {
    /// Changes each attempt's request before the leaf gets it: see [`Stack::map_attempt`].
    ///
    /// A client that takes bodies of one type only, such as one made for axum's, gets them of that type:
    ///
    /// ```
    /// # use contraflow::Traffic;
    /// # use hyper_util::{client::legacy::{Client, connect::HttpConnector}, rt::TokioExecutor};
    /// # let traffic = Traffic::single("api", |route| route)?;
    /// # let client: Client<HttpConnector, axum::body::Body> = Client::builder(TokioExecutor::new()).build_http();
    /// let proxy = traffic.http(client).map_attempt(|request: http::Request<_>, _| request.map(axum::body::Body::new));
    /// let app: axum::Router = axum::Router::new().fallback_service(proxy.infallible());
    /// # Ok::<(), contraflow::TableError>(())
    /// ```
    pub fn map_attempt<Q, T, F>(self, map: F) -> Answering<Stack<K, MapAttempt<L, F>>, K>
    where
        F: Fn(Q, &Target<'_>) -> T,
    {
        Answering::new(self.stack.map_attempt(map), self.protocol)
    }
}

impl<R, K, L> Service<R> for Stack<K, L>
where
    K: Describe<R> + Replay<R> + Classify<L::Response, L::Error> + Release<L::Response> + Clone,
    L: Leaf<K::Sent>,
{
    type Response = K::Held<Held>;
    type Error = Error<L::Error>;
    type Future = FailoverFuture<K, K::Sent, L>;

    /// Always ready: what there would be to wait for depends on the request.
    #[inline]
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "what is moved through a call that is not inlined is moved twice")]
    fn call(&mut self, request: R) -> Self::Future {
        let mut pass = match Pass::route(&mut self.reader, &self.protocol, &request) {
            Ok(pass) => pass,
            Err(rejected) => return FailoverFuture::rejected(self.protocol.clone(), rejected),
        };
        pass.shows_decision(self.shows_decision);
        if pass.is_special() {
            return self.call_specially(pass, request);
        }
        let request = self.protocol.seal(request);
        FailoverFuture::start(self.protocol.clone(), pass, request, &mut self.leaf)
    }
}

impl<K, L> Stack<K, L> {
    /// A request that may be sent again, or that says of itself what nobody believes. Apart, so that all others are moved as
    /// seldom as they can be.
    #[inline(never)]
    fn call_specially<R>(&mut self, mut pass: Pass, request: R) -> FailoverFuture<K, K::Sent, L>
    where
        K: Describe<R> + Replay<R> + Classify<L::Response, L::Error> + Release<L::Response> + Clone,
        L: Leaf<K::Sent>,
    {
        let mut request = self.protocol.seal(request);
        if pass.is_untrusted() {
            self.protocol.unmark(&mut request);
        }
        let more = prepare(&self.protocol, &mut pass, &mut request, || Straight::new(self.leaf.clone()));
        let mut future = FailoverFuture::start(self.protocol.clone(), pass, request, &mut self.leaf);
        future.may_follow(more);
        future
    }
}
