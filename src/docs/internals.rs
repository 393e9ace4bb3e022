//! One request through the crate, and the rules that keep it right.
//!
//! # The way of a request
//! 1. **Pin.** [`Traffic::snapshot`](crate::Traffic::snapshot) counts a reference on the replica of this thread's lane,
//!    which it rarely shares with another thread. A [`Reader`](crate::traffic::Reader) keeps its pin while the generation
//!    stands.
//! 2. **Facts.** [`Facts::http`](crate::Facts::http) brings host and path into the one spelling that is matched. Ambiguous
//!    hosts are refused here, ambiguous paths by the table.
//! 3. **Match.** Host by hash, then a tree of path segments, most specific first; a leaf whose conditions fail gives way to
//!    the next in precedence. The order of routes in the spec has no meaning.
//! 4. **Split.** By weight from one random word, or by weighted rendezvous from the sticky key.
//! 5. **View.** The shares of the cluster's regions and the usable endpoints, computed beforehand: the snapshot's first view
//!    by a plain load, a later one from a cell.
//! 6. **Region.** By share; then the operator's veto is read, first the moment until which any region is out, and only if
//!    that has not passed the region's own word. If the region is out, it is chosen again among the others.
//! 7. **Endpoint.** By the route's policy, in constant work; at most two live counters are compared, and recorded.
//! 8. **Decision.** A value of 168 bytes that owns nothing, with the exact shares, the reasons, and all that is needed
//!    to decide the same again.
//!
//! # The way of a request through the layers
//! The same steps, carried out by one service and one future (`layer/`):
//!
//! 1. `call` pins, describes, routes, passes the route's limit, chooses a candidate and counts the request in flight there,
//!    if the region's limit and the endpoint's let it in; else the next candidate is asked, with the same request. All that
//!    is known of the request is then in a *pass*: the pin, the digest of the request by place, the draws, the deadline. It
//!    is the only guard, it is moved and never cloned, and dropping it gives back whatever it counts, so that a future may
//!    be dropped, or unwind, anywhere.
//! 2. A service that all endpoints share is asked at once whether it is ready, and nearly always is: then the request is
//!    handed over in `call`. Otherwise the future asks when it is polled: up to three candidates without waiting, then it
//!    waits for the first that may take the request. A factory's services are only ever made in a poll.
//! 3. The answer is polled first and the deadline second. A timer is set when the answer is first waited for.
//! 4. At the head the answer is classified, and health and response time are recorded with one reading of the clock.
//! 5. If the answer goes on, the pass becomes a *guard* in its body, which keeps the endpoint's state but no table. It gives
//!    back the count at the end, at an error, when the body says that nothing more will come, or when it is dropped. If the
//!    reader stops, a timer gives it back: the guard's own place is what the timer wakes, so no task has to run.
//!
//! # How a request is sent again
//! Between the route's limit and the choice stands the retry stage (`layer/retry/`). It asks cheap questions first: does the route
//! retry at all, may this request be sent twice, is anything left of the budget. Only then is the request copied, and **the
//! copy decides**: without one the request goes on as if there were no such stage, in the same future. With one there is a box beside
//! it, `More`, with all that other attempts need; a future without is sixteen bytes longer for it: the box that is not there, and
//! how the attempt went.
//!
//! - A *copy* of a streaming body shares the caller's (`protocol/replay/tee.rs`). Nothing is read ahead: what the first attempt
//!   reads is kept for the next, up to the cap, then dropped, and the copies say that they are not whole.
//! - Each attempt is a pass of its own, from one *stem*: the pin, the digest, the deadline, and draws with the attempt's number. It
//!   is chosen as any first attempt, only away from where the others were sent.
//! - The place at the route's limit is the request's, not the attempt's: all attempts share a *seat*, whose last one to leave gives
//!   it back. Region and endpoint count each attempt.
//! - What an attempt takes of the cluster's budget is a *spending*. Dropped before the attempt was handed over it gives back,
//!   afterwards it does not; so whoever could not take it costs nothing, and no path can forget to pay or to refund.
//! - The answer of a failed attempt is *kept until the next one is sent*. Whoever cannot be helped, since every candidate refuses
//!   or the budget is spent, gets what the server said, with the reason beside it.
//! - A hedge is an attempt whose first is still under way. The answer that comes first is taken, and the others are dropped before it
//!   is handed on. With layers of other makes between, nobody can look into an attempt: it writes how it goes into a *ledger*.
//!
//! **What is moved, not what is decided, costs**: a request of 256 bytes is copied at each `Service::call` that is not
//! inlined. So the request stays where it is until it is handed over, stages are inlined into the one `call` and the one
//! `poll`, and decisions are written out in full only where somebody observes or wants them beside the answer.
//!
//! # Three kinds of failure
//! *Rejected*: refused by us before anything was sent; free, and safe to repeat. *Timed out*: sent, and nobody knows. *Inner*:
//! the service's own error. Only what was sent counts for or against an endpoint; a service of its own that fails its
//! readiness check counts against it too. A fourth form is none of its own: *gave up* is one of the latter two, with the reason
//! why no other attempt was made.
//!
//! # What survives a swap
//! State is kept by name: cluster, region and endpoint. A publish adopts what it knows, creates what is new, and lets go
//! of what the table no longer names. An endpoint that is removed drains: permits hold its state, not the table. One that is
//! added again is a new incarnation with nothing learned.
//!
//! A region's veto lives under the region's name, over all clusters and snapshots, so evacuating it binds every cluster at
//! once, for requests that pinned an older table too; the views are rebuilt afterwards, in the caller. It holds the moment
//! it expires, so nothing has to run for it to end.
//!
//! # Orders
//! - A publish raises the generation's number, then swaps the pointer. A reader that kept an old pin compares numbers, so
//!   no thread that has seen the new table decides by the old one again (the module text of `traffic/pin.rs` argues it).
//! - An evacuation stores the region's veto, then the moment until which any region is out, then rebuilds the views. A
//!   view's rebuild holds its cluster's lock from reading the vetoes until the view is in place, so a slow rebuild never
//!   covers a newer one.
//! - Counts in flight are relaxed: they publish nothing but themselves.
//! - A limit and what it bounds are one word: its changes have one order, and with it everything that follows from them. Who
//!   wants to wait sets a bit in it under the queue's lock and tries again; who ends sees the bit and takes the lock.
//!
//! # Who may rebuild a view
//! Publish and evacuate rebuild in the caller, and so does a prober whose verdict leaves an endpoint out or lets it back. Warm-up and the end of an evacuation come by time alone; the first request
//! after that moment rebuilds the one view, at most ten times a second for each cluster and snapshot. Nobody waits for it:
//! who comes meanwhile decides by the view that there is.
//!
//! # Algorithms and where they come from
//! | what | where | source |
//! |---|---|---|
//! | draws | `entropy.rs` | `SplitMix64`: Steele, Lea, Flood, OOPSLA 2014 |
//! | key hash | `table/hash.rs` | XXH3, 64 bits, with a seed |
//! | sticky split | `decide/rendezvous.rs` | weighted rendezvous: Thaler and Ravishankar 1998; Schindelhauer and Schomaker 2005 |
//! | weighted draw | `state/alias.rs` | Walker 1977; Vose 1991 |
//! | smooth round robin | `table/sequence.rs` | nginx, `ngx_http_upstream_round_robin.c` |
//! | two choices | `decide/endpoint.rs` | Mitzenmacher 2001 |
//! | peak EWMA | `state/ewma.rs` | Finagle, `p2cPeakEwma` |
//! | patience | `state/patience.rs` | descent on the loss of a quantile; Ma, Muthukrishnan, Sandler 2013 |
//! | Maglev | `table/maglev.rs` | Eisenbud et al., NSDI 2016; weights as Envoy's `maglev_lb.cc` |
//! | bounded load | `decide/endpoint.rs` | Mirrokni, Thorup, Zadimoghaddam 2017 |
//! | limits in one word | `state/permits.rs` | ours; the race it excludes is Netflix/concurrency-limits#234 |
//! | queue | `state/line.rs`, `state/codel.rs` | `CoDel` (Nichols and Jacobson 2012, RFC 8289) a lane each as `fq_codel` (RFC 8290); adaptive LIFO, Maurer 2015 |
//! | lowest class first | `state/gate.rs` | the level of `WeChat`'s DAGOR: Zhou et al. 2018 |
//! | the adaptive limit | `state/limit/adaptive.rs` | ours; the equation of FAST TCP (Jin, Wei, Low 2004), the target of Swift (Kumar et al. 2020), drains as `LEDBAT++` and BBR |
//! | AIMD, Vegas, Gradient2 | `state/limit/` | Netflix/concurrency-limits; Chiu and Jain 1989; Brakmo and Peterson 1995 |
//! | retry budget | `state/budget/` | ours, funded by successes; Finagle's `RetryBudget`, gRFC A6, the AWS SDKs' standard mode, Envoy's budget |
//! | waits between attempts | `state/backoff.rs` | Brooker, *Exponential backoff and jitter*, AWS 2015 |
//! | hedges | `layer/retry/course.rs` | Dean and Barroso, *The tail at scale*, 2013 |
//! | slow start | `table/policy.rs` | Envoy's load balancer |
//! | precedence | `table/matching.rs` | Kubernetes' Gateway API, made total |
//!
//! # What was deliberately not built
//! - *Reserving in `poll_ready`*: readiness before a request exists is readiness of the wrong endpoint, and idle clones that are
//!   ready starve busy ones. A stack is always ready, and waits in the future.
//! - *A retry queue*: what waits to be sent again waits in its own future, with its own deadline, and holds no place.
//! - *Reading the body before the first attempt*: every upload would wait for its last byte, and be in memory.
//! - *Static stride* (gRPC): it scales weights to 16 bits and reads zero as "unknown"; the precomputed cycle is exact, and
//!   zero is never.
//! - *Ring hash*: Maglev is more even for the same memory and finds its endpoint in one step.
//! - *Combining several hash sources into one key* (gRPC A42): the first source that is there wins, which is what a
//!   cookie with a header as its stand-in needs.
