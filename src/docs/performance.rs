//! What it costs, measured.
//!
//! `cargo bench --bench bars` prints the table below: all cases take turns in one process, each figure is the median of 301
//! rounds, a ratio the median of the rounds' ratios. The figures are from two shared cores of an AMD EPYC at 2.6 GHz with
//! Rust 1.95 and `lto = "thin"`; from run to run they moved by 3%, and beside other work on the machine by half. Compare
//! ratios, and measure where you run. `cargo bench --bench decide`, `pin` and `swap` have criterion's statistics of the
//! single parts.
//!
//! | what | measured | goal |
//! |---|---|---|
//! | decide: match among 100 routes, split, region, the less loaded of 4 endpoints of 8; 64 requests in turn | 60 ns | 60 ns |
//! | the same, one request again and again | 50 ns | |
//! | decide with 1000 endpoints instead of 8 | 1.10 times | 1.2 |
//! | decide with 1000 routes instead of 10 | 1.2 times | |
//! | allocations in any decision, whatever the pick | 0 | 0 |
//! | pin a snapshot | 8.6 ns | |
//! | pin on two threads instead of one | 1.0 times | 1.5 |
//! | pin by a [`Reader`](crate::traffic::Reader) that keeps it | 3.6 ns | |
//! | pin while a table is published 1000 times a second | 1.0 times | 1.25 |
//! | publish of 1000 routes and 4000 endpoints: building, swapping, freeing the oldest | 3.9 ms | 5 ms |
//! | of that, [`build`](crate::TableSpec::build) | 2.1 ms | |
//! | state of an endpoint, 20 in a region | 193 B | 512 B |
//! | state of an endpoint, 4 in a region | 401 B | 512 B |
//!
//! The time of a decision leaves out reading the clock and making [`Facts`](crate::Facts), which is 55 ns for a request of
//! 8 headers.
//!
//! # Where the time of a decision goes
//! About 23 ns find the match, 5 draw the cluster, 30 choose region and endpoint and write the record of 152 bytes. With
//! many routes in use the cost is in fetching what each has: 64 routes in turn cost 10 ns more than one. So a step of the
//! match takes 16 bytes, a route one cache line, a target of its split 24 bytes.
//!
//! A view that was replaced since its table came into force, by an evacuation or a step of a warm-up, costs 5 ns more until
//! the next publish: it has to be read from a cell.
//!
//! # What grows with what
//! | with | grows |
//! |---|---|
//! | routes | nothing but cache misses, unless they share host and path |
//! | segments of the path | 4 to 10 ns each |
//! | targets of a split, regions of a cluster | 1 ns each; sticky: 5 ns each |
//! | endpoints of a region | nothing but cache misses; sticky by rendezvous: 2 ns each |
//! | threads | nothing: a thread counts on its own cache line |
//! | endpoints out of use, whatever the reason | nothing: they are not among what is drawn from |
