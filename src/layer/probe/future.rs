//! The prober: one future over all checks.

use super::check::Check;
use super::pace::Pace;
use super::watched::{News, Place, Watched};
use crate::id::Generation;
use crate::observe::Event;
use crate::state::{Checked, Report, Rows, Snapshot};
use crate::time::{Instant, Sleep};
use crate::traffic::{Traffic, Watch};
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// Checks endpoints for as long as it is polled: see [`Traffic::probe`].
#[must_use = "nothing is checked unless it is spawned or polled"]
pub struct Probe<C: Check> {
    pub(super) traffic: Traffic,
    pub(super) check: C,
    /// Only this cluster.
    pub(super) cluster: Option<Box<str>>,
    pub(super) pace: Pace,
    pub(super) rows: Rows,
    pub(super) timeout: Duration,
    pub(super) at_most: usize,
    watch: Watch,
    /// The table that was followed last.
    followed: Option<Generation>,
    watched: Watched,
    asked: Vec<Asked<C::Future>>,
    timer: Option<Sleep>,
}

/// A check that is under way.
struct Asked<F> {
    incarnation: u64,
    since: Instant,
    future: Pin<Box<F>>,
}

// What is pinned in it is in boxes.
impl<C: Check> Unpin for Probe<C> {}

impl<C: Check> fmt::Debug for Probe<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("cluster", &self.cluster)
            .field("endpoints", &self.watched.len())
            .field("under_way", &self.asked.len())
            .finish_non_exhaustive()
    }
}

impl<C: Check> Probe<C> {
    pub(super) fn new(traffic: &Traffic, cluster: Option<&str>, check: C, pace: Pace) -> Self {
        Probe {
            traffic: traffic.clone(),
            check,
            cluster: cluster.map(Into::into),
            pace,
            rows: Rows::default(),
            timeout: Duration::from_secs(1),
            at_most: 16,
            watch: traffic.watch(),
            followed: None,
            watched: Watched::default(),
            asked: Vec::new(),
            timer: None,
        }
    }

    /// Follows the table in force, if that is another.
    fn follow(&mut self, snapshot: &Snapshot, now: Instant) -> Vec<News> {
        if self.followed.replace(snapshot.generation()) == Some(snapshot.generation()) {
            return Vec::new();
        }
        let news = self.watched.follow(snapshot, self.cluster.as_deref(), &self.pace, now);
        // Whoever is gone need not answer any more.
        self.asked.retain(|asked| self.watched.has(asked.incarnation));
        news
    }

    /// Takes the answers that are there, and gives up those that take too long.
    fn take_answers(&mut self, cx: &mut Context<'_>, now: Instant, news: &mut Vec<News>) {
        let mut at = 0;
        while let Some(asked) = self.asked.get_mut(at) {
            let (incarnation, since) = (asked.incarnation, asked.since);
            let report = match asked.future.as_mut().poll(cx) {
                Poll::Ready(report) => report,
                Poll::Pending if since.after(self.timeout) <= now => Report::Failed,
                Poll::Pending => {
                    at += 1;
                    continue;
                }
            };
            self.asked.swap_remove(at);
            news.extend(self.watched.observe(incarnation, report, self.rows, &self.pace, since, now));
        }
    }

    /// Asks those that are due, as far as there is room.
    fn ask(&mut self, snapshot: &Snapshot, cx: &mut Context<'_>, now: Instant, news: &mut Vec<News>) {
        while self.has_room()
            && let Some((incarnation, place)) = self.watched.take_due(now)
        {
            let Place { cluster, region, endpoint } = place;
            let region = &snapshot.table().cluster_at(cluster).regions()[region as usize];
            let mut future = Box::pin(self.check.check(&region.endpoints()[endpoint as usize]));
            match future.as_mut().poll(cx) {
                Poll::Ready(report) => {
                    news.extend(self.watched.observe(incarnation, report, self.rows, &self.pace, now, now));
                }
                Poll::Pending => self.asked.push(Asked { incarnation, since: now, future }),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.asked.len() < self.at_most
    }

    /// When there is something to do, if nothing else happens.
    fn next(&self) -> Option<Instant> {
        let timeout = self.asked.iter().map(|asked| asked.since.after(self.timeout)).min();
        let due = if self.has_room() { self.watched.next_due() } else { None };
        timeout.into_iter().chain(due).min()
    }

    /// Tells endpoints, then has the views follow, then tells those who observe.
    fn tell(&self, snapshot: &Snapshot, news: &[News]) {
        let mut told = Vec::new();
        for &(place, to) in news {
            let state = snapshot.endpoint_state(place.cluster, place.region, place.endpoint);
            let from = state.checked();
            if state.set_checked(to) {
                told.push((place, from, to));
            }
        }
        // A verdict that leaves an endpoint in, or out, changes no view: most of those that a prober begins with.
        if !told.is_empty() {
            self.traffic.health_changed();
        }
        for (place, from, to) in told {
            self.traffic.tell_of_check(|| {
                let cluster = snapshot.table().cluster_at(place.cluster);
                let region = &cluster.regions()[place.region as usize];
                let endpoint = region.endpoints()[place.endpoint as usize].name().clone();
                Event::Checked { cluster: cluster.name().clone(), region: region.name().clone(), endpoint, from, to }
            });
        }
    }
}

impl<C: Check> Future for Probe<C> {
    type Output = Infallible;

    /// # Panics
    /// When a check does, and outside a tokio runtime with time, unless the traffic's clock is moved by hand.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let this = self.get_mut();
        loop {
            // First the waker, then the table: a publish in between wakes.
            this.watch.wake_at_publish(cx.waker());
            let snapshot = this.traffic.snapshot();
            let now = this.traffic.now();
            let mut news = this.follow(&snapshot, now);
            this.take_answers(cx, now, &mut news);
            this.ask(&snapshot, cx, now, &mut news);
            this.tell(&snapshot, &news);
            let Some(next) = this.next() else { return Poll::Pending };
            let clock = snapshot.shared().clock();
            let timer = match &mut this.timer {
                Some(timer) => {
                    timer.reset(clock, next);
                    timer
                }
                none => none.insert(clock.sleep_until(next)),
            };
            if Pin::new(timer).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<C: Check> Drop for Probe<C> {
    /// Nobody checks them any more: what was found grows old, and would hold for ever.
    fn drop(&mut self) {
        let snapshot = self.traffic.snapshot();
        let mut news = Vec::new();
        // By incarnation, since a table may be in force that was never followed.
        for (cluster, handle) in (0..).zip(snapshot.clusters()) {
            for (region, handle) in (0..).zip(&handle.regions) {
                let ours = (0..).zip(&handle.endpoints).filter(|(_, state)| self.watched.has(state.incarnation()));
                news.extend(ours.map(|(endpoint, _)| (Place { cluster, region, endpoint }, Checked::Never)));
            }
        }
        self.tell(&snapshot, &news);
    }
}
