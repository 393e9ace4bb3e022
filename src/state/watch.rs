//! What watches over one region: its endpoints' detector, its own life, and whom to tell.
//!
//! A region that nobody watches has none of this, not even the memory. In one that is watched a request writes its endpoint's health
//! and reads one word here: whether it is time to look. Looking takes the lock, moves the machines on, and counts a turn if
//! anything came of it, by which every view of the cluster knows that it is of yesterday.

use super::cluster::Common;
use super::health::{Detector, Health, Live, Member, Phase};
use super::life::{Life, Transition};
use super::news::{Board, News, What};
use super::parts::{WHOLE, part, proportional};
use super::standing::Standing;
use crate::entropy::Entropy;
use crate::id::{Epoch, Generation, Name};
use crate::sync::{Arc, AtomicU64, Meeting, Ordering};
use crate::table::{Failover, Outlier};
use crate::time::Instant;

/// Answers in the window that make a success rate of a region: as many as of an endpoint.
const MIN_REQUESTS: u64 = 50;

/// One region that is watched.
#[derive(Debug)]
pub(crate) struct Watch {
    /// From when on somebody should look.
    next_look: AtomicU64,
    inner: Meeting<Inner>,
    reports: Reports,
    /// Cluster and region.
    names: (Name, Name),
}

#[derive(Debug)]
struct Inner {
    detector: Detector,
    life: Life,
    failover: Failover,
    /// Whether endpoints are judged by their answers.
    is_judged: bool,
    generation: Generation,
    healths: Box<[Arc<Health>]>,
    live: Live,
}

/// Where a watch of a region puts what it finds.
#[derive(Clone, Debug)]
pub(crate) struct Reports {
    common: Arc<Common>,
    board: Arc<Board>,
    epochs: Arc<AtomicU64>,
    entropy: Entropy,
}

impl Reports {
    pub(crate) fn new(common: &Arc<Common>, board: &Arc<Board>, epochs: &Arc<AtomicU64>, entropy: &Entropy) -> Self {
        let (common, board) = (common.clone(), board.clone());
        Reports { common, board, epochs: epochs.clone(), entropy: entropy.clone() }
    }
}

/// What a table says of a region that is watched.
pub(crate) struct Watching {
    pub(crate) outlier: Option<Outlier>,
    pub(crate) failover: Failover,
    pub(crate) members: Vec<Member>,
    pub(crate) generation: Generation,
}

impl Watch {
    pub(crate) fn new(cluster: Name, region: Name, reports: Reports) -> Self {
        let inner = Inner {
            detector: Detector::new(),
            life: Life::default(),
            failover: Failover::default(),
            is_judged: false,
            generation: Generation::FIRST,
            healths: Box::default(),
            live: Live::default(),
        };
        let next_look = AtomicU64::new(Instant::NEVER.as_nanos());
        Watch { next_look, inner: Meeting::new(inner), reports, names: (cluster, region) }
    }

    /// Watches by another table from now on; what is known of endpoints that stay is kept. The part of the region that lives.
    pub(crate) fn put(&self, watching: Watching, now: Instant) -> u64 {
        let Watching { outlier, failover, members, generation } = watching;
        let mut inner = self.inner.lock();
        inner.healths = members.iter().map(|member| member.health.clone()).collect();
        inner.detector.put(outlier, members, now);
        (inner.failover, inner.is_judged, inner.generation) = (failover, outlier.is_some(), generation);
        inner.live = inner.detector.live();
        self.look_at(&mut inner, now);
        inner.live.part()
    }

    /// Whether it is time to look.
    #[inline]
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        // Relaxed: who looks a moment later sees as much.
        Instant::from_nanos(self.next_look.load(Ordering::Relaxed)) <= now
    }

    /// Moves all on to now; the part of the region that lives, if anything came of it.
    #[cold]
    pub(crate) fn look(&self, now: Instant) -> Option<u64> {
        let mut inner = self.inner.lock();
        self.look_at(&mut inner, now)
    }

    /// The same, unless somebody is at it.
    #[cold]
    pub(crate) fn look_in_passing(&self, now: Instant) -> Option<u64> {
        let mut inner = self.inner.try_lock()?;
        self.look_at(&mut inner, now)
    }

    fn look_at(&self, inner: &mut Inner, now: Instant) -> Option<u64> {
        let verdicts = inner.detector.look(now, self.reports.entropy.word());
        let live = inner.detector.live();
        let transitions = inner.live_on(live, now);
        let next = [
            inner.detector.next_change(),
            inner.detector.next_sweep(),
            inner.life.next_transition(now, &inner.failover),
        ];
        let next = next.into_iter().min().unwrap_or(Instant::NEVER);
        self.next_look.store(next.as_nanos(), Ordering::Relaxed);
        if verdicts.is_empty() && transitions.is_empty() && live == inner.live {
            return None;
        }
        inner.live = live;
        let (cluster, region) = &self.names;
        let epoch = Epoch::from_u64(self.reports.epochs.load(Ordering::Relaxed));
        let generation = inner.generation;
        let found = verdicts.into_iter().map(What::Endpoint).chain(transitions.into_iter().map(What::Region));
        let news = found.map(|what| News {
            cluster: cluster.clone(),
            region: region.clone(),
            at: now,
            generation,
            epoch,
            what,
        });
        self.reports.board.put(news.collect());
        // Release, and after all of it: a view that is built by this turn has seen what it counts.
        self.reports.common.turn.fetch_add(1, Ordering::Release);
        Some(live.part())
    }

    /// How the region stands.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let inner = self.inner.lock();
        // Counted anew: checks may have said something since anybody looked, and endpoints are read now too.
        let Live { usable, counted, degraded } = inner.detector.live();
        let ceiling = inner.life.ceiling(now, &inner.failover);
        let next_change = inner.detector.next_change().min(inner.life.next_change(now, &inner.failover));
        // Of nothing counted all is healthy, and nothing degraded.
        let (healthy, degraded) = (part(usable, counted), proportional(WHOLE, degraded, counted));
        Standing { healthy, degraded, ceiling, next_change, phase: inner.life.phase() }
    }
}

impl Live {
    /// The part of the region that may be used.
    fn part(&self) -> u64 {
        part(self.usable + self.degraded, self.counted)
    }
}

impl Inner {
    /// The life of the region, by how much of it lives and how many of its answers are good.
    fn live_on(&mut self, live: Live, now: Instant) -> Vec<Transition> {
        let alive = live.part();
        let health = self.success_rate(now).map_or(alive, |rate| rate.min(alive));
        self.life.observe(health, now, &self.failover)
    }

    /// The part of the answers that were good, of the endpoints that are in, if there were enough.
    fn success_rate(&self, now: Instant) -> Option<u64> {
        if !self.is_judged {
            return None;
        }
        let is_in = |health: &&Arc<Health>| health.phase().0 == Phase::In;
        let counts = self.healths.iter().filter(is_in).map(|health| health.counts(now));
        let (ok, failed) = counts.fold((0, 0), |(ok, failed), one| (ok + one.0, failed + one.1));
        (ok + failed >= MIN_REQUESTS).then(|| part(ok, ok + failed))
    }
}
