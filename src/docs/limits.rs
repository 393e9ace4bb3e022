//! Limits: how many requests may be in flight, who waits, who is refused, and how the number is found.
//!
//! # Why in flight, and not a second
//! A backend that slows down takes fewer requests a second than it did, and a limit on requests a second does not know it. A
//! limit on requests *in flight* does: by Little's law they are the rate times the time, so when answers take twice as long,
//! half as many get in. It protects a backend whatever became of it.
//!
//! # Where limits stand
//! | limit | bounds | set by | state is kept by |
//! |---|---|---|---|
//! | of a route | what one kind of caller asks for, wherever it goes | [`RouteSpec::limit`](crate::table::RouteSpec::limit) | the route's name |
//! | of a region | what one region of a cluster is given, by all routes | [`ClusterSpec::limit`](crate::table::ClusterSpec::limit), [`RegionSpec::limit`](crate::table::RegionSpec::limit) | cluster and region |
//! | of an endpoint | what one server is given | [`ClusterSpec::endpoint_limit`](crate::table::ClusterSpec::endpoint_limit) | the endpoint |
//!
//! A request passes its route's limit once, before anything is chosen, however many attempts follow. The region's and the
//! endpoint's are part of the pick: a refusal there is local and free, and **the next candidate gets the same request**, with
//! no copy and no byte of the body read. So a full region does not fail what another could take. Only when nobody takes it
//! does it wait, once, at the first that refused it, if there is a queue; else it is refused.
//!
//! ```
//! use contraflow::{Limit, Match, Priority, TableSpec, Traffic};
//! use contraflow::table::Queue;
//! use std::time::Duration;
//!
//! let table = TableSpec::new()
//!     .cluster("shop", |c| {
//!         c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("eu-west", |r| r.rank(1).endpoint("c", "10.1.0.1:80"))
//!             .limit(Limit::adaptive().queue(Queue::of(64).max_wait(Duration::from_millis(20))))
//!             .endpoint_limit(200)
//!     })
//!     .route("reports", |r| r.when(Match::new().path_prefix("/reports")).to("shop").limit(Limit::fixed(8)))
//!     .route("rest", |r| {
//!         r.any().to("shop").priority_when(Match::new().path_prefix("/checkout"), Priority::High)
//!     })
//!     .build()?;
//! let traffic = Traffic::new(table);
//!
//! // Under fire: half as many reports. What is in flight stays, nothing that was learned is lost.
//! traffic.edit(|spec| Ok(spec.route_mut("reports")?.limit = Some(Limit::fixed(4))))?;
//! assert_eq!(traffic.status().routes[0].limit.limit, 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What counts as in flight
//! From the moment a request is admitted to the end of its answer's body, or to what
//! [`release`](crate::table::Knobs::release) says: a slow download still holds a connection. It is given back when the answer
//! ends or fails, when the caller leaves, on a panic, and from a reader that stopped reading
//! ([`hold_at_most`](crate::table::Knobs::hold_at_most)). Nothing is reserved before there is a request: idle clones of a
//! service hold nothing.
//!
//! The cap is exact: count and limit are one word, so no race lets one too many in. A limit that is lowered takes nothing
//! back, and lets nobody in until enough has ended.
//!
//! # Refuse or wait
//! By default what does not fit is refused at once: an answer now is worth more than a place in a queue that everybody's
//! deadline passes in. A [`Queue`](crate::table::Queue) smooths bursts shorter than an answer takes. It is first come, first
//! served while it is short. When even its shortest wait was above 5 ms for 100 ms it is congested: then the newest go first,
//! and who has waited for more than 10 ms is refused (`CoDel`, Nichols and Jacobson 2012; adaptive LIFO, Maurer 2015). Each
//! class of each partition is judged by itself. Nobody waits beyond `max_wait` or the deadline, and whoever waits for a region
//! that is evacuated chooses again.
//!
//! Waiting never depends on how a runtime schedules: whether a request is admitted is decided by the word alone.
//!
//! # Who goes first
//! [`Priority`](crate::Priority) has five classes. A request has the class that a rule of its route says
//! ([`priority_when`](crate::table::RouteSpec::priority_when)), else its route's, else what your code said
//! ([`Prioritized`](crate::protocol::Prioritized), [`Facts::with_priority`](crate::Facts::with_priority)), else `Normal`. What
//! a caller claims in a header counts for nothing, unless your rule or your code reads it.
//!
//! In a queue the classes go in order, and who waits counts as one class higher for each 50 ms. A refusal, where there is a
//! queue one by the queue, keeps the last quarter of the limit from all lower classes for the next 100 ms, and then from each
//! class for 100 ms more: so that the next important request finds a place, and the backend is not idle meanwhile. Who is kept
//! out then is refused, and does not wait.
//!
//! A [`Partition`](crate::table::Partition) is guaranteed a part of the limit. Below its guarantee it is refused only while
//! everything is in use, and then a quarter of the limit is kept for it as it becomes free. What it does not use others may
//! borrow. All together never exceed the limit.
//!
//! # What a refusal says
//! [`Rejected`](crate::Rejected) has the reason, the region that refused first, and after how long another try makes sense:
//!
//! | reason | when | HTTP | gRPC |
//! |---|---|---|---|
//! | `Limit` | there was no room | 503 | 14 |
//! | `Queue` | the queue was full, or it waited as long as it may | 503 | 14 |
//! | `Priority` | higher classes are being refused | 503 | 14 |
//! | `Partition` | its kind has used its part and there is nothing to borrow | 429 | 8 |
//!
//! As responses they carry `Retry-After` or `grpc-retry-pushback-ms`. None of them was sent, so all are safe to repeat.
//!
//! # Trying it out
//! [`Limit::dark`](crate::Limit::dark) decides and counts and refuses nobody: put it in force beside real traffic, and read in
//! [`status`](crate::Traffic::status) what it would have refused (`admitted_in_the_dark`) before you let it.
//!
//! # What an answer teaches
//! | it | says |
//! |---|---|
//! | was answered, and not as a failure | success: how long an answer takes |
//! | was answered 429, 503 with `Retry-After`, `RESOURCE_EXHAUSTED` | a drop: too much |
//! | was not answered by the deadline, or its caller left later than the endpoint's 99th percentile | a drop |
//! | failed otherwise, or its caller left early | nothing |
//!
//! Of an endpoint that leaves three requests in a row without an answer, while most others of its region answer, nothing is
//! learned until it answers again: one black hole says nothing of what the region can take.
//!
//! @@ALGORITHM@@
