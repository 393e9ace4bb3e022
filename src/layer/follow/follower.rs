//! What follows a region, apart from the stream that it hears of it by.
//!
//! The endpoints of a followed region are the answers': a table that somebody publishes with others (a file of placeholders, a
//! rollback to last week) gets the newest answer's within a second. Ranks, weights, limits and everything else of the
//! table are whoever published it's.

use super::quarantine::{Quarantine, Rule};
use crate::error::TableError;
use crate::id::{Generation, Name};
use crate::observe::Event;
use crate::table::{EndpointSpec, TableSpec, did_you_mean};
use crate::time::{Clock, Instant, Sleep};
use crate::traffic::{Pinned, PublishError, Traffic};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// How often it looks whether somebody else published a table. Two who follow one region by mistake change it in turn, and
/// this is also how often they do.
const LOOKS_EVERY: Duration = Duration::from_secs(1);

/// The table has no such cluster, or the cluster no such region.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}{hint}")]
pub struct NoSuchRegion {
    what: String,
    /// What was probably meant.
    hint: String,
}

// `unwrap()` and `main() -> Result` print Debug: the readable text serves there too.
impl fmt::Debug for NoSuchRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Follows one region.
pub(super) struct Follower {
    traffic: Traffic,
    clock: Clock,
    cluster: String,
    region: String,
    /// As the table has them, once it was found there.
    names: Option<(Name, Name)>,
    quarantine: Quarantine,
    /// The newest answer that was good, by name.
    newest: Option<Vec<EndpointSpec>>,
    /// Of the table that it was last held against.
    seen: Option<Generation>,
    /// When the first that is held goes.
    until: Option<Instant>,
    /// What was told last of what is held.
    told: Told,
    timer: Option<Sleep>,
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// These, and until when.
    Held(Vec<String>, Option<Instant>),
    /// All, since the answer was empty.
    Empty,
}

/// What became of an answer.
enum Settled {
    /// It is in force, as far as it is believed.
    InForce,
    /// The table has no such region now.
    Away,
    /// It makes no sound table.
    Refused(TableError),
}

impl Follower {
    pub(super) fn new(traffic: &Traffic, cluster: &str, region: &str) -> Self {
        Follower {
            clock: traffic.snapshot().shared().clock().clone(),
            traffic: traffic.clone(),
            cluster: cluster.into(),
            region: region.into(),
            names: None,
            quarantine: Quarantine::default(),
            newest: None,
            seen: None,
            until: None,
            told: Told::Held(Vec::new(), None),
            timer: None,
        }
    }

    pub(super) fn rule(&mut self) -> &mut Rule {
        &mut self.quarantine.rule
    }

    /// Finds the region, the first time.
    pub(super) fn begin(&mut self) -> Result<(), NoSuchRegion> {
        if self.names.is_some() {
            return Ok(());
        }
        let snapshot = self.traffic.snapshot();
        let Some(cluster) = snapshot.table().cluster(&self.cluster) else {
            let hint = did_you_mean(&self.cluster, snapshot.table().clusters().map(|one| one.name().as_str()));
            return Err(NoSuchRegion { what: format!("the table has no cluster `{}`", self.cluster), hint });
        };
        let Some(region) = cluster.regions().iter().find(|region| *region.name() == *self.region) else {
            let hint = did_you_mean(&self.region, cluster.regions().iter().map(|one| one.name().as_str()));
            return Err(NoSuchRegion {
                what: format!("cluster `{}` has no region `{}`", self.cluster, self.region),
                hint,
            });
        };
        self.names = Some((cluster.name().clone(), region.name().clone()));
        Ok(())
    }

    /// Takes an answer up.
    pub(super) fn hear(&mut self, mut answer: Vec<EndpointSpec>) {
        if answer.is_empty() {
            return self.hear_of_nothing();
        }
        answer.sort_by(|a, b| a.name.cmp(&b.name));
        let now = self.clock.now();
        let before = self.quarantine.clone();
        let names_differ =
            self.newest.as_ref().is_none_or(|newest| !newest.iter().map(name).eq(answer.iter().map(name)));
        self.quarantine.heard(names_differ, now);
        match self.settle(&answer, now) {
            Settled::InForce | Settled::Away => self.newest = Some(answer),
            Settled::Refused(error) => {
                self.quarantine = before;
                self.fail(error.to_string());
            }
        }
    }

    /// The source has no answer. What it said last stays, but nothing more goes by it.
    pub(super) fn hear_failure(&mut self, why: String) {
        self.doubt();
        self.fail(why);
    }

    /// Waits for something to do besides hearing, and does it; never done.
    pub(super) fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Without an answer there is nothing to put anywhere.
        while let Some(newest) = &self.newest {
            let now = self.clock.now();
            let is_due = self.until.is_some_and(|until| until <= now);
            if is_due || self.seen != Some(self.traffic.snapshot().generation()) {
                let newest = newest.clone();
                if let Settled::Refused(error) = self.settle(&newest, now) {
                    self.until = None;
                    self.fail(error.to_string());
                }
            }
            let next = now.after(LOOKS_EVERY);
            let next = self.until.map_or(next, |until| next.min(until));
            let timer = self.timer.get_or_insert_with(|| self.clock.sleep_until(next));
            timer.reset(&self.clock, next);
            ready!(Pin::new(timer).poll(cx));
        }
        Poll::Pending
    }

    /// An empty answer says that the source is broken, and nothing else: no region was ever meant to have no endpoint, since one
    /// that is to get nothing has weight 0.
    fn hear_of_nothing(&mut self) {
        self.doubt();
        let snapshot = self.traffic.snapshot();
        if let Some(known) = self.endpoints(snapshot.table().spec())
            && self.told != Told::Empty
        {
            self.told = Told::Empty;
            self.tell_held(&snapshot, known.len(), known.len());
        }
    }

    fn doubt(&mut self) {
        self.quarantine.doubt();
        self.until = None;
    }

    /// Puts an answer in force, as far as it is believed, and tells of it.
    fn settle(&mut self, wanted: &[EndpointSpec], now: Instant) -> Settled {
        loop {
            let snapshot = self.traffic.snapshot();
            self.seen = Some(snapshot.generation());
            let spec = snapshot.table().spec();
            let Some(known) = self.endpoints(spec) else {
                self.until = None;
                return Settled::Away;
            };
            let judged = self.quarantine.judge(known, wanted, now);
            let (added, removed, changed) = difference(known, &judged.endpoints);
            if *known != judged.endpoints[..] {
                let mut spec = spec.clone();
                if let Some(endpoints) = self.endpoints_mut(&mut spec) {
                    endpoints.clone_from(&judged.endpoints);
                }
                let table = match spec.build() {
                    Ok(table) => table,
                    Err(error) => return Settled::Refused(error),
                };
                match self.traffic.put_endpoints(snapshot.generation(), table) {
                    Ok(published) => {
                        self.seen = Some(published.generation());
                        self.tell(&snapshot, |cluster, region| {
                            let generation = published.generation();
                            Event::Discovered { cluster, region, generation, added, removed, changed }
                        });
                    }
                    // Somebody made progress, so this ends.
                    Err(PublishError::Conflict { .. }) => continue,
                    Err(PublishError::Invalid(error)) => return Settled::Refused(error),
                    // Nothing is gone back to.
                    Err(PublishError::NothingBefore { .. } | PublishError::Forgotten { .. }) => return Settled::Away,
                }
            }
            let (held, known) = (judged.held.len(), known.len() - removed);
            (self.quarantine, self.until) = (judged.then, judged.until);
            let told = std::mem::replace(&mut self.told, Told::Held(judged.held, judged.until));
            if held > 0 && told != self.told {
                self.tell_held(&snapshot, held, known);
            }
            return Settled::InForce;
        }
    }

    /// The endpoints that the region has, by name: a table's spec is in its normal form.
    fn endpoints<'a>(&self, spec: &'a TableSpec) -> Option<&'a [EndpointSpec]> {
        let cluster = spec.clusters.iter().find(|cluster| cluster.name == self.cluster)?;
        let region = cluster.regions.iter().find(|region| region.name == self.region)?;
        Some(&region.endpoints)
    }

    fn endpoints_mut<'a>(&self, spec: &'a mut TableSpec) -> Option<&'a mut Vec<EndpointSpec>> {
        let cluster = spec.cluster_mut(&self.cluster).ok()?;
        Some(&mut cluster.region_mut(&self.region).ok()?.endpoints)
    }

    fn fail(&self, why: String) {
        self.tell(&self.traffic.snapshot(), |cluster, region| Event::DiscoveryFailed { cluster, region, why });
    }

    fn tell_held(&self, snapshot: &Pinned, removed: usize, known: usize) {
        let until = self.until;
        self.tell(snapshot, |cluster, region| Event::Quarantined { cluster, region, removed, known, until });
    }

    fn tell(&self, snapshot: &Pinned, event: impl FnOnce(Name, Name) -> Event) {
        if let Some((cluster, region)) = &self.names
            && snapshot.shared().is_observed()
        {
            let event = event(cluster.clone(), region.clone());
            snapshot.shared().tell(|observer| observer.event(&event));
        }
    }
}

fn name(endpoint: &EndpointSpec) -> &str {
    &endpoint.name
}

/// How many are new, gone, and there still but otherwise; both are sorted by name.
fn difference(before: &[EndpointSpec], after: &[EndpointSpec]) -> (usize, usize, usize) {
    let find = |name: &str| before.binary_search_by(|endpoint| endpoint.name.as_str().cmp(name)).ok();
    let kept = || after.iter().filter_map(|endpoint| Some((&before[find(&endpoint.name)?], endpoint)));
    let both = kept().count();
    (after.len() - both, before.len() - both, kept().filter(|(before, after)| before != after).count())
}
