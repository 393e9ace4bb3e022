//! Every default, its source and why.
//!
//! | knob | default | why |
//! |---|---|---|
//! | [`deadline`](crate::table::Knobs::deadline) | 15 s | Envoy's route timeout; a request without any bound is how one dead region fills every caller. `Duration::MAX` turns it off, by name. |
//! | [`release`](crate::table::Knobs::release) | [`End`](crate::table::ReleaseOn::End) | A slow download holds a connection and memory behind us; a limit that forgets it at the head is none. tower's `ConcurrencyLimit` forgets. |
//! | [`hold_at_most`](crate::table::Knobs::hold_at_most) | 60 s | Readers that stop must not fill a limit; a minute without a byte is longer than any pause that people wait for. nginx's `send_timeout` is the same. |
//! | [`HostPolicy`](crate::layer::HostPolicy) | `Preserve` | Envoy, Traefik and Caddy: a server behind a proxy wants the name that its users typed. |
//! | patience with a caller that leaves | the endpoint's 99th percentile; 1 s until it has answered 100 times | Earlier, it says more of the caller than of the endpoint. |
//! | candidates asked for an attempt | 3 | Two choices find the less loaded; a third finds one when two are out, and more would be a storm of questions. |
//! | [`pick`](crate::table::Knobs::pick) | [`LeastInFlight`](crate::Pick::LeastInFlight) | Two draws and a comparison avoid the loaded endpoint without knowing all loads (Mitzenmacher 2001), need no tuning and no history. `PeakEwma` sees slowness earlier but needs samples; `RoundRobin` is even but blind. |
//! | limits | none | What a backend can take is its owner's to say, or an algorithm's to find; nobody should be refused by a number that nobody chose. [`Limit::adaptive`](crate::Limit::adaptive) is what we recommend. |
//! | [`queue`](crate::table::Limit::queue) | none | A refusal at once lets the caller go elsewhere while its deadline still has time. |
//! | a queue's `max_wait`, `target`, `interval` | 100 ms, 5 ms, 100 ms | `CoDel`'s constants, as folly and Facebook use them; longer waits are served too late to matter. |
//! | a queue's `ageing` | 50 ms | A background request is a critical one after 200 ms: it waits, and not for ever. |
//! | a refusal keeps a quarter of the limit from lower classes for | 100 ms | Several answers of a service worth limiting, and `CoDel`'s interval. A quarter is room for a burst of the important, and costs a few percent of the throughput while it lasts. |
//! | [`priority`](crate::Priority) | `Normal` | Two classes above for what must not be lost, two below for what may be. |
//! | an endpoint is no evidence for its region's limit after | 2 requests in a row without an answer | Its third says no more about the region than the first two did. |
//! | weight | 1 | Kubernetes' Gateway API. 0 is "never", on every path. |
//! | rank | 0 | All regions serve; a rank is a decision to keep one in reserve. |
//! | [`retry`](crate::table::Knobs::retry) | none | As Envoy. Whether a backend can take a request twice is its owner's to say. |
//! | a retry's `attempts` | 3 | The second saves nearly all that any would; the third is for a rollout that takes two endpoints at once. |
//! | a retry's `per_try` | as long as the request | Only the owner knows what is slow; a bound that is too short turns slow answers into failures. |
//! | a retry's `backoff` | 25 ms to 250 ms, full jitter | Envoy's base and its ten times; full jitter spreads best (Brooker, AWS 2015). |
//! | a retry's `max_hint` | 5 s | A third of the default deadline; for longer nobody waits, and the caller should hear how long it would be. |
//! | a retry's `idempotency` | what the protocol says | RFC 9110, 9.2.2: a client should not send again by itself what is not known to be idempotent. |
//! | a retry's `retry_unsent` | no | It costs each request that is not idempotent a copy. |
//! | a retry's `leave_region` | on evidence | One bad endpoint is no reason to leave; a region that answers nobody is. |
//! | a retry's `max_body` | 64 KiB | As linkerd: bodies of calls fit, uploads do not. |
//! | [`hedge`](crate::table::Knobs::hedge) | none | It costs load where nothing has failed. Where it is on: at the 95th percentile, two at once, 5% more (Dean and Barroso 2013). |
//! | [`retry_budget`](crate::table::ClusterSpec::retry_budget) | 0.1 for each success, 10 saved up, one in 10 s without any | An outage is made worse by a tenth at most, and by nothing once all fails; Finagle's fifth is of requests, so it goes on while the outage lasts. |
//! | [`trusts`](crate::TableSpec::trusts) | nobody | Whoever can send a header could make a payment idempotent, or switch off the retries of others. |
//! | [`slow_start`](crate::table::Knobs::slow_start) | off | As Envoy. What a cold endpoint can take is known to its owner only. Where it is on: from 10% of the weight in a line, Envoy's `min_weight_percent` and aggression 1. |
//! | [`outlier`](crate::table::Knobs::outlier) | off | Whose fault a failure is only its owner knows. Where it is on: Envoy's five in a row, 10 s window, 30 s to 300 s out, its volumes; half of a region at most, since a region is the unit that fails over here, where Envoy's 10% is of a cluster. |
//! | a failover's `overprovisioning`, `panic_below` | 140%, 50% | Envoy's. |
//! | a failover's `fail_below`, `recover_above`, `hold`, `ramp` | 50%, 70%, 60 s, 120 s | A gap and a hold that keepalived and GCP have and no proxy has (GCP undrains at 35% after it drained at 25%, for 60 s); two minutes is eight of a thousand a second for cold caches. |
//! | a failover's `drain`, `trickle` | 1 s, none | A region that is too sick fails what it still gets: with 10 s the lab's grey region needs 6.5 s to be under 1% of errors, with 1 s 1.1 s. A standby that serves costs what its owner has to say. |
//! | Maglev [`size`](crate::table::Maglev::size) | the first of 1021 .. 655 373 that is at least 100 x sum / least weight | The rule of thumb `M > 100 N` keeps shares within 1% and a slot; Envoy's fixed 65 537 is 262 kB even for three endpoints. |
//! | Maglev [`max_load_percent`](crate::table::Maglev::max_load_percent) | unbounded | As Envoy. A bound of 125 to 200 trades stickiness for evenness. |
//! | decay of response times | 10 s | Finagle and tower. |
//! | [`Scope`](crate::table::Scope) of a sticky key | endpoint | The same request meets the same endpoint, so that a decision is a function of the key alone. A canary that should leave balancing alone takes `Scope::Cluster`. |
//! | [`hash_seed`](crate::TableSpec::hash_seed) | 0 | Two tables agree on every key unless somebody wants them not to. |
//! | [`PathRules`](crate::table::PathRules) | nothing allowed | A path that two servers read in two ways has walked around many access rules; see [`table`](crate::table). |
//! | a prober's [`every`](crate::layer::Probe::every) | 5 s | `HAProxy`'s is 2 s, and there checks are the only witness; here requests are the first. Envoy has no default. |
//! | a prober's [`faster_at_edge`](crate::layer::Probe::faster_at_edge) | a fifth of `every` | `HAProxy`'s `fastinter`, which it leaves off. A verdict after 7 s instead of 15, for two more checks. |
//! | a prober's [`slower_when_down`](crate::layer::Probe::slower_when_down) | as `every` | As `HAProxy`'s `downinter`: what is back should not wait. |
//! | a prober's [`fall`](crate::layer::Probe::fall) and [`rise`](crate::layer::Probe::rise) | 3 and 2 | `HAProxy`'s. The first pass of all is enough, as in Envoy: nothing speaks against the endpoint. |
//! | a prober's [`timeout`](crate::layer::Probe::timeout), [`jitter`](crate::layer::Probe::jitter), [`at_most`](crate::layer::Probe::at_most) | 1 s, 0.1, 16 | A lost packet is sent again within a second; a tenth is enough to drift apart within ten checks; sixteen are no burst. |
//! | history | 32 tables | An afternoon of careful steps. |
//!
//! # How knobs inherit
//! A route's knob wins over its cluster's, the cluster's over the table's defaults. Unset is not the same as set to the
//! default: a cluster that says `LeastInFlight` keeps it when the table's default becomes `RoundRobin`.
