//! What it costs, measured.
//!
//! `cargo bench --bench bars` prints the first table: all cases take turns in one process, each figure is the median of 301
//! rounds, a ratio the median of the rounds' ratios. The figures are from two shared cores of an AMD EPYC at 2.6 GHz with
//! Rust 1.95 and `lto = "thin"`, in the quieter of several runs; beside other work on the machine times grew by up to a half.
//! Compare ratios, and measure where you run.
//!
//! | what | measured | goal |
//! |---|---|---|
//! | decide: match among 100 routes, split, region, the less loaded of two of 4 endpoints; 64 requests in turn | 57 ns | 60 ns |
//! | the same, one request again and again | 48 ns | |
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
//! with 8 headers and its host in the URI and in a header 36, a refusal for want of a route 9, an explanation in words 570.
//!
//! # Where the time of a decision goes
//! Finding the match is about half. With many routes in use the cost is in fetching what each has: 64 routes in turn cost 10
//! ns more than one. So a step of the match takes 16 bytes, a route one cache line, a target of its split 24 bytes.
//!
//! A view that was replaced since its table came into force, by an evacuation or a step of a warm-up, costs some 3 ns more
//! until the next publish: it has to be read from a cell.
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
