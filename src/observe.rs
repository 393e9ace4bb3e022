//! What happens, told to whoever wants to know: counters, traces, logs and taps hang on this one trait.
//!
//! Nothing is told, and nothing but one relaxed load is paid, while nobody observes. Observers run in the caller's task, in
//! the middle of its request: they count, or hand on to a channel, and never wait.

use crate::decide::Decision;
use crate::error::{GiveUp, Rejected};
use crate::id::{Epoch, Generation, Name};
use crate::protocol::Outcome;
use crate::state::{Checked, News, RegionPhase, Snapshot, Verdict, What, ratio_of_part};
use crate::time::Instant;
use crate::unit::Ratio;
use std::time::Duration;

/// Hears of decisions, attempts, outcomes and events; each method does nothing unless it is written.
///
/// For each request that a [`Stack`](crate::layer::Stack) or the single layers take: either one
/// [`rejection`](Self::rejection) before any decision, or for each candidate that is asked a
/// [`decision`](Self::decision), for at most one of them an [`attempt`](Self::attempt), and for each attempt one
/// [`outcome`](Self::outcome). A request whose candidates all refused, or whose deadline passed while it waited for one,
/// ends with a `rejection` too; one that finds only broken services ends with its last `decision`, and so does one that is
/// dropped before it is handed over.
///
/// ```
/// use contraflow::{Decision, Observer, Outcome, Snapshot, Traffic};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use std::time::Duration;
///
/// #[derive(Default)]
/// struct Failures(AtomicU64);
///
/// impl Observer for Failures {
///     fn outcome(&self, _: &Snapshot, _: &Decision, outcome: Outcome, _: Duration) {
///         self.0.fetch_add(u64::from(outcome == Outcome::Failure), Relaxed);
///     }
/// }
///
/// let traffic = Traffic::single("db", |route| route)?;
/// let failures = Arc::new(Failures::default());
/// traffic.observe(failures.clone());
/// // .. requests ..
/// traffic.stop_observing(failures);
/// # Ok::<(), contraflow::TableError>(())
/// ```
pub trait Observer: Send + Sync {
    /// A candidate was chosen, and nothing was sent yet.
    fn decision(&self, snapshot: &Snapshot, decision: &Decision) {
        let _ = (snapshot, decision);
    }

    /// A request was refused, and will not be sent.
    fn rejection(&self, snapshot: &Snapshot, rejected: &Rejected) {
        let _ = (snapshot, rejected);
    }

    /// The request was handed to the service of the endpoint.
    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
        let _ = (snapshot, decision);
    }

    /// Another attempt of a request will be made: a retry, after its wait, or a hedge.
    ///
    /// It is told when it is paid for. Whether it is really sent says [`attempt`](Self::attempt); a retry that nobody can take is
    /// told as [`gave_up`](Self::gave_up).
    fn another(&self, snapshot: &Snapshot, another: &Another) {
        let _ = (snapshot, another);
    }

    /// A request failed that might have been sent again, and will not be; or nobody could take another attempt of it.
    fn gave_up(&self, snapshot: &Snapshot, why: &GiveUp) {
        let _ = (snapshot, why);
    }

    /// How an attempt went: told once, when the head of the answer came, the attempt failed or was given up; for an answer
    /// that only its end judges, when that came. The time is to the head, or to the moment it was given up.
    fn outcome(&self, snapshot: &Snapshot, decision: &Decision, outcome: Outcome, took: Duration) {
        let _ = (snapshot, decision, outcome, took);
    }

    /// Something happened to the traffic as a whole.
    fn event(&self, event: &Event) {
        let _ = event;
    }
}

/// An attempt after the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Another {
    /// Which, counted from 0: the first retry or hedge is 1.
    pub attempt: u32,
    /// Why.
    pub cause: Cause,
    /// How long it waits after the failure; of a hedge, how long the attempt before has been under way.
    pub wait: Duration,
}

/// Why another attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The last one failed, or was turned away by a busy server.
    Failed,
    /// The last one was provably not processed.
    NotProcessed,
    /// The last one was not answered in its time.
    TimedOut,
    /// The last one is slow: a hedge.
    Slow,
}

impl From<News> for Event {
    fn from(news: News) -> Self {
        let News { cluster, region, at, generation, epoch, what } = news;
        match what {
            What::Endpoint(verdict) => Event::Health { cluster, region, verdict, at, generation, epoch },
            What::Region(transition) => Event::Region {
                cluster,
                region,
                from: transition.from,
                to: transition.to,
                health: ratio_of_part(transition.health),
                hold: transition.hold,
                at,
                generation,
                epoch,
            },
        }
    }
}

/// Something that happened to the traffic as a whole.
///
/// Told when it is in force and nobody waits for it any more, so two that happen at once may be told in either order: the
/// highest generation is the one in force, and [`Traffic::status`](crate::Traffic::status) says which regions are out.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A table is in force.
    Published {
        /// Its generation.
        generation: Generation,
    },
    /// A region was taken out.
    Evacuated {
        /// Which, in every cluster that has one of this name.
        region: Name,
        /// When it begins to come back, on the traffic's clock.
        until: Instant,
        /// How long its share takes to go.
        over: Duration,
        /// Why, if the operator said so.
        reason: Option<String>,
    },
    /// Active checks have come to another verdict on an endpoint.
    Checked {
        /// Its cluster.
        cluster: Name,
        /// Its region.
        region: Name,
        /// Which.
        endpoint: Name,
        /// The verdict until now.
        from: Checked,
        /// The verdict from now on.
        to: Checked,
    },
    /// The detector of outliers has taken an endpoint out, doubts it, probes it or has let it back.
    Health {
        /// Which cluster.
        cluster: Name,
        /// Which region of it.
        region: Name,
        /// Which endpoint, what and why, with the numbers.
        verdict: Verdict,
        /// When it was found, on the traffic's clock.
        at: Instant,
        /// The table in force then.
        generation: Generation,
        /// The last view of any cluster before that.
        epoch: Epoch,
    },
    /// A region begins to be left, is well again, returns, or is back.
    Region {
        /// Which cluster.
        cluster: Name,
        /// Which region of it.
        region: Name,
        /// Where it was in its life.
        from: RegionPhase,
        /// Where it is now.
        to: RegionPhase,
        /// The part of it that was well: the smaller of its usable part and its success rate.
        health: Ratio,
        /// How long it has to stay well before it returns.
        hold: Duration,
        /// When it was found, on the traffic's clock.
        at: Instant,
        /// The table in force then.
        generation: Generation,
        /// The last view of any cluster before that.
        epoch: Epoch,
    },
    /// Some requests keep away from a region for practice, or do so no more.
    Practised {
        /// Which, in every cluster that has one of this name.
        region: Name,
        /// Until then, on the traffic's clock.
        until: Instant,
        /// The part of the requests that are meant.
        share: Ratio,
    },
    /// A region was let back before its time.
    Readmitted {
        /// Which.
        region: Name,
    },
    /// A discovery answer changed the endpoints of a region.
    Discovered {
        /// Of this cluster.
        cluster: Name,
        /// Which.
        region: Name,
        /// Of the table that has them.
        generation: Generation,
        /// How many endpoints are new.
        added: usize,
        /// How many are gone.
        removed: usize,
        /// How many have another address, authority or weight.
        changed: usize,
    },
    /// A discovery answer would remove too many endpoints at once: they stay until it is confirmed. Told when others are held back
    /// than before, or for longer.
    Quarantined {
        /// Of this cluster.
        cluster: Name,
        /// Which.
        region: Name,
        /// How many endpoints it would remove.
        removed: usize,
        /// Of so many that were there before, and still are.
        known: usize,
        /// When the first of them goes, if the answers lack it until then; `None` when the answer was empty,
        /// which is never believed, and while the source fails.
        until: Option<Instant>,
    },
    /// A discovery has no answer, or one that makes no sound table: the last good one stays.
    DiscoveryFailed {
        /// Of this cluster.
        cluster: Name,
        /// Which.
        region: Name,
        /// What the source, or the table, said.
        why: String,
    },
}
