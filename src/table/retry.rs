//! How often, when and where a request is sent again, as plain data.

use crate::unit::Ratio;
use std::time::Duration;

/// How requests that failed are sent again.
///
/// Only what may be sent twice is: requests that are idempotent ([`idempotency`](Self::idempotency)) and whose body can be
/// repeated in full. What is sent again is decided afresh, by the same table, and avoids what was tried. Retries and hedges
/// together are bounded by the cluster's [`RetryBudget`].
///
/// ```
/// use contraflow::{Retry, TableSpec};
/// use std::time::Duration;
///
/// let table = TableSpec::new()
///     .cluster("shop", |c| {
///         c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
///             .region("eu-west", |r| r.rank(1).endpoint("c", "10.1.0.1:80"))
///     })
///     .route("all", |r| {
///         r.any().to("shop").deadline(Duration::from_secs(2)).retry(Retry::default().per_try(Duration::from_millis(500)))
///     })
///     .build()?;
/// # let _ = table;
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all: the first, retries and hedges together. Default: 3. From 1, which is the first alone, to
    /// [`Retry::MAX_ATTEMPTS`].
    ///
    /// A second attempt saves nearly all that any would: where one in a hundred fails by chance, two fail once in ten thousand.
    pub attempts: u32,
    /// How long one attempt may take until the head of its answer, from when it is sent. Default: as long as the request. More
    /// than 0, and no longer than the route's deadline.
    ///
    /// The last attempt has all that is left. Without it a server that never answers takes the whole deadline, and nothing is
    /// left for another. Worked number: with a p99 of 400 ms and a deadline of 2 s, 600 ms.
    pub per_try: Option<Duration>,
    /// How long to wait before a retry.
    pub backoff: Backoff,
    /// The longest wait that a server may ask for, by `Retry-After` or `grpc-retry-pushback-ms`. Default: 5 s. More than 0.
    ///
    /// One that asks for more is not asked again, and the failure says for how long it asked.
    pub max_hint: Duration,
    /// Which requests may be sent twice. Default: those that the protocol knows to be idempotent.
    pub idempotency: Idempotency,
    /// Whether requests that are not idempotent are sent again if they were provably not processed: the connection failed, the
    /// stream was refused. Default: no, since it costs each of them a copy.
    pub retry_unsent: bool,
    /// When a retry goes to another region. Default: on evidence that the region is in trouble.
    pub leave_region: LeaveRegion,
    /// How many bytes of a streaming body are kept to be sent again. Default: 64 KiB, as linkerd.
    ///
    /// A body that is longer goes on as it came, and its request is not sent again. Empty ones are always repeated.
    pub max_body: u32,
}

/// How long to wait before a retry: from `base` on, doubled with each, at most `max`, and spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first envelope. Default: 25 ms, as Envoy. Zero waits for nothing.
    pub base: Duration,
    /// The largest envelope. Default: 250 ms, ten times the base, as Envoy. At least `base`.
    pub max: Duration,
    /// How the waits of many callers are spread. Default: [`Jitter::Full`].
    pub jitter: Jitter,
}

/// How waits are spread, so that those who failed together do not come back together (Brooker, *Exponential backoff and
/// jitter*, AWS 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Jitter {
    /// From nothing to the envelope, `u x min(max, base x 2^n)`: spreads best.
    #[default]
    Full,
    /// From half of the envelope to all of it: always waits.
    Equal,
    /// From `base` to three times the wait before, at most `max`: `min(max, base + u x (3 x last - base))`.
    Decorrelated,
}

/// Which requests may be sent twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Idempotency {
    /// Those of which the protocol says so, as HTTP of GET and PUT, and those with an `Idempotency-Key` where the table trusts it
    /// ([`Claims::idempotency_key`](super::Claims::idempotency_key)).
    #[default]
    ByProtocol,
    /// All: for routes whose operations are known to be idempotent, as those of many gRPC services.
    All,
    /// None, whatever the protocol says.
    None,
}

/// When a retry goes to another region than the attempt that failed.
///
/// In any case endpoints that were not tried come before those that were, and regions likewise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaveRegion {
    /// When the region, and not only the endpoint, seems to be in trouble: all of its usable endpoints were tried, two attempts
    /// failed in it, its limit refuses, or more than half of its endpoints leave requests unanswered.
    #[default]
    OnEvidence,
    /// Always, while there is another.
    Always,
    /// Never: for data that must not be asked for elsewhere.
    Never,
}

/// A second copy of a request, sent while the first is still unanswered: the answer that comes first is taken, the other
/// dropped (Dean and Barroso, *The tail at scale*, 2013).
///
/// Only what may be retried is hedged, only to an endpoint that was not tried, and only while the region's limit has room and the
/// region is well. It spends the same [`RetryBudget`] as a retry, without its floor. A hedge never queues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// When. Default: when an attempt takes longer than 95 in 100 do.
    pub delay: HedgeDelay,
    /// Attempts that may be under way at once: from 1, which is no hedge, to [`Retry::MAX_ATTEMPTS`]. Default: 2.
    ///
    /// No more than the [attempts in all](Retry::attempts), where there are retries.
    pub attempts: u32,
    /// Hedges in proportion to the route's requests. Default: 5%. More than 0.
    ///
    /// It bounds what a wrong delay or a slow day can cost: with 1000 requests a second, 50 more.
    pub max_extra: Ratio,
    /// Whether it goes to another region, if there is one. Default: no, so the answer comes from where it would have.
    pub other_region: bool,
}

/// When a hedge is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum HedgeDelay {
    /// After so long. At least 1 ms.
    Fixed(Duration),
    /// After as long as this part of the route's answers needed lately: 0.5 to 0.999. Nothing is hedged before a hundred are
    /// known.
    Quantile(Ratio),
}

/// What bounds the retries and hedges of a cluster, all routes together, so that they cannot make an outage worse.
///
/// ```
/// use contraflow::table::{RetryBudget, Successes};
///
/// // One retry for twenty successes, at most five saved up.
/// let budget = RetryBudget::Successes(Successes { ratio: 0.05, burst: 5, ..Successes::default() });
/// assert_ne!(budget, RetryBudget::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RetryBudget {
    /// Funded by successes, and split by region. Default.
    Successes(Successes),
    /// Finagle's: funded by requests.
    Finagle(Finagle),
    /// gRPC's throttle.
    Grpc(GrpcThrottle),
    /// The AWS SDKs' quota.
    Aws(AwsQuota),
    /// Envoy's: by what is in flight.
    Envoy(EnvoyInFlight),
    /// Nothing: see [`RetryBudget::allow_unbounded`].
    Unbounded,
}

/// A budget that successes fund: each adds `ratio`, each retry and each hedge takes one.
///
/// When everything fails, nothing funds it, so a retry storm ends itself; what requests fund goes on while it lasts. The regions
/// have shares of it: into a region go no more retries and hedges than its own successes fund by the same rule, so those of a
/// dead region cannot flood its neighbour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Successes {
    /// Retries and hedges in proportion to successes: 0 to 10. Default: 0.1, so an outage is made worse by a tenth at most.
    pub ratio: f64,
    /// What can be saved up, and what there is at the beginning: 1 to [`Successes::MAX_BURST`]. Default: 10.
    pub burst: u32,
    /// When nothing is saved up, one retry is let through so often all the same. Default: 10 s. More than 0; none for never.
    ///
    /// It keeps retries alive where requests are rare. Floors add up over all processes, so this one shrinks: after each such
    /// retry the next comes twice as late, up to 64 times, until something succeeds. Hedges have no floor.
    pub floor: Option<Duration>,
}

/// Finagle's `RetryBudget`: each request adds `ratio` for `window`, and `min_per_second` is always there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Finagle {
    /// Retries in proportion to requests: 0 to 10. Default: 0.2.
    pub ratio: f64,
    /// Retries that are always there, per second. Default: 10. With 50 processes, 500.
    pub min_per_second: u32,
    /// How long a request counts. Default: 10 s. 1 s to 60 s.
    pub window: Duration,
}

/// gRPC's retry throttle (gRFC A6): each retryable failure takes a token, each success adds `ratio`; retries are made while more
/// than half of the tokens are there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GrpcThrottle {
    /// Tokens: 1 to 1000. Default: 10.
    pub max_tokens: u32,
    /// What a success adds: above 0, up to 10. Default: 0.1.
    pub ratio: f64,
}

/// The retry quota of the AWS SDKs' standard mode: a retry takes `retry_cost`, after a timeout `timeout_cost`; its success gives
/// that back, and the success of a first attempt adds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwsQuota {
    /// What there is at the beginning, and at most: 1 to [`Successes::MAX_BURST`]. Default: 500.
    pub capacity: u32,
    /// What a retry costs. Default: 5. From 1 to the capacity.
    pub retry_cost: u32,
    /// What a retry costs after a timeout. Default: 10. From 1 to the capacity.
    pub timeout_cost: u32,
}

/// Envoy's retry budget: retries under way, those that wait included, in proportion to the requests in flight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnvoyInFlight {
    /// Retries under way in proportion to requests in flight. Default: 0.2.
    pub ratio: Ratio,
    /// Retries under way that are always allowed. Default: 3. With 50 processes, 150.
    pub min: u32,
}

impl Retry {
    /// The most attempts of a request. What was tried is kept with each attempt, and nobody gains by more.
    pub const MAX_ATTEMPTS: u32 = 8;

    /// No retries, where the cluster or the table would have them.
    pub const fn none() -> Self {
        Retry::new().attempts(1)
    }

    const fn new() -> Self {
        Retry {
            attempts: 3,
            per_try: None,
            backoff: Backoff::new(),
            max_hint: Duration::from_secs(5),
            idempotency: Idempotency::ByProtocol,
            retry_unsent: false,
            leave_region: LeaveRegion::OnEvidence,
            max_body: 64 * 1024,
        }
    }

    /// The same with so many attempts in all.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same with a bound on each attempt but the last.
    pub const fn per_try(mut self, per_try: Duration) -> Self {
        self.per_try = Some(per_try);
        self
    }

    /// The same with another wait.
    pub const fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// The same for requests that are idempotent by another rule.
    pub const fn idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// The same, and requests of any kind are sent again that were provably not processed.
    pub const fn retry_unsent(mut self) -> Self {
        self.retry_unsent = true;
        self
    }

    /// The same with another rule for leaving the region.
    pub const fn leave_region(mut self, leave_region: LeaveRegion) -> Self {
        self.leave_region = leave_region;
        self
    }
}

impl Default for Retry {
    fn default() -> Self {
        Retry::new()
    }
}

impl Backoff {
    const fn new() -> Self {
        Backoff { base: Duration::from_millis(25), max: Duration::from_millis(250), jitter: Jitter::Full }
    }

    /// From `base` to ten times as much, with full jitter.
    pub const fn from(base: Duration) -> Self {
        Backoff { base, max: base.saturating_mul(10), jitter: Jitter::Full }
    }

    /// The same with another largest envelope.
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// The same, spread in another way.
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.jitter = jitter;
        self
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff::new()
    }
}

impl Hedge {
    /// No hedges, where the cluster or the table would have them.
    pub const fn none() -> Self {
        Hedge::after(Duration::from_secs(1)).attempts(1)
    }

    /// When an attempt takes longer than this part of the route's answers did lately; as many in addition as that leaves.
    ///
    /// `Hedge::at(Ratio::percent(95))` is the default: 5% of the requests at most are sent twice.
    pub fn at(quantile: Ratio) -> Self {
        let max_extra = Ratio::new(1.0 - quantile.get()).unwrap_or(Ratio::ZERO);
        Hedge { delay: HedgeDelay::Quantile(quantile), attempts: 2, max_extra, other_region: false }
    }

    /// After so long, for at most 5% of the requests.
    pub const fn after(delay: Duration) -> Self {
        let max_extra = Ratio::percent(5);
        Hedge { delay: HedgeDelay::Fixed(delay), attempts: 2, max_extra, other_region: false }
    }

    /// The same with so many attempts under way at once.
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// The same with another bound on the hedges.
    pub const fn max_extra(mut self, max_extra: Ratio) -> Self {
        self.max_extra = max_extra;
        self
    }

    /// The same, in another region if there is one.
    pub const fn other_region(mut self) -> Self {
        self.other_region = true;
        self
    }
}

impl Default for Hedge {
    fn default() -> Self {
        Hedge { max_extra: Ratio::percent(5), ..Hedge::at(Ratio::percent(95)) }
    }
}

impl RetryBudget {
    /// Finagle's with its defaults.
    pub fn finagle() -> Self {
        RetryBudget::Finagle(Finagle::default())
    }

    /// gRPC's throttle with the values of its specification's example.
    pub fn grpc() -> Self {
        RetryBudget::Grpc(GrpcThrottle::default())
    }

    /// The AWS SDKs' quota with its defaults.
    pub fn aws() -> Self {
        RetryBudget::Aws(AwsQuota::default())
    }

    /// Envoy's with its defaults.
    pub fn envoy() -> Self {
        RetryBudget::Envoy(EnvoyInFlight::default())
    }

    /// No bound at all: an outage of which every request is sent three times is three times the outage.
    pub const fn allow_unbounded() -> Self {
        RetryBudget::Unbounded
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        RetryBudget::Successes(Successes::default())
    }
}

impl Successes {
    /// The largest burst.
    pub const MAX_BURST: u32 = 100_000;
}

impl Default for Successes {
    fn default() -> Self {
        Successes { ratio: 0.1, burst: 10, floor: Some(Duration::from_secs(10)) }
    }
}

impl Default for Finagle {
    fn default() -> Self {
        Finagle { ratio: 0.2, min_per_second: 10, window: Duration::from_secs(10) }
    }
}

impl Default for GrpcThrottle {
    fn default() -> Self {
        GrpcThrottle { max_tokens: 10, ratio: 0.1 }
    }
}

impl Default for AwsQuota {
    fn default() -> Self {
        AwsQuota { capacity: 500, retry_cost: 5, timeout_cost: 10 }
    }
}

impl Default for EnvoyInFlight {
    fn default() -> Self {
        EnvoyInFlight { ratio: Ratio::percent(20), min: 3 }
    }
}
