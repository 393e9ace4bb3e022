//! What it costs, measured.
//!
//! # The whole stack
//! `cargo bench --bench track --features tsc` puts the stack beside what somebody would write with tower today, `Retry` over
//! `Steer` over eight `ConcurrencyLimit`s ("the tower stack"), which has no match, no weights, no regions, no health record
//! and no clock. Ours is route, failover and a leaf, over 100 routes, a split, 8 endpoints in 2 regions. The service inside
//! answers at once, so the cost is the stacks' own. Ratios are medians of 201 rounds in which all cases take turns; where two
//! figures stand they are the ends of several runs on two shared cores.
//!
//! | what | ratio to the tower stack | goal |
//! |---|---|---|
//! | HTTP request of 8 headers, one service value used again and again | 0.54 to 0.59 (245 to 253 ns) | 0.50, **missed** |
//! | the same by the machine's clock instead of [`Clock::tsc`](crate::time::Clock) | 0.68 to 0.74 | 0.60, **missed** |
//! | the same, the service cloned for each request | 0.41 to 0.43 | 0.40, **missed** |
//! | the single layers, arranged by hand | 0.59 to 0.64 | 0.80 |
//! | a `u64` that every route takes | 0.93 to 1.04 | 0.75, **missed** |
//! | two threads, `u64` | 0.44 to 0.63 | 0.45 without a limit, **missed in two runs of three**; 0.60 with one |
//! | two threads, HTTP | 0.49 to 0.56 | 0.55, **missed in one run** |
//! | the body's guard, its draining and the rest | 75 to 83 ns | 45 ns, **missed** |
//! | [`Origin`](crate::layer::Origin)'s rewriting of the URI | 71 to 73 ns | 60 ns, **missed** |
//! | 1000 endpoints instead of 8 | 1.13 to 1.23 times | 1.25 |
//! | 1000 routes instead of 10 | 0.84 to 1.03 times | 1.3 |
//! | while a table is published 1000 times a second | 1.02 to 1.03 times | 1.25 |
//! | allocations of a successful request | 0 | 0 |
//!
//! When limits came, the crate before them was in the same minutes of a louder machine at 0.47 to 0.48 (HTTP,
//! held), 0.68 to 0.71 (`u64`) and 0.65 (two threads). So a request that passes no limit pays some 15 ns for there being
//! limits: a request carries its two admissions and its class, and 1080 instructions instead of 867 (`u64`, by callgrind). What
//! was tried: an admission in one word (92 instructions less), one way for the first choice in place of a general one, the key
//! of a sticky route beside its flag, the choice in a function of its own (54 more), writing before counting (no difference).
//!
//! # Failover
//! | what | costs | goal |
//! |---|---|---|
//! | a region that is watched ([`Outlier`](crate::Outlier)): record and look | 7 to 9 ns, 93 instructions | 15 ns |
//! | that there is such a thing, where nobody asks for it | 189 instructions of 2767 (by callgrind, an `http::Request`) | one load, **missed** |
//!
//! Who asks for nothing reads four words all the same: whether the view is of an older turn, whether anybody practises, whether the
//! region declares a rate, whether the endpoint is watched; and carries whether it is a probe, and where it may go. Shares are
//! computed beside the requests, with each view.
//!
//! # Retries
//! The same command, the same three runs (the tower stack took 434 to 456 ns in them):
//!
//! | what | costs | goal |
//! |---|---|---|
//! | a route that retries, for a request that may not be sent twice | 25 instructions; -5 to 4 ns, which is the noise | 15 ns |
//! | one copy of the request of 8 headers | 243 to 271 ns | |
//! | a request that may be sent again, held | 1.50 to 1.62 of the tower stack, which copies too; 168 to 170 ns beside the copy | 1.0, **missed** |
//! | the same, the service cloned for each request | 1.06 to 1.12 | 0.80, **missed** |
//! | allocations of one that may be sent again | those of its copy and one | the same |
//!
//! What a request that may be sent again pays beside its copy is one allocation of what the other attempts need, a pin and a leaf
//! of its own for them, and moves: the copy goes into the box, and the answer through one more future. Whoever never retries pays
//! some 70 instructions for there being retries (by callgrind, of 2450 with an `http::Request`), 330 before the other attempts
//! were put into a box in the same future and the choice away from what was tried was put apart from the first choice.
//!
//! # Limits
//! `cargo bench --bench limits --features tsc`: what a stack with a limit takes more than the same without one, in the same
//! rounds; the ends of three runs.
//!
//! | what | costs | goal |
//! |---|---|---|
//! | tower's `ConcurrencyLimit` | 17 to 27 ns | |
//! | a fixed limit of a region: to admit and to let go | 0 to 1 ns, since a region counts anyway | 20 ns |
//! | a fixed limit of a route | 9 to 18 ns, 0.52 to 0.65 of `ConcurrencyLimit` | 20 ns; 1.1 |
//! | the same with a queue that nobody needs | 10 to 17 ns | |
//! | with partitions: finding the request's, and counting it | 40 to 86 ns | |
//! | an adaptive limit of a region / of a route | 34 to 53 / 43 to 77 ns | the fixed one's and two readings of the clock, 25 ns: **missed** by 9 to 35 ns |
//! | allocations, admitted or refused | 0 | 0 |
//!
//! The adaptive limit takes each sample under a lock that nobody waits for and does some forty operations in floating point with
//! it; the clock is read no more often than without it.
//!
//! Before limits, of the 151 ns of an HTTP request about 30 are the service's own and the moves to it and back, 23 its facts,
//! 65 the decision, 19 two readings of the clock, 11 the pin, 20 the counts in flight. What is left is moves: a request of 256
//! bytes is copied six times on its way there and back, three times without any stack.
//!
//! On two threads the counts of a region meet on one cache line. Where both threads run on one core's two halves that costs
//! nothing, and neither does the tower stack's one semaphore: there the ratio is that of one thread.
//!
//! # On real traffic
//! `cargo bench --bench proxy` puts the example `edge_proxy` beside a bare proxy: the same hyper server and client, and a
//! service that only writes the endpoint into the URI. What counts is the CPU time of the proxy's thread, the kernel's work
//! included; both take turns with the same load over kept connections, a ratio is the median of 601 rounds.
//!
//! | a request of 8 headers | bare | edge proxy | ratio | goal |
//! |---|---|---|---|---|
//! | an answer of 300 B | 17.3 to 22.5 us | 19.4 to 24.7 us | 1.10 to 1.11 | 1.05, **missed** |
//! | an answer of 64 kB | 35 to 48 us | 36 to 43 us | 1.00 to 1.03, 1.09 in a loud run | 1.05 |
//!
//! Of the 2 us between them the headers that a proxy owes (hop-by-hop fields, `Forwarded`, `X-Forwarded-*`, `Via`) take 0.5,
//! which the bench shows as a bare proxy that does only that (1.04); the stack 0.9; the counters, checks and bodies of the
//! program the rest. The stack costs more here than in a loop of its own, since the server and the kernel empty the
//! caches between its turns, and a request that waits needs a timer for its deadline: 0.2 to 0.4 of the 0.9.
//!
//! # The core
//! `cargo bench --bench bars` prints this table: all cases take turns in one process, each figure is the median of 301
//! rounds, a ratio the median of the rounds' ratios. The figures are from two shared cores of an AMD EPYC at 2.6 GHz with
//! Rust 1.95 and `lto = "thin"`, in the quieter of several runs; beside other work on the machine times grew by up to a half.
//! Compare ratios, and measure where you run.
//!
//! | what | measured | goal |
//! |---|---|---|
//! | decide: match among 100 routes, split, region, the less loaded of two of 4 endpoints; 64 requests in turn | 57 to 64 ns | 60 ns |
//! | the same, one request again and again | 48 to 55 ns | |
//! | decide with 1000 endpoints in a cluster instead of 8 | 1.15 to 1.2 times | 1.2 |
//! | decide with 1000 routes instead of 10 | 1.25 times | |
//! | allocations in any decision, whatever the pick | 0 | 0 |
//! | pin a snapshot | 8.6 ns | |
//! | pin on two threads instead of one | 1.0 times | 1.5 |
//! | pin by a [`Reader`](crate::traffic::Reader) that keeps it | 3.6 ns | |
//! | pin while a table is published 1000 times a second | 1.0 times | 1.25 |
//! | publish of 1000 routes and 4000 endpoints: building, swapping, freeing the oldest | 3.9 ms | 5 ms |
//! | of that, [`build`](crate::TableSpec::build) | 2.1 ms | |
//! | state of an endpoint, 20 in a region | 193 B | 512 B |
//! | state of an endpoint, 4 in a region | 403 B | 512 B |
//!
//! A decision's time leaves out reading the clock and making [`Facts`](crate::Facts).
//!
//! `cargo bench --bench decide` has the decision by pick and by key, and the parts around it, with criterion's statistics
//! (here the middle of its estimate, under some other load):
//!
//! | decide by | 8 endpoints | 1000 endpoints |
//! |---|---|---|
//! | random | 58 ns | 55 ns |
//! | smooth round robin | 59 ns | 59 ns |
//! | least in flight of two | 63 ns | 65 ns |
//! | peak EWMA of two | 74 ns | 87 ns |
//! | Maglev | 61 ns | 102 ns |
//!
//! A sticky key from a header costs 60 ns more for the cluster alone, 85 with region and endpoint: finding the header, hashing
//! the key, a logarithm for each candidate. Counting a request in flight and back costs 14 ns, the facts of an HTTP request
//! with 8 headers and its host in the URI and in a header 23, a refusal for want of a route 9, an explanation in words 570.
//!
//! # Where the time of a decision goes
//! Finding the match is about half. With many routes in use the cost is in fetching what each has: 64 routes in turn cost 10
//! ns more than one. So a step of the match takes 16 bytes, a route one cache line, a target of its split 24 bytes.
//!
//! A view that was replaced since its table came into force, by an evacuation or a step of a warm-up, costs some 3 ns more
//! until the next publish: it has to be read from a cell.
//!
//! # Allocations
//! None for a successful request through any of the leaves, held or cloned, with its body drained, nor for a typed refusal
//! (`tests/allocations.rs`). What allocates: waiting for an answer, for its timer; a body of several frames, for its watch; a
//! refusal as an HTTP response, for its extensions; an observer or `with_decision`, for the record; `Origin`, for a `Host`
//! that the request had only in its URI, and for a path prefix.
//!
//! # What grows with what
//! | with | grows |
//! |---|---|
//! | routes | nothing but cache misses, unless they share host and path |
//! | segments of the path | a step of the match each |
//! | targets of a split, regions of a cluster | a comparison each; sticky: a hash and a logarithm each |
//! | endpoints of a region | nothing but cache misses; sticky by rendezvous: a hash each, and where weights differ a logarithm |
//! | threads | nothing: a thread counts on its own cache line |
//! | endpoints out of use, whatever the reason | nothing: they are not among what is drawn from |
