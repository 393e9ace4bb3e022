//! Who was answered by whom, in which phase, and who moved that should not have.
//!
//! A user is at home on the server that answered before. A request that was under way when the operator changed something
//! counts for its phase, and not for who moved: either table may have routed it.

use crate::plan::{May, PLAN};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The regions, by place: the one in Europe is the last.
pub(crate) const REGIONS: [&str; 3] = ["us-east", "us-west", "eu-west"];

pub(crate) const EUROPE: usize = 2;

/// What became of a request.
pub(crate) struct Answer {
    pub(crate) user: usize,
    pub(crate) is_good: bool,
    /// Who answered; none if nobody did.
    pub(crate) server: Option<String>,
    pub(crate) took: Duration,
}

/// What became of some requests.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub(crate) errors: usize,
    /// Those of users at home in the US.
    pub(crate) errors_in_the_us: usize,
    pub(crate) by_region: [usize; REGIONS.len()],
    pub(crate) took: Vec<Duration>,
}

impl Counts {
    fn add(&mut self, answer: &Answer, is_at_home_in_europe: bool) {
        self.took.push(answer.took);
        self.errors += usize::from(!answer.is_good);
        self.errors_in_the_us += usize::from(!answer.is_good && !is_at_home_in_europe);
        if let Some(region) = answer.server.as_deref().and_then(region_of) {
            self.by_region[region] += 1;
        }
    }

    pub(crate) fn percentile_99(&self) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        took.get(took.len() * 99 / 100).copied().unwrap_or_default()
    }

    /// The part of the answers that a region gave, in percent.
    pub(crate) fn share(&self, region: usize) -> f64 {
        self.by_region[region] as f64 * 100.0 / self.by_region.iter().sum::<usize>().max(1) as f64
    }
}

/// A phase, as it went.
#[derive(Clone, Default)]
pub(crate) struct Went {
    pub(crate) counts: Counts,
    /// Users who moved as the operator wanted.
    pub(crate) moved: HashSet<usize>,
    /// Users who moved and should not have.
    pub(crate) strayed: HashSet<usize>,
    /// Users who asked, and were answered, all within the phase.
    asked: HashSet<usize>,
}

pub(crate) struct Record {
    /// Twice the phase, and one more while the operator changes something.
    moment: AtomicUsize,
    kept: Mutex<Kept>,
}

struct Kept {
    phases: Vec<Went>,
    /// Since the chart was drawn last.
    lately: Counts,
    homes: Vec<Option<String>>,
}

impl Record {
    pub(crate) fn new(users: usize) -> Self {
        let phases = vec![Went::default(); PLAN.len()];
        let kept = Kept { phases, lately: Counts::default(), homes: vec![None; users] };
        Record { moment: AtomicUsize::new(0), kept: Mutex::new(kept) }
    }

    /// The phase, for a request that begins now, and a mark for its end.
    pub(crate) fn moment(&self) -> usize {
        self.moment.load(SeqCst)
    }

    pub(crate) fn phase(&self) -> usize {
        self.moment() / 2
    }

    /// Begins the next phase with what the operator does.
    pub(crate) fn next<T>(&self, act: impl FnOnce() -> T) -> T {
        self.moment.fetch_add(1, SeqCst);
        let done = act();
        self.moment.fetch_add(1, SeqCst);
        done
    }

    /// Takes down an answer to a request that began at this moment.
    pub(crate) fn answered(&self, began: usize, answer: &Answer) {
        let mut kept = self.kept();
        let is_within = began.is_multiple_of(2) && began == self.moment();
        let Kept { phases, lately, homes } = &mut *kept;
        let home = &mut homes[answer.user];
        let is_at_home_in_europe = home.as_deref().is_some_and(is_in_europe);
        let went = &mut phases[began / 2];
        lately.add(answer, is_at_home_in_europe);
        went.counts.add(answer, is_at_home_in_europe);
        if is_within {
            went.asked.insert(answer.user);
            if let Some(server) = answer.server.as_ref().filter(|_| answer.is_good) {
                went.settle(answer.user, home, server, PLAN[began / 2].may);
            }
        }
    }

    /// Whether everybody has asked in this phase.
    pub(crate) fn has_everybody(&self) -> bool {
        let kept = self.kept();
        kept.phases[self.phase()].asked.len() == kept.homes.len()
    }

    pub(crate) fn users_in_europe(&self) -> usize {
        self.kept().homes.iter().flatten().filter(|home| is_in_europe(home)).count()
    }

    /// What came since this was asked last.
    pub(crate) fn lately(&self) -> Counts {
        std::mem::take(&mut self.kept().lately)
    }

    pub(crate) fn went(&self) -> Vec<Went> {
        self.kept().phases.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Went {
    /// Whether this user may be answered by that server, and where it is at home from now on.
    fn settle(&mut self, user: usize, home: &mut Option<String>, server: &str, may: May) {
        let Some(was) = home else {
            *home = Some(server.into());
            return;
        };
        if was == server {
            if may == May::BeServedElsewhere && is_in_europe(server) {
                self.strayed.insert(user);
            }
            return;
        }
        match (is_in_europe(was), may) {
            (false, May::MoveToEurope) if is_in_europe(server) => {
                self.moved.insert(user);
                *home = Some(server.into());
            }
            (true, May::FailInEurope | May::BeServedAnywhere) => {}
            (true, May::BeServedElsewhere) if !is_in_europe(server) => {}
            _ => _ = self.strayed.insert(user),
        }
    }
}

fn region_of(server: &str) -> Option<usize> {
    REGIONS.iter().position(|region| server.starts_with(region))
}

fn is_in_europe(server: &str) -> bool {
    region_of(server) == Some(EUROPE)
}
