//! Retries and hedges: what is sent again, when and where to, and what keeps that from making an outage worse.
//!
//! # What the stage does
//! A request is sent again if nothing is lost by it and something may be gained. Asked in this order, cheapest first:
//!
//! 1. May it be sent twice? By its protocol (`GET`, `PUT`, ..), by an `Idempotency-Key` that the table trusts, or because the route
//!    says so: [`Idempotency`](crate::table::Idempotency). Is there a budget at all? Only then is it copied.
//! 2. Might another attempt help? Not after an answer that is an answer, and never where the server says not to.
//! 3. Are attempts left, is the body whole, is the server's hint short enough, does a quick answer fit before the deadline?
//! 4. Does the [`RetryBudget`](crate::RetryBudget) pay for it? It is charged when it is decided, and given back if nothing was sent.
//!
//! It then waits ([`Backoff`](crate::table::Backoff)), holds no place anywhere meanwhile, and is decided afresh: away from the
//! endpoints that were tried, and out of the region when there is evidence against it
//! ([`LeaveRegion`](crate::table::LeaveRegion)). What a limit refuses is no attempt: it goes to the next candidate at once and
//! costs nothing, of the budget neither.
//!
//! A hedge ([`Hedge`](crate::Hedge)) is sent beside an attempt that is slow. The answer that comes first is taken. It spends the
//! same budget, without its floor, and besides at most `max_extra` of the route's requests.
//!
//! # An example
//! ```
//! use contraflow::table::Successes;
//! use contraflow::{Hedge, Limit, Match, Ratio, Retry, RetryBudget, TableSpec, Traffic};
//! use std::time::Duration;
//!
//! // Answers take 15 ms, one in a hundred 50 ms. Forty processes like this one call the same three regions.
//! let table = TableSpec::new()
//!     .cluster("shop", |c| {
//!         c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
//!             .region("us-west", |r| r.endpoint("c", "10.1.0.1:80").endpoint("d", "10.1.0.2:80"))
//!             .region("eu-west", |r| r.endpoint("e", "10.2.0.1:80").endpoint("f", "10.2.0.2:80"))
//!             // Closes a region that does not answer, so that retries have little to save.
//!             .limit(Limit::adaptive())
//!             // 40 processes x 3 retries at once are 120 requests, and not 400.
//!             .retry_budget(RetryBudget::Successes(Successes { burst: 3, ..Successes::default() }))
//!     })
//!     .route("search", |r| {
//!         r.when(Match::new().path_prefix("/search"))
//!             .to("shop")
//!             .deadline(Duration::from_millis(500))
//!             .retry(Retry::default().per_try(Duration::from_millis(100)))
//!             .hedge(Hedge::after(Duration::from_millis(50)).max_extra(Ratio::percent(5)))
//!     })
//!     .route("rest", |r| r.any().to("shop").deadline(Duration::from_secs(2)).retry(Retry::default()))
//!     .build()?;
//! let traffic = Traffic::new(table);
//!
//! // In an incident: no hedges any more. What the budget has spent stays spent.
//! traffic.edit(|spec| Ok(spec.route_mut("search")?.knobs.hedge = None))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Which budget
//! | | funded by | with 50 processes | when everything fails |
//! |---|---|---|---|
//! | [`Successes`](crate::table::Successes), the default | 0.1 for each success, by region | 10 saved up each: 500 at once | ends itself; one in 10 s, then ever later |
//! | [`Grpc`](crate::table::GrpcThrottle) | 0.1 for each success | 5 failures each to begin with | ends itself |
//! | [`Aws`](crate::table::AwsQuota) | 1 for each success, a retry is 5 or 10 | 50 timeouts each: 2500 at once | ends itself |
//! | [`Finagle`](crate::table::Finagle) | 0.2 for each *request*, and 10 a second | 500 a second, always | goes on |
//! | [`Envoy`](crate::table::EnvoyInFlight) | a fifth of what is in flight, and 3 | 150 at once, always | goes on |
//! | [`allow_unbounded`](crate::RetryBudget::allow_unbounded) | | | multiplies the load by the attempts |
//!
//! Take another than the default to have what callers have today, not to have more.
//!
//! # What they do in a storm
//! `cargo bench --bench retries_lab` lets the whole stack run against simulated servers; the [whole table](super::retries_lab) is
//! what it printed. A pool that is loaded to 0.8 of its capacity loses 70% of it for 5 s, and every attempt has 250 ms. Medians of
//! three seeds: attempts for each request in the 30 s from then on, and seconds until 99% of the requests succeed again.
//!
//! | | n=1 | n=50 | n=50, servers that drop what nobody waits for |
//! |---|---|---|---|
//! | no retry | 1.00, 10.8 s | 1.00, 11.9 s | 1.00, 0 s |
//! | four attempts, no budget | **3.93, never** | **3.93, never** | **3.88, never** |
//! | Finagle's | **1.21, never** | **1.83, never** | **1.28**, 0 s |
//! | Envoy's | **1.21, never** | **1.49, never** | **1.27, 12.3 s** |
//! | gRPC's | 1.00, 10.8 s | 1.01, 12.7 s | 1.01, 0 s |
//! | the AWS SDKs' | 1.00, 11.1 s | **1.10, 23.4 s** | **1.11**, 0 s |
//! | the default | 1.00, 10.9 s | 1.02, **14.3 s** | 1.02, 0 s |
//! | the default with `burst: 3` | 1.00, 10.8 s | 1.01, 12.7 s | 1.01, 0 s |
//!
//! What is lost is lost: 5 s of demand at 0.3 of the capacity leave a queue of 2500, which needs 11 s to drain, whoever sends what
//! again. A policy can only make it longer. Bold misses the goal: 1.10 attempts for each request, and recovery a tenth later than
//! without any retry.
//!
//! # The goals
//! | what | goal | the default | with the knob |
//! |---|---|---|---|
//! | storm, attempts for each request, n=1 and 50, 0.8x and 0.9x, retries, hedges and both | 1.10; 1.05 | 1.03 at most | |
//! | its recovery, n=1 | none's + 10% | 10.9 s after 10.8; at 0.9x 25.5 after 25.5 | |
//! | its recovery, n=50 | none's + 10% | **14.3 s after 11.9; at 0.9x 31.6 after 25.4** | `burst: 3`: 12.7; 27.6 |
//! | the same where all may wait for 1.5 s, n=1 | none's + 10% | **11.1 s after 5.1** | `per_try` 600 ms: 5.1 |
//! | n=50 | none's + 10% | **8.3 s after 4.8** | and `burst: 3`: **6.2** |
//! | bimodal answers, 99.9th percentile, n=1 | a fifth; a tenth | 15.5 ms of 200 | `Hedge::at(95%)`: 10.8 ms |
//! | n=50 | a fifth; a tenth | **200 ms of 200** | `max_extra` 20%: 15.5 ms |
//! | hedges in any 10 s, when all become slow | `max_extra`, 5% | 4.78%; n=50 4.56% | |
//! | one of three regions ten times as slow, success after 2 s | 99.9%; 99.99% | **74%** | `Limit::adaptive()`: 100% |
//! | one of three regions answers nobody | 99.9%; 99.99% | **74%** | `Limit::adaptive()`: 100% |
//! | a publish every 100 ms: budgets reset, requests leaked | 0 | 0 | |
//!
//! Bold misses the goal. Why, and what to do:
//!
//! - **Many processes, one backend.** What each has saved up comes at once: 50 x 10 retries are half a second of the backend's
//!   capacity, and the queue that they leave drains at what capacity is free, 2.5 s at 0.8x and 5 s at 0.9x. With `burst: 3` the
//!   goal is met in the median everywhere but in E8-long. Choose `burst` so that `burst x processes` is below a fifth of what the
//!   backend does in a second.
//! - **A bound on each attempt, and answers that are only late.** An attempt that reaches `per_try` is dropped before the budget is
//!   asked whether there may be another. In overload there is none, and a request fails after 250 ms that had a second left: E8-long
//!   holds that against callers that wait. Set `per_try` to what answers take under load, not to the idle 99th percentile: with
//!   600 ms one process recovers as if it did not retry. With 250 ms a smaller `burst` makes it worse: fifty then need 14.3 s.
//! - **Hedges that come in pairs.** What `max_extra` saves up is a second's worth, at least one. A process with 35 requests a second
//!   and 5% has one, so of two slow requests among twenty the second is not hedged: with 1% slow that is one in six, and the 99.9th
//!   percentile stays where it was. Give those 20%: it falls to 15.5 ms from 200, and the hedges are still 1.1%, for the delay decides
//!   how many there are, and the bound only how many there can be.
//! - **A region that is lost, without limits.** A third of the requests fail, and a budget of a tenth cannot pay for a third: 74%
//!   succeed. It is not meant to. The mechanism is the region's limit: timeouts close it, what it refuses goes elsewhere for
//!   nothing, and the budget pays for the few that try it out. With [`Limit::adaptive`](crate::Limit::adaptive) all requests succeed
//!   from two seconds after the onset on, whether the region is slow or silent. What is missed is in those two seconds.
//!
//! # Which knob when
//! | you see | turn | to |
//! |---|---|---|
//! | requests fail while one region does not answer | the region's limit | `Limit::adaptive()` |
//! | `GaveUp(Budget)`, and the backend is well | `ratio` | what fails, plus a third: 0.2 where 15% fail |
//! | a burst of retries at the beginning of an outage | `burst` | 3, or 1 with hundreds of processes |
//! | requests that time out in their first attempt | `per_try` | above the 99th percentile under load; a third of the deadline |
//! | a tail of single slow answers | `hedge` after the 95th percentile, `max_extra` | 20% where a process has less than 100 requests a second |
//! | hedges in overload | nothing: the budget and the region's limit stop them | |
//! | writes that fail because a connection did | `retry_unsent` | on |
//! | data that must stay in its region | `leave_region` | `Never` |
//!
//! `LeaveRegion::Always` gains little where limits stand: in both experiments it differs from the default in the first two seconds
//! only, by half a point.
//!
//! # What it cannot do
//! - **It does not end an overload.** It does not add to one; a [limit](super::limits) ends it.
//! - **It does not know other processes.** Floors and savings add up over them; nothing here counts how many there are.
//! - **It ejects nobody.** An endpoint that fails is asked again by the next request. An adaptive limit of 1 still lets one attempt
//!   at a time try out a dead region: with ten processes and `per_try` of 100 ms that is 100 a second, each of which costs its
//!   request 100 ms and the budget a token. With so many processes that each sends fewer than one request at a time there, the limit
//!   does not close at all.
//! - **It does not multiply, if it stands once.** Where callers retry too, let the table believe their attempts
//!   ([`Claims`](crate::table::Claims)): a request that is itself a retry is then sent once.
