//! What the crate does not do, or not yet.
//!
//! **Not ours:** TLS, HTTP parsing, compression, authentication, requests a second for each user, rewriting.
//!
//! **Health is asked for:** without an [`Outlier`](crate::Outlier) or a prober every endpoint counts as healthy, whatever its
//! outcomes, and one that only fails has no response time, so [`PeakEwma`](crate::Pick::PeakEwma) finds it free. A refusal says its
//! reason, not which routes came near or which regions are out: [`status`](crate::Traffic::status) does.
//!
//! **What region failover cannot do:**
//! - Each process judges by its own traffic. One that sends a region little takes long to find it sick.
//! - A probe is a user's request. In a region whose share is nothing it is one that would have gone elsewhere.
//! - Who decides by hand ([`Snapshot::decide`](crate::Snapshot::decide)) takes no probes: there, what is ejected comes back by
//!   what the layers send, or with [`Rules::Envoy`](crate::table::Rules::Envoy) by time.
//! - A region that fails 30% of its requests is left only if [`fail_below`](crate::Failover::fail_below) says so.
//! - [`Capacity::Share`](crate::table::Capacity::Share) holds in expectation; `Rps` and `InFlight` are of one process.
//!
//! **What retries cannot do:**
//! - An answer whose head was handed on is not taken back, however its body ends.
//! - A streaming body is repeated up to [`max_body`](crate::Retry::max_body). One that says beforehand that it is longer is sent
//!   once; one that turns out to be goes on as it came, and its failure is [given up](crate::GiveUp::Body).
//! - What a client's error says of the request only its maker knows: [`Http`](crate::Http) takes it for maybe processed, and so a POST
//!   whose connection was refused is not sent again, whatever [`retry_unsent`](crate::Retry::retry_unsent) says, until a
//!   [`Classified`](crate::protocol::Classified) knows better. [`never_sent`](crate::protocol::never_sent) finds the plainest cases.
//!   HTTP/2's refused streams are in no error that `http` clients have in common.
//! - `Retry-After` with a date counts from the answer's `Date`, and says nothing without one.
//! - A gRPC server may send a failed call's status after a head that looks well. That is too late, unless
//!   [`PeekTrailers`](crate::layer::PeekTrailers) stands around its channel.
//! - `contraflow-previous-attempts` of callers who are not believed is removed from requests that may be sent again. From others it
//!   is not: to look for it would cost each of them a lookup. Whoever sends it falsely keeps the layers behind, where they believe
//!   us, from retrying that one request of their own.
//! - A budget is one process's and one cluster's: fifty processes save up fifty bursts.
//! - Copies have the request's extensions, cloned: what is in there to be taken once, is taken by one of them.
//! - A retry is decided by the table that its request came by. After a publish it may still go to an endpoint that left, though not
//!   into a region that was evacuated.
//! - A hedge goes to an endpoint of the region that was not tried. A region of one is never hedged, unless by
//!   [`other_region`](crate::Hedge::other_region).
//!
//! **What active checks cannot do:**
//! - Where all endpoints of a cluster are down, all are used: then the checks are doubted.
//! - An endpoint that comes by a publish gets requests for the moment until the prober's task runs.
//! - Verdicts are this process's, and end with its prober.
//! - While as many checks as may be under way wait for endpoints that answer nobody, the others are late.
//! - A check of an endpoint whose address changed goes on, at the old address, and counts.
//!
//! **What discovery cannot do:**
//! - It counts names. A list of the same names with other addresses, all of them wrong, is taken as it is; so is what is added.
//! - An answer that holds a few of many in turn, as some DNS servers give, looks like one that loses the rest: they stay while each is
//!   named again within a minute, and those that are really gone with them.
//! - `lookup_host` does not say how long an answer is good for: ask as often as it may change.
//!
//! **By design:**
//! - Deadlines and `hold_at_most` are kept by tokio's timers, to the millisecond. Outside a tokio runtime a future that has to
//!   wait panics, unless there is no deadline or the clock is moved by hand; `hold_at_most` is not kept there.
//! - A deadline runs from the call to the head of the answer, so an upload counts against it: routes that take long ones need
//!   longer deadlines.
//! - A body of the request that breaks off is an error of the HTTP client, and so a failure of the endpoint. A server that
//!   knows better drops the future, as the edge proxy does (`examples/edge_proxy/edge/proxy.rs`); but who leaves later than
//!   the endpoint's 99th percentile is taken for a timeout of the endpoint, however long it was the upload that took.
//! - A limit is one process's: fifty processes with `Limit::fixed(100)` are five thousand. The adaptive one finds its part
//!   among others by itself; with very many callers, each is left at its least, which is 1.
//! - A route counts only while it has a limit: what began before its first limit is not in the count. Regions and endpoints
//!   always count.
//! - Limits are of one cluster's region: a server that stands in three clusters may get three times as many.
//! - A limit's queue is entered when the future is first polled, and costs allocations; so does its timer.
//! - An endpoint's limit has no queue and no algorithm: its candidates go elsewhere.
//! - Over its life a limiter knows 32 names of partitions, 16 at once; later names have no guarantee.
//! - Refusing the lowest class first begins with a refusal: the request that finds everything in use for the first time is
//!   refused whatever its class. At a limit of one the quarter that is kept is all of it.
//! - About two million requests can be counted in flight at one place; the next is refused.
//! - A future that was called and never polled counts as in flight until it is dropped, and so does a body that is never polled.
//! - A request that waits for an endpoint's service to become ready notices an evacuation when it is next polled: when
//!   that service is ready, or at its deadline. It is never sent there.
//! - A path prefix together with `map_attempt` panics on a path that is within the prefix's length of the longest that a URI
//!   can have, 65 534 bytes: what was mapped cannot be asked about before it is. Servers that bound heads never see one.
//! - `/admin;x=1/users` is not below `/admin`: parameters of a segment are part of it, as RFC 3986 has them. Where the server
//!   behind drops them, match both.
//! - A [`PerEndpoint`](crate::layer::PerEndpoint) belongs to one traffic: two that share one would make its services anew in turns.
//! - A connection that was upgraded (101, CONNECT) does not count as in flight: its response has ended with its head.
//! - [`Origin`](crate::layer::Origin) over one client tells endpoints apart by authority: endpoints that share one share the
//!   client's connections, and one that moves under its authority keeps those that the client has. Over HTTP/2 the server
//!   sees the URI's authority, which is the endpoint's, and the `Host` header beside it.
//! - With the request's own `Host` to preserve and only the URI to take it from, a header is made: one allocation. A path
//!   prefix costs one too.
//! - Observers are told in the request's own task. Two that publish at once may be told of in either order.
//! - `evacuate` binds at once, then rebuilds the views of every table that somebody still has pinned, so it returns the
//!   later the more there are.
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
