//! The endpoints that are checked, by incarnation: what is known of each, and when it is due.
//!
//! An incarnation is one endpoint over all tables that have it, so a publish that moves it, re-weighs it or gives it another
//! address keeps its streak, and one that was removed and added again begins anew.
//!
//! # Who waits for the first check
//! One that is new waits until it passes, as long as there are others. But who takes its part meanwhile? Of a region of ten whose
//! endpoints are all replaced in one publish, as a rollout does, the first to pass would get everything, ten times
//! what it can take, until the second has passed. So new ones wait only where at least half of those that served before are
//! still there: then nobody's part more than doubles, and mostly it does not change at all. Otherwise, and when the prober
//! begins, they are used until they fail, as without checks.

use super::pace::Pace;
use crate::id::Name;
use crate::state::{Checked, Report, Rows, Snapshot, Streak};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// Cluster, region and endpoint, by place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) cluster: u32,
    pub(super) region: u32,
    pub(super) endpoint: u32,
}

/// A verdict that the endpoint there has not been told.
pub(super) type News = (Place, Checked);

/// All endpoints that are checked.
#[derive(Debug, Default)]
pub(super) struct Watched {
    ones: BTreeMap<u64, One>,
    /// Those that are not being asked, by when they are to be.
    due: BTreeSet<(Instant, u64)>,
    /// Whether any table was followed yet.
    has_begun: bool,
}

#[derive(Debug)]
struct One {
    /// In the table that was followed last.
    place: Place,
    /// The names of its cluster and region.
    region: (Name, Name),
    streak: Streak,
    /// None while it is being asked.
    due: Option<Instant>,
}

impl One {
    fn serves(&self) -> bool {
        self.streak.verdict().is_used()
    }
}

impl Watched {
    /// Follows a table, or one cluster of it: who came is due soon, who went is forgotten. Gives what endpoints are to be told.
    pub(super) fn follow(&mut self, snapshot: &Snapshot, only: Option<&str>, pace: &Pace, now: Instant) -> Vec<News> {
        let mut before = std::mem::take(&mut self.ones);
        let mut served = BTreeMap::<(Name, Name), usize>::new();
        for one in before.values().filter(|one| one.serves()) {
            *served.entry(one.region.clone()).or_default() += 1;
        }
        let (mut came, mut news) = (Vec::new(), Vec::new());
        for (cluster, intent) in (0..).zip(snapshot.table().clusters()) {
            if only.is_some_and(|only| *intent.name() != *only) {
                continue;
            }
            for (place, region) in (0..).zip(intent.regions()) {
                let names = (intent.name().clone(), region.name().clone());
                let states = &snapshot.cluster(cluster).regions[place as usize].endpoints;
                let stay =
                    states.iter().filter(|state| before.get(&state.incarnation()).is_some_and(One::serves)).count();
                let served = served.get(&names).copied().unwrap_or(0);
                let others_can_take_it = self.has_begun && stay > 0 && 2 * stay >= served;
                for (endpoint, state) in (0..).zip(states) {
                    let place = Place { cluster, region: place, endpoint };
                    let Some(mut one) = before.remove(&state.incarnation()) else {
                        let first = if others_can_take_it { Checked::Unknown } else { Checked::Never };
                        news.push((place, first));
                        came.push(state.incarnation());
                        let one = One { place, region: names.clone(), streak: Streak::new(first), due: None };
                        self.ones.insert(state.incarnation(), one);
                        continue;
                    };
                    if !others_can_take_it && one.streak.let_in() {
                        news.push((place, one.streak.verdict()));
                    }
                    one.place = place;
                    self.ones.insert(state.incarnation(), one);
                }
            }
        }
        for (gone, one) in before {
            one.due.map(|due| self.due.remove(&(due, gone)));
        }
        for (at, incarnation) in came.iter().enumerate() {
            self.ask_at(*incarnation, now.after(pace.start(at, came.len())));
        }
        self.has_begun = true;
        news
    }

    /// The next that is due now; it is being asked from now on.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(u64, Place)> {
        let &(due, incarnation) = self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        let one = self.ones.get_mut(&incarnation)?;
        one.due = None;
        Some((incarnation, one.place))
    }

    /// When the next is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// What a check said of one that was asked at `asked`; what it is to be told, if that is anything new.
    pub(super) fn observe(
        &mut self,
        incarnation: u64,
        report: Report,
        rows: Rows,
        pace: &Pace,
        asked: Instant,
        now: Instant,
    ) -> Option<News> {
        let one = self.ones.get_mut(&incarnation)?;
        let before = one.streak.verdict();
        let verdict = one.streak.observe(report, rows);
        let news = (verdict != before).then_some((one.place, verdict));
        let next = asked.after(pace.interval(one.streak)).max(now);
        self.ask_at(incarnation, next);
        news
    }

    fn ask_at(&mut self, incarnation: u64, at: Instant) {
        if let Some(one) = self.ones.get_mut(&incarnation) {
            one.due = Some(at);
            self.due.insert((at, incarnation));
        }
    }

    /// Whether it is checked.
    pub(super) fn has(&self, incarnation: u64) -> bool {
        self.ones.contains_key(&incarnation)
    }

    /// How many are checked.
    pub(super) fn len(&self) -> usize {
        self.ones.len()
    }
}
