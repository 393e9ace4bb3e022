//! Region failover: how a region loses traffic, who takes it, and how it comes back.
//!
//! # In one example
//! ```
//! use contraflow::table::Capacity;
//! use contraflow::{Evacuation, Failover, Match, Outlier, Ratio, Retry, TableSpec, Traffic};
//! use std::time::Duration;
//!
//! let table = TableSpec::new()
//!     .outlier(Outlier::default())
//!     .retry(Retry::default())
//!     .cluster("shop", |c| {
//!         c.region("us-east", |r| r.rank(0).endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("us-west", |r| r.rank(1).capacity(Capacity::Rps(400)).endpoint("c", "10.1.0.1:80"))
//!             .region("eu-west", |r| r.rank(2).endpoint("d", "10.2.0.1:80"))
//!             // Leaves a region where 30% fail; keeps later ranks warm with one request in a hundred.
//!             .failover(Failover::default().fail_below(Ratio::percent(80)).recover_above(Ratio::percent(90)).trickle(Ratio::percent(1)))
//!             // Whoever runs in one of the regions goes there first.
//!             .home_first()
//!     })
//!     // The law says where these may be.
//!     .resident(Match::new().path_prefix("/patients"), ["eu-west"])
//!     .route("all", |r| r.any().to("shop"))
//!     .build()?;
//! let traffic = Traffic::new(table);
//! traffic.set_home(Some("us-east"))?;
//!
//! // At 3 a.m.: out over two minutes, back by itself in half an hour.
//! let minutes = |n: u64| Duration::from_secs(60 * n);
//! traffic.evacuate("us-east", Evacuation::lasting(minutes(30)).over(minutes(2)).because("INC-7"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is known of an endpoint
//! *Its answers.* With [`Outlier`](crate::Outlier) an endpoint goes that fails five times in a row, fails most of its answers, or stands out
//! among its peers. Without it nothing is judged: whose fault a failure is only its owner knows. What we refuse ourselves is
//! nobody's failure, nor is a busy answer.
//!
//! At most half of a region may be out, and never the last one. What the rules would take out beyond that is *doubted*: it goes on
//! serving what its region gets, and the region counts as that much weaker. So where all of a region fails, the region's
//! share goes to nothing while its endpoints still share what little comes.
//!
//! It comes back on evidence: when its time is over one request at a time is its probe, and a success returns it, slowly where the
//! cluster has a [`SlowStart`](crate::SlowStart). A failed probe doubles the time. A probe is a user's request: routes that retry
//! lose nothing by it.
//!
//! *Its checks.* A [prober](crate::Traffic::probe) that you spawn asks each endpoint. What is down gets nothing, whatever its last answers
//! were; what passes its checks does not come back for that alone while its answers had it ejected. What was never checked is
//! outside the count: it is not unhealthy.
//!
//! # What a region gets
//! The demand runs down a staircase. Each rank takes what its live endpoints can at 140% of their usual load, by the weights
//! inside the rank; what does not fit runs down to the next rank; degraded endpoints come after all healthy ones; what fits
//! nowhere goes over what lives. All of it is whole numbers, and nothing in it jumps: one endpoint moves its own part and no more.
//!
//! - **Capacity.** [`Capacity::InFlight`](crate::table::Capacity::InFlight) and [`Rps`](crate::table::Capacity::Rps) are exact, of this
//!   process; [`Share`](crate::table::Capacity::Share) holds in expectation; [`Capacity::fleet`](crate::table::Capacity::fleet) divides by the
//!   number of processes. Where half of a region is out, it can take half. What fits nowhere is refused, the least important first:
//!   [`Reason::Rate`](crate::Reason::Rate), [`Limit`](crate::Reason::Limit), [`Capacity`](crate::Reason::Capacity).
//! - **Panic** is a region's own: where less than half of it may be used and it is given more than that can carry, the others get
//!   the rest, by degrees.
//! - **All look dead.** Then the detector is doubted and all count as well, the first rank first.
//! - [`SharesBy::Envoy`](crate::table::SharesBy::Envoy) gives Envoy's numbers, its cliffs included.
//!
//! # The life of a region
//! | phase | what it may have | goes on when |
//! |---|---|---|
//! | up | what its health and rank give it | its health is below `fail_below` (50%) |
//! | failing | that, less and less, over a second | its health is `recover_above` (70%) |
//! | holding | what the drain has left | it has been so for 60 s; twice as long each time it fails again, at most 10 minutes |
//! | returning | 1/64 more every 1.9 s, over 120 s | it is all back; a dip fails it again |
//!
//! Its health is the smaller of its usable part and of the success rate of its endpoints that are in. Between the two thresholds
//! nothing changes. An evacuated region returns by the same ramp.
//!
//! # The operator's word
//! [`plan`](crate::Traffic::plan) says beforehand who would get what, against what it can take, and which requests would have no legal
//! home. [`evacuate`](crate::Traffic::evacuate) empties a region in every cluster, at once or by degrees, until its time is over, through publishes
//! and rollbacks, and for requests that have an older table pinned. [`practise`](crate::Traffic::practise) has a few requests keep
//! away from a region that works, to see that all is well without it. [`status`](crate::Traffic::status) shows for each region its phase,
//! its share, its ceiling and what each endpoint's health is, and an [`Observer`](crate::Observer) hears of each verdict with its
//! numbers ([`Event::Health`](crate::Event::Health), [`Event::Region`](crate::Event::Region)).
