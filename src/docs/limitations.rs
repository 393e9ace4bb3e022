//! What the crate does not do, or not yet.
//!
//! **Not ours:** TLS, HTTP parsing, compression, authentication, requests a second for each user, rewriting.
//!
//! **Not yet:** the tower layers; concurrency limits; retries and hedges; health, outlier detection and capacity. Until
//! health exists every endpoint counts as healthy, and a region's declared [`Capacity`](crate::table::Capacity) is kept in
//! the table but read by no decision; and an endpoint that only fails has no response time, so
//! [`PeakEwma`](crate::Pick::PeakEwma) finds it free. A route's deadline is compiled and shown, and enforced by nobody yet. A
//! refusal says its reason, not which routes came near or which regions are out: [`status`](crate::Traffic::status) does.
//!
//! **By design:**
//! - Routes that share host *and* path are tried one after the other: a thousand routes that differ only in a header are a
//!   thousand comparisons. Between hosts and paths the work does not grow.
//! - A sticky route whose key reaches to the endpoint looks at every endpoint of the region (about 2 ns each), unless it
//!   picks by [`Maglev`](crate::Pick::Maglev), which moves somewhat more keys than the least when an endpoint leaves.
//! - An unusual spelling costs an allocation: a host with capitals or an address in brackets, a path with escapes or with a
//!   segment that begins with a dot.
//! - A header condition on a value that two proxies read differently (folded lines, repeated lines) takes any of the lines.
//! - In a query `+` is a space, as in forms: a condition cannot tell `a+b` from `a%20b`. A plus is `%2B`.
//! - Response times are averaged in ticks of 65.5 us; of more samples in one tick only the first counts, unless it is a peak.
//! - A [`Pinned`](crate::traffic::Pinned) snapshot or an idle [`Reader`](crate::traffic::Reader) keeps its table's memory.
//! - At most 64 regions in a cluster, 2^20 endpoints in a region (4096 for round robin), names of 128 bytes.
