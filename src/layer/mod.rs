//! SHELL: the only code that knows tower, time or tasks. It carries decisions out.
//!
//! ```text
//! R --route--> Routed<R> --limit--> Routed<R> --retry--> Attempt --failover--> leaf --> your service
//! ```
//!
//! | stage | does | never does |
//! |---|---|---|
//! | [`route`](crate::Traffic::route) | pins one table, matches the route, draws the cluster, enforces the deadline to the head | look at health, wait |
//! | [`limit`](crate::Traffic::limit) | admits or refuses at the route's limit, or waits in its queue | choose a target |
//! | [`retry`](crate::Traffic::retry) | where the table says so, keeps a copy of the request, and sends that as another attempt when one failed or is slow, as far as deadline, budget and server allow | choose a target, read a body ahead |
//! | [`failover`](crate::Traffic::failover) | picks region and endpoint, admits at their limits as part of the pick, drives the endpoint's service ready, then hands the request over; asks another endpoint when one cannot take it; records how it went | copy a request |
//! | leaf | gives the service of an endpoint and directs the request to it: [`Origin`], [`PerEndpoint`], [`Passthrough`] | decide |
//!
//! Most want all of it at once: [`Traffic::http`](crate::Traffic::http), or [`Traffic::layers`](crate::Traffic::layers) for any other protocol or leaf. That is **one
//! service and one future**; the single layers do the same by the same code, for those who arrange them otherwise.
//!
//! # The four programs
//! A reverse proxy, or an API client, over one HTTP client:
//!
//! ```
//! use contraflow::{TableSpec, Traffic};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! let table = TableSpec::new()
//!     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:8080").endpoint("b", "10.0.0.2:8080")))
//!     .route("all", |r| r.any().to("shop"))
//!     .build()?;
//! let traffic = Traffic::new(table);
//! let client = Client::builder(TokioExecutor::new()).build_http();
//! let app: axum::Router = axum::Router::new().fallback_service(traffic.http(client).infallible());
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! One channel for each endpoint, as gRPC clients have it:
//!
//! ```
//! # use contraflow::Traffic;
//! use contraflow::Grpc;
//! use contraflow::table::Endpoint;
//! # use contraflow::protocol::ReplayBody;
//! # use http::{Request, Response};
//! # use http_body_util::Full;
//! # use bytes::Bytes;
//! # use tower::util::BoxCloneSyncService;
//! # type Channel = BoxCloneSyncService<Request<ReplayBody<Full<Bytes>>>, Response<Full<Bytes>>, std::io::Error>;
//! # fn channel_to(_: &Endpoint) -> Channel { unimplemented!("never called") }
//! # let traffic = Traffic::single("greeter", |route| route)?;
//! let greeter = traffic.layers(Grpc).per_endpoint(|endpoint: &Endpoint| channel_to(endpoint));
//! # let _ = greeter.check::<Request<Full<Bytes>>>();
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! Any service, whatever its requests:
//!
//! ```
//! # use contraflow::Traffic;
//! use contraflow::{Facts, Plain};
//! # #[derive(Clone)] struct Command(String);
//! # impl Command { fn name(&self) -> &str { &self.0 } }
//! # #[derive(Clone)] struct Connection;
//! # impl tower::Service<Command> for Connection {
//! #     type Response = u32; type Error = std::io::Error; type Future = std::future::Ready<Result<u32, std::io::Error>>;
//! #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), std::io::Error>> { Ok(()).into() }
//! #     fn call(&mut self, _: Command) -> Self::Future { std::future::ready(Ok(7)) }
//! # }
//! # fn connect(_: &str) -> Connection { Connection }
//! # let traffic = Traffic::single("cache", |route| route)?;
//!
//! let protocol = Plain::new(|command: &Command| Facts::path(command.name()));
//! let cache = traffic.layers(protocol).per_endpoint(|endpoint| connect(endpoint.address()));
//! # let _ = cache.check::<Command>();
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! One service, and no invented regions:
//!
//! ```
//! use contraflow::{Facts, Limit, Plain, Retry, Traffic};
//! # use tower::{ServiceExt, service_fn};
//! # #[derive(Clone)] struct Query { writes: bool }
//! # let db = service_fn(|_: Query| async { Ok::<u32, std::io::Error>(7) });
//!
//! let traffic = Traffic::single("db", |r| r.limit(Limit::adaptive()).retry(Retry::default()))?;
//! let protocol = Plain::new(|_: &Query| Facts::path("query")).idempotent(|query| !query.writes);
//! let db = traffic.layers(protocol).passthrough(db);
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # assert_eq!(runtime.block_on(db.oneshot(Query { writes: false }))?, 7);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! And by hand, for another arrangement:
//!
//! ```
//! # use contraflow::Traffic;
//! use contraflow::Http;
//! use contraflow::layer::Origin;
//! use tower::ServiceBuilder;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//! # let traffic = Traffic::single("api", |route| route)?;
//! # let client = Client::builder(TokioExecutor::new()).build_http();
//!
//! let api = ServiceBuilder::new()
//!     .layer(traffic.route(Http))
//!     .layer(traffic.limit())
//!     .layer(traffic.retry())
//!     .layer(traffic.failover())
//!     .layer(Origin::new())
//!     .service(client);
//! # fn is_service<S: tower::Service<http::Request<axum::body::Body>>>(_: S) {}
//! # is_service(api);
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! # Discovery
//! [`Traffic::follow`](crate::Traffic::follow) and [`Traffic::resolve`](crate::Traffic::resolve) are futures that keep a region's
//! endpoints as somebody else knows them. Like all that runs beside requests, they are the caller's to spawn.
//!
//! # Readiness
//! A stack is always ready: what it would have to wait for depends on the request. `call` decides and counts the request as
//! in flight; the future drives a clone of the endpoint's service ready and hands the request over. So a stack can be
//! cloned or shared as one likes, and an idle clone holds nothing. A service that is not `Clone` goes behind tower's
//! `Buffer`. What was called and never polled counts as in flight until it is dropped.
//!
//! What stands outside `retry` sees a request once; what stands between it and `failover` sees each attempt, each through a
//! clone of its own. Without the layer requests are sent once, whatever the table says.
//!
//! # Cancellation
//! A future that is dropped gives back all it held. Dropped before the request was handed over, before its answer was ever
//! polled for, or younger than the endpoint's 99th percentile (1 s until it has answered a hundred times), it says nothing
//! of the endpoint; older, it is a timeout. Otherwise callers' own timeouts would hide a black hole.
//!
//! All attempts of a request are in its one future, so with it they all end. Between two attempts a request holds nothing but its
//! place at the route's limit; dropped then, it gives back what it had taken of the budget for the next. The attempts that lose to
//! a hedge are dropped before the answer is handed on, and are judged as any caller that left.
//!
//! # Errors
//! An [`Error`](crate::Error) says whether the request was sent: [`Rejected`](crate::Rejected) never was. Of a request that was sent
//! more than once it is what became of the last attempt that was really sent; that nobody could take another one changes
//! nothing of that, and is told beside it: in [`Error::GaveUp`](crate::Error::GaveUp), and for an answer of the server in its
//! extensions, as a [`GiveUp`](crate::GiveUp).
//!
//! # Runtime
//! Deadlines need tokio's timers, once an answer is waited for: a future that has to wait outside a tokio runtime, or in one
//! without time (`enable_time`), panics, unless the route's deadline is [`Duration::MAX`](std::time::Duration::MAX) or the
//! traffic's clock is moved by hand. A body of several frames needs them for `hold_at_most`; outside a runtime it goes
//! unwatched, in one without time it panics.

mod attempt;
mod failover;
mod follow;
mod held;
mod leaf;
mod limit;
mod pass;
mod probe;
mod queued;
mod retry;
mod route;
mod stack;

pub use attempt::Attempt;
pub use failover::{FailoverFuture, FailoverLayer, FailoverService};
pub use follow::{Answer, Follow, NoSuchRegion, Resolve, Unresolved};
pub use held::Held;
pub use leaf::{
    Dial, DialError, DialFuture, HostPolicy, Leaf, NotAPrefix, NotReady, Origin, OriginLeaf, Passthrough,
    PassthroughLeaf, PeekTrailers, PeekTrailersFuture, PeekTrailersLayer, PeekedBody, PerEndpoint, Target,
};
pub use limit::{LimitFuture, LimitLayer, LimitService};
pub use probe::{Check, HttpCheck, HttpChecking, NotAPath, Probe, Report};
pub use retry::{Attempts, Layered, LayeredFuture, RetryFuture, RetryLayer, RetryService, Straight};
pub use route::{RouteFuture, RouteLayer, RouteService, Routed};
pub use stack::{
    AnswerFuture, Answering, Boxed, BoxedFuture, HttpStack, Infallibly, InfalliblyFuture, Layers, MapAttempt, Stack,
};
