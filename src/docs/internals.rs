//! One request through the core, and the rules that keep it right.
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
//! 8. **Decision.** A value of 152 bytes that owns nothing, with the exact shares, the reasons, and all that is needed
//!    to decide the same again.
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
//! - An evacuation stores the region's veto, then the moment until which any region is out, then rebuilds the views. A view's rebuild holds its cluster's lock from reading the
//!   vetoes until the view is in place, so a slow rebuild never covers a newer one.
//! - Counts in flight are relaxed: they publish nothing but themselves.
//!
//! # Who may rebuild a view
//! Publish and evacuate rebuild in the caller. Warm-up and the end of an evacuation come by time alone; the first request
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
//! | Maglev | `table/maglev.rs` | Eisenbud et al., NSDI 2016; weights as Envoy's `maglev_lb.cc` |
//! | bounded load | `decide/endpoint.rs` | Mirrokni, Thorup, Zadimoghaddam 2017 |
//! | slow start | `table/policy.rs` | Envoy's load balancer |
//! | precedence | `table/matching.rs` | Kubernetes' Gateway API, made total |
//!
//! # What was deliberately not built
//! - *Static stride* (gRPC): it scales weights to 16 bits and reads zero as "unknown"; the precomputed cycle is exact, and
//!   zero is never.
//! - *Ring hash*: Maglev is more even for the same memory and finds its endpoint in one step.
//! - *Combining several hash sources into one key* (gRPC A42): the first source that is there wins, which is what a
//!   cookie with a header as its stand-in needs.
