//! How many requests may be in flight at once, as plain data.

use super::algorithm::LimitAlgorithm;
use super::matching::Match;
use crate::sync::Arc;
use crate::unit::Ratio;
use std::fmt;
use std::time::Duration;

/// A bound on the requests in flight, of a route or of each region of a cluster.
///
/// What is above it is refused at once, or waits in a bounded [`Queue`] if one is asked for. A request is in flight from the
/// moment it is admitted to the end of its answer's body, or to what the route's
/// [`release`](super::Knobs::release) says.
///
/// ```
/// use contraflow::{Limit, Match, Ratio, TableSpec};
/// use contraflow::table::Queue;
/// use std::time::Duration;
///
/// let table = TableSpec::new()
///     .cluster("shop", |c| {
///         c.region("us-east", |r| r.endpoint("a", "10.0.0.1:80").endpoint("b", "10.0.0.2:80"))
///             .region("eu-west", |r| r.rank(1).endpoint("c", "10.1.0.1:80").limit(Limit::fixed(40)))
///             // Each region finds a limit of its own; checkout keeps half of it whatever else is asked for.
///             .limit(
///                 Limit::adaptive()
///                     .queue(Queue::of(100).max_wait(Duration::from_millis(20)))
///                     .partition("checkout", Ratio::percent(50), [Match::new().path_prefix("/checkout")]),
///             )
///             .endpoint_limit(200)
///     })
///     .route("all", |r| r.any().to("shop"))
///     .build()?;
/// # let _ = table;
/// # Ok::<(), contraflow::TableError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What finds the number.
    pub algorithm: Algorithm,
    /// Who waits when the limit is reached. Default: nobody, what does not fit is refused at once.
    pub queue: Option<Queue>,
    /// Kinds of requests with a guaranteed part of the limit. Default: none.
    ///
    /// A partition below its guarantee is refused only while everything is in use, and a quarter of the limit is kept for it
    /// then. What nobody uses of a guarantee others may. The limit holds for all of them together.
    pub partitions: Vec<Partition>,
    /// Decide and count, and refuse nobody: to see what a limit would do. Default: false.
    pub is_dark: bool,
}

/// What finds the number of a [`Limit`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// This number: from 1 to [`Limit::MAX`].
    Fixed(u32),
    /// Ours: see [`Adaptive`].
    Adaptive(Adaptive),
    /// Additive increase, multiplicative decrease, on a latency objective: see [`Aimd`].
    Aimd(Aimd),
    /// TCP Vegas, as Netflix has it: see [`Vegas`].
    Vegas(Vegas),
    /// Netflix's second gradient: see [`Gradient2`].
    Gradient2(Gradient2),
    /// One of your own: see [`Limit::by`].
    Custom(Custom),
}

/// The limit that the crate recommends: see [`Limit::adaptive`].
///
/// It learns what an answer takes while nothing waits, and keeps the limit where answers take up to three times as long: long
/// enough for the server to be busy, short enough for nobody to wait for long. Now and then it goes to a quarter for a
/// moment to see that time again; and what becomes slower at once it tries out, to tell a longer path from a queue. A drop is
/// the strongest sign. All of it holds alone and with many clients of one server, who need not know of each other.
///
/// A server with ten workers and 10 ms for an answer gets 17 at once from a client that is alone, and four from each of ten.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adaptive {
    /// Requests at once to begin with, from `min` to `max`. Default: 3.
    ///
    /// The first 32 answers show what one takes while nothing waits, and at a small limit nothing does: of fifty clients with
    /// 3 each a server has 150 at once, with 20 each a thousand, and all of them learn the queue. From 3 on it doubles
    /// until there is a queue: it is at 17 after 22 times what an answer takes, 0.2 s at 10 ms. Too low costs that time.
    pub initial: u32,
    /// Requests at once at the least, from 1 to `max`. Default: 1.
    ///
    /// It is held however busy the server is, and each client holds it: a least of 5 in fifty of them is 250 at once. Raise it
    /// only for one who is alone.
    pub min: u32,
    /// Requests at once at the most, from `min` to [`Limit::MAX`]. Default: 1000.
    ///
    /// The last bound, if what was learned is wrong. 1000 at 10 ms for an answer are 100 000 requests a second. Too low refuses
    /// what the server could take, and long bodies count: a thousand downloads are a thousand. Too high harms nobody who
    /// does not use it, since a limit grows only as far as twice what is used.
    pub max: u32,
    /// An answer that takes longer counts as much as a drop does, whatever is usual: more than 0. Default: none.
    ///
    /// For a promise that has to be kept even where the server is slow without a queue: with 100 ms the limit falls while the
    /// mean answer would be in time, if enough are late. Too short holds the limit near its least; far above what answers
    /// take it does nothing. Two to three times the 99th percentile is where to begin. Answers beyond six times what
    /// one takes while nothing waits count as that anyway.
    pub objective: Option<Duration>,
}

impl Default for Adaptive {
    fn default() -> Self {
        Adaptive { initial: 3, min: 1, max: 1000, objective: None }
    }
}

/// Additive increase, multiplicative decrease, on a latency objective.
///
/// As Netflix's `AIMDLimit`: a drop, or an answer later than `objective`, takes the limit to `limit x backoff`, rounded down;
/// an answer in time adds one if at least half of the limit was in use. The objective is absolute, so it knows neither a
/// cold start nor drift; and it is wrong as soon as the backend's normal is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aimd {
    /// To begin with. Default: 20.
    pub initial: u32,
    /// The least. Default: 1 (Netflix: 20, which fifty callers turn into a thousand).
    pub min: u32,
    /// The most. Default: 200.
    pub max: u32,
    /// What is left after a drop or a late answer: 0.5 to below 1. Default: 0.9.
    pub backoff: Ratio,
    /// An answer that takes longer is late. Netflix: 5 s. Too short holds the limit at its least, too long never lowers it;
    /// two to three times the 99th percentile is where to begin.
    pub objective: Duration,
}

/// TCP Vegas, as Netflix's `VegasLimit`.
///
/// The queue in the backend is estimated as `limit x (1 - least / latency)`; the limit grows while that is short and shrinks
/// while it is long. The least latency is probed again now and then. With service times that vary much the least is far
/// below the usual, and the limit with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vegas {
    /// To begin with. Default: 20.
    pub initial: u32,
    /// The most. Default: 1000. The least is 1.
    pub max: u32,
    /// The weight of a new value: above 0, at most 1. Default: 1.
    pub smoothing: Ratio,
    /// Queue below which the limit grows. Default: none, `3 x log10(limit)`.
    pub alpha: Option<u32>,
    /// Queue above which the limit shrinks. Default: none, `6 x log10(limit)`.
    pub beta: Option<u32>,
    /// How far a drop or a long queue lowers the limit. Default: [`VegasStep::Log10`].
    pub decrease: VegasStep,
}

/// How far [`Vegas`] lowers its limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VegasStep {
    /// By `log10(limit)`, at least 1.
    #[default]
    Log10,
    /// To half.
    Half,
}

/// Netflix's `Gradient2Limit`.
///
/// `limit x clamp(tolerance x long / short, 0.5, 1) + queue`, smoothed, where *short* is the latency now and *long* its
/// moving average. The average follows a lasting overload, and the limit with it. Drops do not count upstream. Here a drop is
/// an answer that took for ever, and takes away the queue that four answers add: `limit x 0.5 - 4 x queue`, smoothed, so that
/// the limit falls to its least where a fifth of the samples or more are drops. The average does not learn of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gradient2 {
    /// To begin with. Default: 20.
    pub initial: u32,
    /// The least. Default: 20, as Netflix.
    pub min: u32,
    /// The most. Default: 200.
    pub max: u32,
    /// The weight of a new value: above 0, at most 1. Default: 0.2.
    pub smoothing: Ratio,
    /// What is added in each step: the queue that is wanted. Default: 4.
    pub queue: u32,
    /// How much longer than usual an answer may take, 1 or more. Default: 1.5.
    pub tolerance: f64,
    /// Samples over which the usual is averaged. Default: 600.
    pub long_window: u32,
}

/// Makes an algorithm of your own for each limiter.
#[derive(Clone)]
pub struct Custom(Arc<dyn Fn() -> Box<dyn LimitAlgorithm> + Send + Sync>);

impl Custom {
    /// A new one.
    pub(crate) fn make(&self) -> Box<dyn LimitAlgorithm> {
        (self.0)()
    }
}

impl PartialEq for Custom {
    /// Whether one is a clone of the other: what a function does cannot be compared.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // By its address, so that a diff of two shows two.
        write!(f, "Custom({:p})", Arc::as_ptr(&self.0))
    }
}

/// Who waits when a limit is reached, and for how long.
///
/// First come, first served inside a priority class, while the queue is short. When even the shortest wait of the last
/// `interval` was above `target`, a class is congested: from then on its newest go first, and who has waited for more than
/// twice the target behind others is refused, since those at the front have waited so long that nobody may want their answers
/// (`CoDel`, Nichols and Jacobson 2012; adaptive LIFO, Maurer, *Fail at Scale*, 2015).
///
/// Nobody waits beyond `max_wait`, the request's deadline, or the evacuation of its region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// How many may wait: from 1 to [`Limit::MAX`]. A request of a higher class takes the place of the last of the lowest.
    pub max_len: u32,
    /// How long one may wait. Default: 100 ms. More than 0.
    ///
    /// Longer than a request usually takes is of no use: places become free once a request or more often.
    pub max_wait: Duration,
    /// The wait that is no congestion. Default: 5 ms, as `CoDel`.
    pub target: Duration,
    /// How long the shortest wait has to be above the target. Default: 100 ms, as `CoDel`.
    pub interval: Duration,
    /// How long a request waits before it counts as one class higher. Default: 50 ms; [`Duration::MAX`] for never.
    pub ageing: Duration,
}

impl Queue {
    /// A queue of so many.
    pub const fn of(max_len: u32) -> Self {
        Queue {
            max_len,
            max_wait: Duration::from_millis(100),
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
            ageing: Duration::from_millis(50),
        }
    }

    /// The same with another longest wait.
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }
}

/// A kind of requests with a guaranteed part of a limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Unique in the limit.
    pub name: String,
    /// Its part of the limit, rounded up to whole requests, at least one. All parts together are at most 1.
    pub guarantee: Ratio,
    /// The partition takes what any one of these matches; of several partitions the one whose match comes first in the
    /// [order of precedence](Match#precedence).
    pub when: Vec<Match>,
}

impl Limit {
    /// The largest limit: what can be counted in flight, about two million.
    pub const MAX: u32 = (1 << 21) - 2;

    /// This many, always: from 1 to [`Limit::MAX`].
    pub const fn fixed(limit: u32) -> Self {
        Limit::of(Algorithm::Fixed(limit))
    }

    /// What the backend can take, found by itself: see [`Adaptive`].
    pub fn adaptive() -> Self {
        Limit::of(Algorithm::Adaptive(Adaptive::default()))
    }

    /// Additive increase and multiplicative decrease by a latency objective: see [`Aimd`].
    pub fn aimd(objective: Duration) -> Self {
        Limit::of(Algorithm::Aimd(Aimd::by(objective)))
    }

    /// TCP Vegas: see [`Vegas`].
    pub fn vegas() -> Self {
        Limit::of(Algorithm::Vegas(Vegas::default()))
    }

    /// Netflix's second gradient: see [`Gradient2`].
    pub fn gradient2() -> Self {
        Limit::of(Algorithm::Gradient2(Gradient2::default()))
    }

    /// By an algorithm of your own, made anew for each limiter.
    ///
    /// Two limits are the same only if one is a clone of the other; a publish of the same keeps what was learned.
    pub fn by<A: LimitAlgorithm + 'static>(make: impl Fn() -> A + Send + Sync + 'static) -> Self {
        Limit::of(Algorithm::Custom(Custom(Arc::new(move || Box::new(make())))))
    }

    /// By this algorithm.
    pub const fn of(algorithm: Algorithm) -> Self {
        Limit { algorithm, queue: None, partitions: Vec::new(), is_dark: false }
    }

    /// The same with a queue.
    pub fn queue(mut self, queue: Queue) -> Self {
        self.queue = Some(queue);
        self
    }

    /// The same with one more partition.
    pub fn partition(
        mut self,
        name: impl Into<String>,
        guarantee: Ratio,
        when: impl IntoIterator<Item = Match>,
    ) -> Self {
        self.partitions.push(Partition { name: name.into(), guarantee, when: when.into_iter().collect() });
        self
    }

    /// The same in the dark: it decides and counts, and refuses nobody.
    pub fn dark(mut self) -> Self {
        self.is_dark = true;
        self
    }
}

impl Aimd {
    /// From 20, between 1 and 200, by this objective.
    pub const fn by(objective: Duration) -> Self {
        Aimd { initial: 20, min: 1, max: 200, backoff: Ratio::percent(90), objective }
    }
}

impl Default for Vegas {
    fn default() -> Self {
        let (alpha, beta, decrease) = (None, None, VegasStep::Log10);
        Vegas { initial: 20, max: 1000, smoothing: Ratio::percent(100), alpha, beta, decrease }
    }
}

impl Default for Gradient2 {
    fn default() -> Self {
        let smoothing = Ratio::percent(20);
        Gradient2 { initial: 20, min: 20, max: 200, smoothing, queue: 4, tolerance: 1.5, long_window: 600 }
    }
}
