//! When a region is in trouble, who takes its part, and how it comes back.

use crate::unit::Ratio;
use std::time::Duration;

/// How a cluster's regions stand in for each other.
///
/// Health lowers a region's share at once and by degrees: a region with a fifth of its endpoints gone still takes all of its
/// part, since the others may be asked for [`overprovisioning`](Self::overprovisioning) as much; one with half of them gone
/// takes 70% of it, and the rest goes to its rank, then to the next rank. The way back is slow on purpose: caches are cold, and
/// what broke may break again.
///
/// All of it comes from evidence. A cluster without [outlier detection](super::Outlier) and without a prober has none, so all its
/// regions count as well; what an operator evacuates comes back by the same ramp.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Failover {
    /// How much of its usual load an endpoint takes before its region passes the rest on, in percent. Default: 140, as Envoy.
    /// From 100 to 1000.
    ///
    /// At 140 the loss of 28 of 100 endpoints moves nothing, and of 50 moves 30% of the region's part. 100 moves every
    /// endpoint's part at once; a high one keeps all in a region whose last endpoints then drown.
    pub overprovisioning: u32,
    /// The usable part of a region below which endpoints that look bad are used again, as far as the rest has nowhere else to
    /// go. Default: 50%, as Envoy. 0 never does.
    ///
    /// It is the region's own, never reaches into a region that looks dead while another lives, and grows by degrees: nothing
    /// jumps at the threshold.
    pub panic_below: Ratio,
    /// The health below which a region begins to be left: the smaller of its usable part and of its success rate. Default: 50%.
    ///
    /// 80% leaves a region where 30% of the requests fail; 0 leaves it to its endpoints.
    pub fail_below: Ratio,
    /// The health from which a region that was left may come back. Default: 70%. Above `fail_below`: in the gap nothing changes.
    pub recover_above: Ratio,
    /// How long it has to stay above that. Default: 60 s. It doubles each time the region fails again, up to `max_hold`.
    pub hold: Duration,
    /// The longest hold. Default: 10 minutes. At least `hold`.
    pub max_hold: Duration,
    /// How long a returning region takes to its full part, in 64 steps; of an evacuated one too. Default: 120 s. Zero for at once.
    ///
    /// At 120 s a region of 1000 requests a second gets 8 more each second, which is what cold caches have to bear.
    pub ramp: Duration,
    /// How long a failing region takes to lose what its health still lets it have. Default: 1 s. Zero for at once.
    ///
    /// Too sick to serve, it fails what it still gets: 10 s of it cost a region that fails 30% three hundred requests in a thousand a
    /// second more than 1 s (`cargo bench --bench failover_lab -- --only grey`). Longer where the others need time to warm up; an
    /// operator takes that time with [`Evacuation::over`](crate::Evacuation::over).
    pub drain: Duration,
    /// The part of the cluster's requests that a region of a later rank gets while it is not needed, so that it is warm when it
    /// is. Default: 0. At most 10%.
    pub trickle: Ratio,
    /// How shares are computed. Default: [`SharesBy::Waterfall`].
    pub shares: SharesBy,
}

/// How shares are computed from health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SharesBy {
    /// Rank by rank, each region as much as its health and capacity allow, without a cliff anywhere.
    #[default]
    Waterfall,
    /// As Envoy's priority levels, in whole percents, with its panic: for who comes from there and wants the same numbers.
    ///
    /// It knows no capacity. Where all levels panic it spreads load over dead regions too.
    Envoy,
}

impl Default for Failover {
    fn default() -> Self {
        Failover {
            overprovisioning: 140,
            panic_below: Ratio::percent(50),
            fail_below: Ratio::percent(50),
            recover_above: Ratio::percent(70),
            hold: Duration::from_secs(60),
            max_hold: Duration::from_secs(600),
            ramp: Duration::from_secs(120),
            drain: Duration::from_secs(1),
            trickle: Ratio::ZERO,
            shares: SharesBy::Waterfall,
        }
    }
}

impl Failover {
    /// The largest [`trickle`](Self::trickle).
    pub const MAX_TRICKLE: Ratio = Ratio::percent(10);

    /// The same with another overprovisioning, in percent.
    pub const fn overprovisioning(mut self, percent: u32) -> Self {
        self.overprovisioning = percent;
        self
    }

    /// The same with another threshold of panic.
    pub const fn panic_below(mut self, usable: Ratio) -> Self {
        self.panic_below = usable;
        self
    }

    /// The same with another threshold to leave a region.
    pub const fn fail_below(mut self, health: Ratio) -> Self {
        self.fail_below = health;
        self
    }

    /// The same with another threshold to come back.
    pub const fn recover_above(mut self, health: Ratio) -> Self {
        self.recover_above = health;
        self
    }

    /// The same with another hold, and ten times that at most.
    pub const fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self.max_hold = hold.saturating_mul(10);
        self
    }

    /// The same with another longest hold.
    pub const fn max_hold(mut self, hold: Duration) -> Self {
        self.max_hold = hold;
        self
    }

    /// The same with another time to return in.
    pub const fn ramp(mut self, ramp: Duration) -> Self {
        self.ramp = ramp;
        self
    }

    /// The same with another time to be left in.
    pub const fn drain(mut self, drain: Duration) -> Self {
        self.drain = drain;
        self
    }

    /// The same with another part that keeps later ranks warm.
    pub const fn trickle(mut self, trickle: Ratio) -> Self {
        self.trickle = trickle;
        self
    }

    /// The same with other arithmetic.
    pub const fn shares(mut self, shares: SharesBy) -> Self {
        self.shares = shares;
        self
    }
}
