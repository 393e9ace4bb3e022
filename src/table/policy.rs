//! How a route picks and how long it waits: knobs that are unset, set, or inherited.
//!
//! Every knob is an `Option`: unset is not the same as set to the default. A route's knob wins over its cluster's, a
//! cluster's over the table's defaults, and what nobody sets has the default that stands at the knob. `build()` merges
//! them once into values with nothing left to decide.

use super::failover::Failover;
use super::outlier::Outlier;
use super::retry::{Hedge, Retry};
use crate::protocol::Priority;
use crate::unit::Ratio;
use std::fmt;
use std::mem::offset_of;
use std::num::NonZeroU32;
use std::time::Duration;

/// The knobs that defaults, clusters and routes share; each inherits what it leaves unset.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Knobs {
    /// How an endpoint is picked inside the region. Default: [`Pick::LeastInFlight`].
    pub pick: Option<Pick>,
    /// How long a request may take until the head of its answer, all attempts together.
    ///
    /// Default: 15 s, as Envoy's routes. More than 0; [`Duration::MAX`] for no deadline. Too short fails slow requests
    /// that would have been answered; too long keeps callers waiting on a dead region. Worked number: with a p99 of 400
    /// ms, 2 s leaves room for two retries.
    pub deadline: Option<Duration>,
    /// Until when a request counts as in flight. Default: [`ReleaseOn::End`].
    pub release: Option<ReleaseOn>,
    /// How long an answer's body may make no progress before its request stops counting as in flight.
    ///
    /// Default: 60 s. More than 0; [`Duration::MAX`] for ever. The body itself goes on. It bounds what a reader that has
    /// stopped reading can hold: too short and slow but living downloads are not counted, too long and a handful of stuck
    /// readers fill a limit. Counted from the last frame, once a first frame came or was waited for.
    pub hold_at_most: Option<Duration>,
    /// How an endpoint that joins a running region warms up. Default: it does not, it gets its full weight at once.
    ///
    /// A view of a cluster is shared by all routes, so a route cannot set this.
    pub slow_start: Option<SlowStart>,
    /// How requests that failed are sent again. Default: they are not, since what a backend can take twice is its owner's to
    /// say.
    ///
    /// [`Retry::default()`] is three attempts in all; [`Retry::none`] switches off what would be inherited.
    pub retry: Option<Retry>,
    /// How a second copy is sent while the first is unanswered. Default: none is, since it costs load where nothing has failed.
    ///
    /// [`Hedge::default()`] sends at most 5% more; [`Hedge::none`] switches off what would be inherited.
    pub hedge: Option<Hedge>,
    /// How regions stand in for each other. Default: [`Failover::default()`].
    ///
    /// A region's shares are the same for all routes, so a route cannot set this.
    pub failover: Option<Failover>,
    /// When endpoints are taken out for what their answers say. Default: never, since whose fault a failure is only its owner knows; with
    /// it, what a region's endpoints answer decides what share it gets.
    ///
    /// [`Outlier::default()`] takes out what fails five times in a row or stands out among its peers. A view of a region is shared by all
    /// routes, so a route cannot set this; [`Outlier::none`] switches off what would be inherited.
    pub outlier: Option<Outlier>,
}

impl fmt::Debug for Knobs {
    /// Those that are set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Knobs { pick, deadline, release, hold_at_most, slow_start, retry, hedge, failover, outlier } = self;
        let mut out = f.debug_struct("Knobs");
        let knobs: [(&str, Option<&dyn fmt::Debug>); 9] = [
            ("pick", pick.as_ref().map(|it| it as _)),
            ("deadline", deadline.as_ref().map(|it| it as _)),
            ("release", release.as_ref().map(|it| it as _)),
            ("hold_at_most", hold_at_most.as_ref().map(|it| it as _)),
            ("slow_start", slow_start.as_ref().map(|it| it as _)),
            ("retry", retry.as_ref().map(|it| it as _)),
            ("hedge", hedge.as_ref().map(|it| it as _)),
            ("failover", failover.as_ref().map(|it| it as _)),
            ("outlier", outlier.as_ref().map(|it| it as _)),
        ];
        for (name, value) in knobs {
            if let Some(value) = value {
                out.field(name, value);
            }
        }
        out.finish()
    }
}

impl Knobs {
    /// The deadline of a table that sets none.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(15);

    /// How long a body may stand still in a table that does not say.
    pub const DEFAULT_HOLD_AT_MOST: Duration = Duration::from_secs(60);

    /// These knobs, and where one is unset, the fallback's.
    #[must_use]
    pub fn or(self, fallback: Knobs) -> Knobs {
        Knobs {
            pick: self.pick.or(fallback.pick),
            deadline: self.deadline.or(fallback.deadline),
            release: self.release.or(fallback.release),
            hold_at_most: self.hold_at_most.or(fallback.hold_at_most),
            slow_start: self.slow_start.or(fallback.slow_start),
            retry: self.retry.or(fallback.retry),
            hedge: self.hedge.or(fallback.hedge),
            failover: self.failover.or(fallback.failover),
            outlier: self.outlier.or(fallback.outlier),
        }
    }
}

/// How an endpoint is picked inside a region. Weights count in all of them, and a weight of zero is never picked.
///
/// A route that sticks to endpoints ([`Scope::Endpoint`](super::Scope::Endpoint)) takes the endpoint from the key: by
/// the Maglev table under [`Pick::Maglev`], by rendezvous under every other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pick {
    /// At random, in proportion to the weights, by an alias table (Walker 1977, Vose 1991): one draw, O(1).
    Random,
    /// Smooth weighted round robin, as nginx: heavy endpoints are spread over the cycle, not bunched.
    ///
    /// The cycle is computed with the table. Weights whose sum, divided by their common divisor, is above 4096 are
    /// rounded to 4096 turns by largest remainder, which moves an endpoint's share by less than 1/4096. An endpoint too
    /// light for a turn gets one all the same, and each such moves the others' shares by up to 1/4096 more. At most 4096
    /// endpoints in a region.
    RoundRobin,
    /// The less loaded of two drawn by weight, load being requests in flight over weight (Mitzenmacher 2001).
    #[default]
    LeastInFlight,
    /// The cheaper of two drawn by weight, cost being the peak-sensitive moving average of the response time, times
    /// the requests in flight and this one (Finagle's `p2cPeakEwma`, decay 10 s). Without an
    /// [`Outlier`] an endpoint that only fails looks free, and draws traffic.
    PeakEwma,
    /// By a Maglev table over the sticky key, or over a random word where there is no key (Eisenbud et al., NSDI 2016).
    Maglev(Maglev),
}

/// The knobs of a Maglev table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Maglev {
    /// Slots in the table: a prime from 2 to 5 000 011.
    ///
    /// Default: by the endpoints, the first of 1021, 4093, 16 381, 65 537 and 655 373 that is at least 100 times the
    /// sum of weights over the smallest one, so that the lightest has about 100 slots and shares are within 1% and a slot;
    /// 4 bytes a slot. Larger moves fewer keys when an endpoint leaves: of 100 endpoints, 0.58% too many at 65 537 slots
    /// and 0.15% at 655 373.
    pub size: Option<u32>,
    /// The load of one endpoint, in percent of its fair share of the region's requests in flight, above which its keys
    /// go on to the next slot (Mirrokni, Thorup, Zadimoghaddam, *Consistent hashing with bounded loads*, 2017).
    ///
    /// Default: unbounded. From 100 on; 125 to 200 are usual. At 125, with 79 requests in flight over 10 endpoints of
    /// equal weight, the eleventh on one of them goes elsewhere. Lower is more even and less sticky. Sixteen slots of a key
    /// are asked; what they cannot take goes to the less loaded of two, whose load the bound does not look at.
    pub max_load_percent: Option<u32>,
}

/// When a request stops counting as in flight at its endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ReleaseOn {
    /// When the head of the answer is there: counts what the backend thinks about, not what it sends.
    Head,
    /// When the first frame of the body is there: for answers whose head comes before the work.
    FirstFrame,
    /// When the body has ended, failed or was dropped: a slow download still holds its connection.
    #[default]
    End,
}

/// How an endpoint that joins a running region warms up: `weight x max(floor, (age / window)^(1 / aggression))`, as Envoy.
///
/// Endpoints of a region that is new as a whole, as at the start of the process, do not warm up: all would alike. The
/// factor moves in steps of 1/64, at most ten times a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlowStart {
    /// The time to full weight. More than 0.
    pub window: Duration,
    /// The part of its weight that an endpoint starts with, rounded down to a 64th. Default: 10%, so 6/64. At 0 it starts
    /// with what its first millisecond is worth, at least 1/64.
    pub floor: Ratio,
    /// The shape: 1 is a line; above, faster at first; below, slower. Default: 1. More than 0, at most 100.
    ///
    /// Worked number: 15 s into a window of 60 s, 1 gives 25% of the weight, 2 gives 50%, 0.5 gives 6.25%, so the floor.
    pub aggression: f64,
}

impl SlowStart {
    /// A line from 10% to the full weight over `window`.
    pub const fn over(window: Duration) -> Self {
        SlowStart { window, floor: Ratio::percent(10), aggression: 1.0 }
    }

    /// The same with another part of the weight to start with.
    pub const fn floor(mut self, floor: Ratio) -> Self {
        self.floor = floor;
        self
    }

    /// The same with another shape.
    pub const fn aggression(mut self, aggression: f64) -> Self {
        self.aggression = aggression;
        self
    }

    /// The part of its weight that an endpoint of this age has: a function of the age alone, so a swap in the middle
    /// of a ramp neither restarts nor skips it.
    pub(crate) fn factor(&self, age: Duration) -> f64 {
        if age >= self.window {
            return 1.0;
        }
        let age = age.max(Duration::from_millis(1)).as_secs_f64();
        (age / self.window.as_secs_f64()).powf(1.0 / self.aggression).max(self.floor.get())
    }

    /// The age at which the ramp, without its floor, reaches this factor.
    pub(crate) fn age_at(&self, factor: f64) -> Duration {
        let age = self.window.as_secs_f64() * factor.clamp(0.0, 1.0).powf(self.aggression);
        // The longest window is longer as a float than as a duration.
        Duration::try_from_secs_f64(age).map_or(self.window, |age| age.min(self.window))
    }
}

/// What a route has after merging: nothing left to decide.
///
/// Laid out as written: what every request reads comes first, in less than a cache line.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
pub(crate) struct Policy {
    pub(crate) deadline: Duration,
    pub(crate) hold_at_most: Duration,
    pub(crate) release: ReleaseOn,
    /// Whether the route has a limit.
    pub(crate) is_limited: bool,
    /// Whether rules or partitions have to be asked what the request is.
    pub(crate) has_classes: bool,
    /// Whether requests are counted because they fund something: the cluster's budget, or the route's hedges.
    pub(crate) is_counted: bool,
    /// Whether a request may be sent more than once, as a retry or as a hedge.
    pub(crate) may_retry: bool,
    /// Of the route's requests that no rule takes.
    pub(crate) priority: Option<Priority>,
    pub(crate) pick: Pick,
    /// One attempt where none is asked for.
    pub(crate) retry: Retry,
    /// Of at least two attempts.
    pub(crate) hedge: Option<Hedge>,
}

const _: () = assert!(offset_of!(Policy, pick) <= 40);

impl Policy {
    /// How many attempts there may be, retries and hedges together.
    pub(crate) fn most_attempts(&self) -> u32 {
        self.retry.attempts.max(self.hedge.map_or(1, |hedge| hedge.attempts))
    }

    #[expect(
        clippy::large_types_passed_by_value,
        reason = "once for each route when a table is built, from knobs just merged"
    )]
    pub(crate) fn from_knobs(knobs: Knobs) -> Self {
        let retry = knobs.retry.unwrap_or(Retry::none());
        let hedge = knobs.hedge.filter(|hedge| hedge.attempts > 1);
        Policy {
            deadline: knobs.deadline.unwrap_or(Knobs::DEFAULT_DEADLINE),
            hold_at_most: knobs.hold_at_most.unwrap_or(Knobs::DEFAULT_HOLD_AT_MOST),
            release: knobs.release.unwrap_or_default(),
            is_limited: false,
            has_classes: false,
            is_counted: false,
            may_retry: retry.attempts > 1 || hedge.is_some(),
            priority: None,
            pick: knobs.pick.unwrap_or_default(),
            retry,
            hedge,
        }
    }
}

/// A [`Pick`] as compiled for one cluster: what a request reads of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picking {
    Random,
    RoundRobin,
    LeastInFlight,
    PeakEwma,
    Maglev {
        /// Among the tables of each of the cluster's regions.
        table: u32,
        max_load_percent: Option<NonZeroU32>,
    },
}
