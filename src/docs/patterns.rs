//! What people do with it, and how it is written.
//!
//! # A canary on sticky users
//! A split draws for each request; a *sticky* one decides by a key, so that a user sees one release. Raising a weight moves
//! users only into what was raised, no more of them than it says, and lowering it again brings the same users back.
//!
//! ```
//! # use contraflow::TableSpec;
//! use contraflow::{Scope, Sticky};
//!
//! # let spec = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
//! #     .cluster("shop-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.9.1:80")));
//! let table = spec.route("all", |r| {
//!     let user = Sticky::header("x-user").or_cookie("session").scope(Scope::Cluster);
//!     r.any().split([("shop", 95), ("shop-next", 5)]).sticky(user)
//! });
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! `Scope::Cluster` keeps the release sticky and lets load decide the endpoint; without it the key decides region and
//! endpoint too; a user who moves to the other release stays in the region, where both clusters have the same regions with the
//! same weights. A request without any key is drawn at random, and its decision says so. `cargo run --example shift` shows
//! who moves.
//!
//! A canary for testers only is a route of its own: the more specific match wins, in whatever order the routes were written.
//!
//! ```
//! # use contraflow::{Match, TableSpec};
//! # let spec = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
//! #     .cluster("shop-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.9.1:80")));
//! let table = spec
//!     .route("rest", |r| r.any().to("shop"))
//!     .route("testers", |r| r.when(Match::new().header("x-tester", "yes")).to("shop-next"));
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! # A new region
//! Add it with weight 0, look at [`status`](crate::Traffic::status), then raise it step by step. A region of weight 0 gets
//! nothing, on any path. [`SlowStart`](crate::SlowStart) lets each new endpoint warm up inside its region.
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! # let table = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.weight(100).endpoint("a", "10.0.0.1:80")))
//! #     .route("all", |r| r.any().to("shop"))
//! #     .build()?;
//! # let traffic = Traffic::new(table);
//! use contraflow::table::RegionSpec;
//!
//! traffic.edit(|spec| {
//!     let europe = RegionSpec::new("eu-west").weight(0).endpoint("c", "10.1.0.1:80");
//!     spec.cluster_mut("shop")?.regions.push(europe);
//!     Ok(())
//! })?;
//! for weight in [1, 5, 25, 100] {
//!     traffic.edit(|spec| {
//!         spec.cluster_mut("shop")?.region_mut("eu-west")?.weight = weight;
//!         Ok(())
//!     })?;
//!     // Wait, and look at what you measure, before the next.
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A spare region
//! Ranks: rank 1 serves only what rank 0 cannot take; until there is health, that is when rank 0 is evacuated or full, and what is
//! sent again. `r.rank(0)` for
//! the region that serves, `r.rank(1)` for the one that stands by. Or a cluster for each home region, as the edge proxy has it:
//! the *split* says where traffic should go, the ranks in each cluster where it goes when it cannot.
//!
//! # A region that burns
//! [`evacuate`](crate::Traffic::evacuate) binds at once: no new request goes there, requests in flight finish, and an expiry
//! brings it back if everybody forgets. It is an order beside the table, so a deploy or a rollback in the middle of the
//! night does not undo it.
//!
//! # Active checks
//! Requests say more of an endpoint than any check, but not of one that gets none: one that has just come, or that
//! stands by. A prober asks those, and all others. It is a future that you spawn; it follows every publish, and when it
//! is dropped all is as if there had never been checks.
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! use contraflow::layer::HttpCheck;
//! use http::HeaderName;
//! use std::time::Duration;
//! # use bytes::Bytes;
//! # use http_body_util::Empty;
//! # use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! # let _inside = runtime.enter();
//! # let table = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")))
//! #     .route("all", |r| r.any().to("shop"))
//! #     .build()?;
//! # let traffic = Traffic::new(table);
//! let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
//! let check = HttpCheck::new(client).path("/healthz")?.degraded_header(HeaderName::from_static("x-degraded"));
//! let prober = traffic.probe(check).every(Duration::from_secs(2)).timeout(Duration::from_millis(500));
//! tokio::spawn(prober);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three failures in a row take an endpoint out, two passes bring it back; in between it is asked five times as often. Where all
//! endpoints of a region are down, all are used: a check that finds everything dead is more likely wrong. So let it ask for what
//! the endpoint itself can do. A page that asks the database for every server says of all of them at once that the database is down.
//!
//! For other protocols a closure is a check:
//!
//! ```
//! # use contraflow::Traffic;
//! use contraflow::layer::Report;
//! use contraflow::table::Endpoint;
//! # async fn ping(_: String) -> Result<(), std::io::Error> { Ok(()) }
//!
//! # let traffic = Traffic::single("cache", |route| route)?;
//! let prober = traffic.probe_cluster("cache", |endpoint: &Endpoint| {
//!     let address = endpoint.address().to_owned();
//!     async move { if ping(address).await.is_ok() { Report::Passed } else { Report::Failed } }
//! });
//! # drop(prober);
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! [`status`](crate::Traffic::status) shows each verdict, and an [`Observer`](crate::Observer) hears of each that changes.
//!
//! # Requests that failed
//! Where the backend can take a request twice, say so, and how often. What the protocol knows to be idempotent is sent again, at
//! an endpoint that was not tried; a POST is not.
//!
//! ```
//! # use contraflow::{Match, TableSpec};
//! use contraflow::Retry;
//! use std::time::Duration;
//!
//! # let spec = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")));
//! let table = spec.route("catalog", |r| {
//!     let retry = Retry::default().per_try(Duration::from_millis(600));
//!     r.when(Match::new().path_prefix("/catalog")).to("shop").deadline(Duration::from_secs(2)).retry(retry)
//! });
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! `per_try` is for servers that never answer: without it the first takes the whole deadline. Half as much again as the 99th
//! percentile is a good beginning; below that it turns slow answers into failures. Retries are for what passes. When
//! a region is down they end with the cluster's budget, and [`evacuate`](crate::Traffic::evacuate) is the answer.
//!
//! # A POST with a key
//! A server that keeps `Idempotency-Key`s does nothing twice, so its POSTs may be sent again. But whoever can send a header could
//! claim one, so a key counts only where a rule of the table says whom it believes, by something that only friends have.
//!
//! ```
//! # use contraflow::{Match, Retry, TableSpec};
//! use contraflow::table::Claims;
//!
//! # let spec = TableSpec::new()
//! #     .cluster("pay", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")));
//! let table = spec
//!     .route("payments", |r| r.when(Match::new().path_prefix("/payments")).to("pay").retry(Retry::default()))
//!     .trust(Match::new().host("pay.internal"), Claims::none().idempotency_key());
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! Without keys a POST may be sent again when it never left: [`Retry::retry_unsent`](crate::Retry::retry_unsent), with a
//! [`Classified`](crate::protocol::Classified) that knows it of the client's errors. `examples/edge_proxy/edge/unsent.rs` has
//! one for hyper-util's.
//!
//! # A slow tail
//! Where one answer in twenty takes ten times as long, a second copy to another endpoint of the region is nearly always sooner. It
//! is sent when an answer takes longer than 95 in 100 did lately, to at most 5% of the requests, and only for what may be sent twice.
//!
//! ```
//! # use contraflow::TableSpec;
//! use contraflow::Hedge;
//!
//! # let spec = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")));
//! let table = spec.route("search", |r| r.any().to("shop").hedge(Hedge::default()));
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! # Data that stays in its region
//! A retry leaves its region when that seems to be in trouble. Where the data may not be asked for elsewhere, it stays, and fails:
//!
//! ```
//! # use contraflow::{Retry, TableSpec};
//! use contraflow::table::LeaveRegion;
//!
//! # let spec = TableSpec::new()
//! #     .cluster("records", |c| c.region("eu-west", |r| r.endpoint("a", "10.1.0.1:80").endpoint("b", "10.1.0.2:80")));
//! let table = spec.route("records", |r| r.any().to("records").retry(Retry::default().leave_region(LeaveRegion::Never)));
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! That is said of retries and hedges. To which region the first attempt goes say ranks, weights and limits: a cluster that
//! holds only the one region cannot leave it at all.
//!
//! # Layers that do not multiply
//! Three layers that make three attempts each make 27. Each copy says how many attempts came before it, in
//! `contraflow-previous-attempts` (in gRPC `grpc-previous-rpc-attempts`), and a layer that believes its caller sends no retry
//! again. From everybody else the header is taken away.
//!
//! ```
//! # use contraflow::{Match, Retry, TableSpec};
//! # use contraflow::table::Claims;
//! # let spec = TableSpec::new()
//! #     .cluster("stock", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")));
//! let table = spec
//!     .route("all", |r| r.any().to("stock").retry(Retry::default()))
//!     .trust(Match::new().host("stock.internal"), Claims::none().attempts());
//! # table.build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! # Several who change the table
//! An admin port, a deploy and a discovery do not lose each other's changes: [`edit`](crate::Traffic::edit) reads,
//! changes and publishes, and begins again if somebody else was first. Who has shown a table to a person before changing it
//! uses [`publish_if`](crate::Traffic::publish_if) with the generation that was shown.
//!
//! # Discovery
//! Where endpoints come and go by themselves, somebody knows them: DNS, a registry, the scheduler. A future that you spawn keeps a
//! region's endpoints as they say. An address that stays keeps what was learned of it.
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! use contraflow::Ratio;
//! use std::time::Duration;
//!
//! # async fn follow() -> Result<(), Box<dyn std::error::Error>> {
//! let table = TableSpec::new()
//!     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("seed", "10.0.0.1:80")))
//!     .route("all", |r| r.any().to("shop"))
//!     .build()?;
//! let traffic = Traffic::new(table);
//! let ask = || tokio::net::lookup_host("shop.internal:80");
//! let follow = traffic.resolve("shop", "us-east", Duration::from_secs(30), ask).remove_at_most(Ratio::percent(34));
//! tokio::spawn(follow);
//! # Ok(())
//! # }
//! ```
//!
//! Who is told of changes, and need not ask, gives a stream of lists to [`follow`](crate::Traffic::follow). A region in the table
//! must have an endpoint, so give it one that you know, and only one: a single endpoint is replaced at once, several wait a minute.
//!
//! A list that lacks [more than half](crate::layer::Follow::remove_at_most) of the endpoints is probably wrong. What is new in it is
//! used at once; what it lacks goes when it was lacking [for a minute](crate::layer::Follow::confirm_after). An empty list is
//! never believed: to empty a region, set its weight to 0, or [`evacuate`](crate::Traffic::evacuate) it. An alert on
//! [`Event::Quarantined`](crate::Event::Quarantined) and [`Event::DiscoveryFailed`](crate::Event::DiscoveryFailed) is worth having.
//!
//! The lists have the last word on the endpoints of their region, and none on anything else. Who wants to change one by hand stops the
//! future first. [`rollback`](crate::Traffic::rollback) takes back what people published, and not a list.
//!
//! # Counters, traces, logs
//! An [`Observer`](crate::Observer) hears of each decision, attempt, outcome and event with the snapshot, so that names are at
//! hand. `examples/edge_proxy/edge/counts.rs` counts attempts by route, cluster and region, and what was sent again for which
//! reason; a decision is told of each candidate, also of one that a limit then refuses.
//!
//! # Other layers
//! Compression, authentication and a tracing span for the whole request go outside the stack, and retries of other makes nowhere:
//! they would know nothing of the budget. What belongs to one attempt,
//! such as a span with the endpoint's name or a signature over its host, goes inside: around the client that the stack
//! gets, or by [`map_attempt`](crate::layer::Stack::map_attempt), which is told the target.
//!
//! # A reverse proxy
//! The stack directs requests; it does not make a proxy of a server. Hop-by-hop fields, `Forwarded`, upgrades, limits on
//! heads and a graceful end are the program's. `examples/edge_proxy` has each in a file of its own, to be read or taken.
//!
//! # Tests of your own table
//! A decision is a pure function, so a test needs no sockets: seed the draws and ask. The feature `testing` has strategies
//! for requests, a scripted backend, and a world in virtual time.
//!
//! ```
//! # use contraflow::{Facts, TableSpec, Traffic};
//! use contraflow::Entropy;
//! use contraflow::time::Clock;
//!
//! # let table = TableSpec::new()
//! #     .cluster("shop", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
//! #     .route("checkout", |r| r.when(contraflow::Match::new().path_prefix("/checkout")).to("shop"))
//! #     .build()?;
//! let (clock, _hand) = Clock::manual();
//! let traffic = Traffic::with_sources(table, clock, Entropy::seeded(1));
//! let snapshot = traffic.snapshot();
//! let decision = snapshot.decide(&Facts::path("/checkout/7"), traffic.draws(), traffic.now())?;
//! assert_eq!(snapshot.describe(&decision).map(|names| names.route().as_str()), Some("checkout"));
//! assert!(snapshot.decide(&Facts::path("/"), traffic.draws(), traffic.now()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
