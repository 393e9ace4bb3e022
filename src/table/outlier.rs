//! When an endpoint is taken out of its region for what its answers say, and how it comes back, as plain data.

use crate::unit::Ratio;
use std::time::Duration;

/// When an endpoint is taken out of its region for what its answers say, and how it comes back.
///
/// Four rules, each for itself: so many failures in a row, too few successes beside its peers, too many failures at all, too slow
/// beside its peers. Only what the endpoint itself did counts: what we refuse is nobody's failure, and a busy answer is none.
/// An endpoint that is ejected gets no requests for a time that doubles with each ejection, then a probe, and is back when that
/// succeeds. Where more fail than may be ejected at once, the others are doubted: they stay in use inside their region, and the
/// region counts as that much weaker.
///
/// ```
/// use contraflow::table::{Latency, Outlier};
/// use contraflow::Ratio;
/// use std::time::Duration;
///
/// let outlier = Outlier::default()
///     .consecutive(3)
///     .latency(Latency::default())
///     .max_ejected(Ratio::percent(30))
///     .times(Duration::from_secs(10), Duration::from_secs(120));
/// assert_eq!(outlier.consecutive, Some(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlier {
    /// Failures in a row, from this one on. Default: 5, as Envoy and finagle. From 1; `None` for no such rule.
    ///
    /// It finds an endpoint that is dead, within five requests. At 1 every chance failure ejects; far above 5 a dead endpoint of
    /// a quiet region fails that many before it is found. Worked number: one that fails one answer in ten by chance has five in
    /// a row once in 110 000 requests, at 1000 a second every other minute; with 3, once a second.
    pub consecutive: Option<u32>,
    /// How far back the other rules look, in ten equal buckets. Default: 10 s, Envoy's interval. From 1 s to 600 s.
    ///
    /// Too short and no endpoint has volume, too long and a failure that is over still counts. Worked number: 10 s and 100 answers
    /// at least mean that an endpoint of less than 10 requests a second is judged by failures in a row alone.
    pub window: Duration,
    /// Too few successes beside its peers. Default: [`SuccessRate::default()`].
    pub success_rate: Option<SuccessRate>,
    /// Too many failures, whatever its peers do. Default: [`FailureRatio::default()`].
    pub failure_ratio: Option<FailureRatio>,
    /// Too slow beside its peers. Default: none, since endpoints of one region may differ on purpose.
    pub latency: Option<Latency>,
    /// The part of a region's endpoints that may be ejected, counted after the ejection. Default: 50%. Never the last one that is
    /// in use.
    ///
    /// When most of a region fails at once, it is rarely the endpoints: ejecting them all would put their load on the few that are
    /// left. At 0 none is ejected and all are doubted, so only whole regions lose traffic; at 1 one is always left. Worked number:
    /// at 50%, one of two or three may go, two of four or five.
    pub max_ejected: Ratio,
    /// The first ejection's length. Default: 30 s, as Envoy. More than 0.
    ///
    /// It doubles with each ejection, 30, 60, 120, 240, 300 s, and a tenth of it at most is added by chance, so that those that
    /// went together do not come back together. Envoy's and A50's grow by `base` and have no chance in them. Too short and a dead
    /// endpoint is probed for ever, each probe a request that fails; too long and one that was restarted stays away.
    pub base: Duration,
    /// The longest ejection. Default: 300 s, as Envoy. At least `base`, at most a day.
    ///
    /// A step is lost when an endpoint that is back answered well for as long as it was out last.
    pub max: Duration,
    /// How many requests at once may reach an endpoint whose ejection is over, before it is known to be well. Default: 1, as
    /// finagle and linkerd. From 1 to 1000.
    ///
    /// Each of them may fail. Worked number: with 1 and answers of 100 ms, a dead endpoint costs one request in 30 s.
    pub probes: u32,
    /// So many of them must succeed, one after the other, before it is back. Default: 1, as finagle. From 1 to 1000.
    ///
    /// One that half works passes 1 half of the time, 3 once in eight; more delay the return of one that is well.
    pub successes: u32,
    /// Tell what would be ejected, and eject nothing. Default: false.
    pub shadow: bool,
    /// Whose rules hold where systems differ. Default: ours.
    pub like: Rules,
}

/// An endpoint whose success rate is below the mean of its peers by so many standard deviations.
///
/// Over the endpoints of the region that are in and have volume, itself too, as Envoy. Where all do alike nobody is below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SuccessRate {
    /// So many endpoints must have volume. Default: 5, as Envoy. From 2.
    ///
    /// The one bad among n is never further below than the square root of n - 1 deviations: with fewer than 5, never 1.9.
    pub min_endpoints: u32,
    /// So many answers in the window make volume. Default: 100, as Envoy. From 1 to 1 000 000.
    pub min_requests: u32,
    /// Population standard deviations below the mean, strictly. Default: 1.9, as Envoy. More than 0, at most 10.
    ///
    /// Lower ejects more; at 2 and more one of five never is. Worked number: of rates 50, 100, 100, 100, 100% the mean is 90 and the
    /// deviation 20, so what is below 52% goes; of 50, 50, 100, 100, 100% nobody does.
    pub deviations: f64,
    /// At this rate or above nobody is ejected by this rule. Default: 90%. More than 0. Envoy and A50 have none.
    ///
    /// Peers that do very well deviate by nearly nothing: beside nineteen at 99.99%, one at 99.0% is below the threshold of
    /// 99.53% (envoy#37723), and ejecting it costs a twentieth of the region to spare one failure in a hundred, which a retry
    /// spares too. 90% is also out of the reach of chance: of 100 answers that fail one in a hundred, 11 fail once in a hundred
    /// million windows, and 6, which a floor of 95% would take, once in two thousand.
    pub floor: Ratio,
}

/// An endpoint that fails so much, whatever its peers do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureRatio {
    /// Failures among all answers, this and above. Default: 85%, as Envoy. More than 0. A50 takes only what is above.
    ///
    /// It finds what fails nearly always, but not five times in a row. Low values eject what a bad request does everywhere. Worked
    /// number: 250 failures of 300 are 83.3% and stay, 300 of 350 are 85.7% and go.
    pub threshold: Ratio,
    /// So many endpoints must have volume. Default: 1. Envoy and A50: 5.
    ///
    /// Nothing is compared here, so one is enough, and what bounds the harm is [`max_ejected`](Outlier::max_ejected).
    pub min_endpoints: u32,
    /// So many answers in the window make volume. Default: 50, as Envoy. From 1 to 1 000 000.
    pub min_requests: u32,
}

/// An endpoint whose answers take so much longer than those of its peers.
///
/// The mean response time of the successes in the window, beside the median of the other endpoints' means. Successes only: what
/// fails at once would make it quick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Latency {
    /// So many times the median of its peers, this and above. Default: 3. More than 1, at most 100.
    pub factor: f64,
    /// So many endpoints must have volume. Default: 3. From 2.
    ///
    /// Of two, either may be the one that is right.
    pub min_endpoints: u32,
    /// So many successes in the window make volume. Default: 100. From 1 to 1 000 000.
    pub min_requests: u32,
    /// And so much more than the median. Default: 20 ms.
    ///
    /// Worked number: 3 ms beside 1 ms is three times as much, and nobody notices; 30 ms beside 10 ms is ejected.
    pub min_excess: Duration,
}

/// Whose rules hold where systems differ.
///
/// | | ours | Envoy | A50 |
/// |---|---|---|---|
/// | the cap counts | after the ejection, never the last | after the ejection | before it, so it goes over by one |
/// | above the cap | doubted | nothing | nothing |
/// | an ejection grows | twofold | by `base` | by `base` |
/// | and shrinks | on success | with each sweep | with each sweep |
/// | it ends | with a probe | by time | by time |
/// | a sweep | each bucket, first returns, then judges | each window, likewise | each window, first judges, then returns |
/// | failure ratio | at the threshold | at the threshold | above it |
/// | floor of the success rate | yes | none | none |
///
/// In all three the cap is counted for each region: Envoy counts the whole cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rules {
    /// Ours.
    #[default]
    Contraflow,
    /// Those of Envoy's `outlier_detection_impl.cc`.
    Envoy,
    /// Those of gRPC's proposal A50, *xDS outlier detection*.
    A50,
}

impl Outlier {
    /// No rule at all, where the cluster or the table would have them.
    pub fn none() -> Self {
        Outlier { consecutive: None, success_rate: None, failure_ratio: None, latency: None, ..Outlier::default() }
    }

    /// Envoy's rules with its defaults, failure percentage included, which Envoy has off until it is enforced.
    pub fn envoy() -> Self {
        Outlier {
            failure_ratio: Some(FailureRatio { min_endpoints: 5, ..FailureRatio::default() }),
            max_ejected: Ratio::percent(10),
            like: Rules::Envoy,
            ..Outlier::default()
        }
    }

    /// The rules of gRPC's A50 with its defaults, both of them: it has none for failures in a row.
    pub fn a50() -> Self {
        Outlier { consecutive: None, like: Rules::A50, ..Outlier::envoy() }
    }

    /// The same with another number of failures in a row.
    pub const fn consecutive(mut self, failures: u32) -> Self {
        self.consecutive = Some(failures);
        self
    }

    /// The same with another window.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The same with another rule for the success rate.
    pub const fn success_rate(mut self, rule: SuccessRate) -> Self {
        self.success_rate = Some(rule);
        self
    }

    /// The same with another rule for failures.
    pub const fn failure_ratio(mut self, rule: FailureRatio) -> Self {
        self.failure_ratio = Some(rule);
        self
    }

    /// The same with a rule for response times.
    pub const fn latency(mut self, rule: Latency) -> Self {
        self.latency = Some(rule);
        self
    }

    /// The same with another part that may be ejected.
    pub const fn max_ejected(mut self, ratio: Ratio) -> Self {
        self.max_ejected = ratio;
        self
    }

    /// The same with another first and another longest ejection.
    pub const fn times(mut self, base: Duration, max: Duration) -> Self {
        (self.base, self.max) = (base, max);
        self
    }

    /// The same with so many probes at once, of which so many must succeed.
    pub const fn probes(mut self, at_once: u32, successes: u32) -> Self {
        (self.probes, self.successes) = (at_once, successes);
        self
    }

    /// The same, and nothing is ejected.
    pub const fn shadow(mut self) -> Self {
        self.shadow = true;
        self
    }
}

impl Default for Outlier {
    fn default() -> Self {
        Outlier {
            consecutive: Some(5),
            window: Duration::from_secs(10),
            success_rate: Some(SuccessRate::default()),
            failure_ratio: Some(FailureRatio::default()),
            latency: None,
            max_ejected: Ratio::percent(50),
            base: Duration::from_secs(30),
            max: Duration::from_secs(300),
            probes: 1,
            successes: 1,
            shadow: false,
            like: Rules::Contraflow,
        }
    }
}

impl Default for SuccessRate {
    fn default() -> Self {
        SuccessRate { min_endpoints: 5, min_requests: 100, deviations: 1.9, floor: Ratio::percent(90) }
    }
}

impl Default for FailureRatio {
    fn default() -> Self {
        FailureRatio { threshold: Ratio::percent(85), min_endpoints: 1, min_requests: 50 }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Latency { factor: 3.0, min_endpoints: 3, min_requests: 100, min_excess: Duration::from_millis(20) }
    }
}
