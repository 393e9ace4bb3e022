//! INTENT: what we want traffic to do, as immutable plain data.
//!
//! A [`TableSpec`] is written, then built once into a [`Table`] in which nothing is left to check or to decide. A table
//! knows nothing of health, time or requests in flight; it is swapped whole, and two tables can be compared ([`Diff`]).

mod algorithm;
mod builder;
mod check;
mod check_failover;
mod check_limit;
mod check_outlier;
mod check_retry;
mod classes;
mod cluster;
mod compile;
mod compile_cluster;
mod diff;
mod failover;
mod hash;
mod index;
mod limit;
mod literals;
mod maglev;
mod matching;
mod names;
mod outlier;
mod pattern;
mod policy;
mod predicate;
mod residency;
mod retry;
mod route;
mod sequence;
mod spec;
mod split;
#[cfg(all(test, not(contraflow_loom)))]
mod tests;
mod trust;

pub use algorithm::{LimitAlgorithm, Sample, Signal};
pub use cluster::{Cluster, Endpoint, Region};
pub use compile::Table;
pub use diff::{Change, Diff, Part};
pub use failover::{Failover, SharesBy};
pub use limit::{Adaptive, Aimd, Algorithm, Custom, Gradient2, Limit, Partition, Queue, Vegas, VegasStep};
pub use matching::{FieldMatch, Match, PathMatch, ValueMatch};
pub use outlier::{FailureRatio, Latency, Outlier, Rules, SuccessRate};
pub use policy::{Knobs, Maglev, Pick, ReleaseOn, SlowStart};
pub use residency::ResidencyRule;
pub use retry::{
    AwsQuota, Backoff, EnvoyInFlight, Finagle, GrpcThrottle, Hedge, HedgeDelay, Idempotency, Jitter, LeaveRegion,
    Retry, RetryBudget, Successes,
};
pub use route::Route;
pub use spec::{
    Capacity, ClusterSpec, EndpointSpec, Fleet, HomeRule, KeySource, PathRules, PriorityRule, RegionSpec, RouteSpec,
    Scope, Sticky, TableSpec, TargetSpec,
};
pub use trust::{Claims, TrustRule};

pub(crate) use classes::{Class, Kinds};
pub(crate) use names::did_you_mean;
pub(crate) use policy::{Picking, Policy};
pub(crate) use route::Target;
pub(crate) use split::{Weighed, Weighted};
