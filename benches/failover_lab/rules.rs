//! What is compared: when a region is left, and how it comes back.

use crate::shared::figures::Column;
use contraflow::table::{Capacity, SharesBy};
use contraflow::{Failover, Outlier, Ratio, Retry, TableSpec};
use std::time::Duration;

/// A column of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rules {
    /// All of it goes to the first region that is healthy, at once, and back as soon as that is healthy again.
    FirstHealthy,
    /// Envoy's shares and outlier detection with their defaults; no ramp, no hold, no capacity. Of five endpoints 10% may be ejected,
    /// so none is, and no region is ever left for its answers.
    EnvoyDefault,
    /// The same where all endpoints may be ejected, as who wants failover by outliers has it.
    Envoy,
    /// The crate's defaults, and the capacity of each region declared.
    Ours,
}

impl Rules {
    /// Those with a column.
    pub(crate) const ALL: [Rules; 4] = [Rules::FirstHealthy, Rules::EnvoyDefault, Rules::Envoy, Rules::Ours];

    fn failover(self) -> Failover {
        let at_once = Failover::default().hold(Duration::ZERO).ramp(Duration::ZERO).drain(Duration::ZERO);
        match self {
            // Whole as long as half of it lives.
            Rules::FirstHealthy => at_once.overprovisioning(1000).recover_above(Ratio::percent(51)),
            // Envoy has no life of regions: only health counts.
            Rules::EnvoyDefault | Rules::Envoy => {
                at_once.fail_below(Ratio::ZERO).recover_above(Ratio::percent(1)).shares(SharesBy::Envoy)
            }
            Rules::Ours => Failover::default(),
        }
    }

    fn outlier(self) -> Outlier {
        match self {
            Rules::EnvoyDefault => Outlier::envoy(),
            Rules::Envoy => Outlier::envoy().max_ejected(Ratio::ONE),
            Rules::FirstHealthy | Rules::Ours => Outlier::default(),
        }
    }

    /// Three regions of five endpoints each, one rank after the other.
    pub(crate) fn spec(self, per_second: u32) -> TableSpec {
        TableSpec::new()
            .cluster("shop", |c| {
                (0..).zip(["eu", "us", "ap"]).fold(c, |c, (rank, region)| {
                    c.region(region, |mut r| {
                        r.capacity = (self == Rules::Ours).then_some(Capacity::Rps(per_second));
                        (0..5).fold(r.rank(rank), |r, at| {
                            r.endpoint(format!("{region}-{at}"), format!("{region}-{at}:80"))
                        })
                    })
                })
            })
            .route("all", |r| {
                let retry = Retry::default().per_try(Duration::from_millis(200));
                r.any().to("shop").deadline(Duration::from_secs(1)).retry(retry)
            })
            .outlier(self.outlier())
            .failover(self.failover())
    }
}

impl Column for Rules {
    fn name(self) -> &'static str {
        match self {
            Rules::FirstHealthy => "first",
            Rules::EnvoyDefault => "envoy-10%",
            Rules::Envoy => "envoy-100%",
            Rules::Ours => "ours",
        }
    }

    fn is_ours(self) -> bool {
        self == Rules::Ours
    }
}
