//! From an empty file to traffic that can be moved.
//!
//! # 1. Write down where requests can go
//! A [`TableSpec`](crate::TableSpec) says it all: **clusters** of **regions** of **endpoints**, and **routes** that match
//! requests and split them over clusters. [`build`](crate::TableSpec::build) checks it as a whole. What is wrong is said at
//! once, all of it, each with its path; what it returns is right.
//!
//! ```
//! use contraflow::TableSpec;
//!
//! let table = TableSpec::new()
//!     .cluster("api", |c| {
//!         c.region("us-east", |r| r.weight(3).endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("eu-west", |r| r.weight(1).endpoint("c", "10.1.0.1:80"))
//!     })
//!     .cluster("api-next", |c| c.region("us-east", |r| r.endpoint("n", "10.0.9.1:80")))
//!     .route("all", |r| r.any().split([("api", 99), ("api-next", 1)]))
//!     .build()?;
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! Two kinds of weight, for two kinds of intent: a *split* says which clusters a route's requests go to, a *region's* weight
//! how a cluster's requests are spread. A region's **rank** says whether it serves at all: rank 1 gets what rank 0
//! cannot take, which until there is health means: when rank 0 is evacuated or full, and for what is sent again.
//! Names are identity. What is learned of `us-east` stays with that name, whatever its weight and rank become.
//!
//! # 2. Wrap what sends
//! [`Traffic`](crate::Traffic) holds the table in force; clones are the same one. From it comes the stack:
//!
//! | you have | write |
//! |---|---|
//! | an HTTP client | [`traffic.http(client)`](crate::Traffic::http) |
//! | a channel for each endpoint (tonic and the like) | [`traffic.layers(Grpc).per_endpoint(..)`](crate::layer::Layers::per_endpoint) |
//! | any tower service, any request | [`traffic.layers(Plain::new(..))`](crate::Plain::new) and a leaf |
//! | one service, nothing to choose from | [`Traffic::single`](crate::Traffic::single) and [`passthrough`](crate::layer::Layers::passthrough) |
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! use hyper_util::{client::legacy::Client, rt::TokioExecutor};
//!
//! # let table = TableSpec::new()
//! #     .cluster("api", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
//! #     .route("all", |r| r.any().to("api"))
//! #     .build()?;
//! let traffic = Traffic::new(table);
//! let client = Client::builder(TokioExecutor::new()).build_http();
//! let app: axum::Router = axum::Router::new().fallback_service(traffic.http(client).infallible());
//! # Ok::<(), contraflow::TableError>(())
//! ```
//!
//! A service that compiles into nothing readable says what it lacks through [`check`](crate::layer::Stack::check).
//!
//! # 3. Move it
//! Every change is a new table: checked as a whole, swapped in one pointer, remembered. A request sees one table from its
//! beginning to its end. Nothing that was learned is lost.
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! # use std::time::Duration;
//! # let table = TableSpec::new()
//! #     .cluster("api", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")).region("eu-west", |r| r.endpoint("c", "10.1.0.1:80")))
//! #     .cluster("api-next", |c| c.region("eu-west", |r| r.endpoint("n", "10.0.9.1:80")))
//! #     .route("all", |r| r.any().split([("api", 99), ("api-next", 1)]))
//! #     .build()?;
//! # let traffic = Traffic::new(table);
//! let published = traffic.edit(|spec| {
//!     spec.route_mut("all")?.reweight("api", 90).reweight("api-next", 10);
//!     Ok(())
//! })?;
//! assert_eq!(published.diff().to_string(), "~ routes.all: split api 99, api-next 1 -> api 90, api-next 10");
//! traffic.rollback()?;
//!
//! traffic.evacuate("us-east", Duration::from_secs(1800))?; // at once, in every cluster, whatever the table says
//! traffic.readmit("us-east")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # 4. Send again what failed
//! Nothing is sent twice until a route says that it may be. Then what the protocol knows to be idempotent is, three times at most, by
//! default to another endpoint, and only as far as the deadline and the cluster's retry budget go.
//!
//! ```
//! # use contraflow::{TableSpec, Traffic};
//! use contraflow::Retry;
//!
//! # let table = TableSpec::new()
//! #     .cluster("api", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80")))
//! #     .route("all", |r| r.any().to("api"))
//! #     .build()?;
//! # let traffic = Traffic::new(table);
//! traffic.edit(|spec| {
//!     spec.route_mut("all")?.knobs.retry = Some(Retry::default());
//!     Ok(())
//! })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # 5. Ask why
//! [`explain`](crate::Snapshot::explain) says in words what would be decided for a request now;
//! [`status`](crate::Traffic::status) what is in force and what is known of every endpoint; an
//! [`Observer`](crate::Observer) hears of each decision and its outcome.
//!
//! ```
//! # use contraflow::{Facts, TableSpec, Traffic};
//! # let table = TableSpec::new()
//! #     .cluster("api", |c| c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80")))
//! #     .route("all", |r| r.any().to("api"))
//! #     .build()?;
//! # let traffic = Traffic::new(table);
//! let request = http::Request::get("http://api.example/cart").body(())?;
//! let snapshot = traffic.snapshot();
//! let why = snapshot.explain(&Facts::http(&request)?, traffic.draws(), traffic.now())?;
//! assert!(why.to_string().starts_with("route all: matches any request\ncluster api: 1/1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # 6. See it on real traffic
//! `cargo run --example edge_proxy` is all of this as a reverse proxy with an admin port. Then [`patterns`](super::patterns)
//! has what people do with it, and [`limitations`](super::limitations) what it does not do.
