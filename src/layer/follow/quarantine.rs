//! Which removals are believed at once, and which must be asked for until they are believed.
//!
//! A registry that restarts, a resolver that is cut off, a filter with a typing error: all of them answer, with less than there
//! is. Eureka's servers stop expiring entries when more than 15% of the renewals that they expect stay out; Envoy falls back
//! on all hosts when less than half seem healthy. 15% counts heartbeats of hundreds; of four endpoints it would be
//! less than one, and each deploy would wait. The prices differ too: a removal held back wrongly costs some attempts at a
//! dead endpoint, which health and retries are for; one believed wrongly costs the region. So:
//!
//! - *One* endpoint may always go. So may up to a part of them, by default half: a rolling deploy, one zone of two or three.
//! - The part counts over time: what drips away within `confirm_after` counts together, or a registry that expires its
//!   entries one by one would empty the region in steps that are each small enough. New endpoints make up for what went,
//!   so that a deploy that replaces all, one by one, is no loss.
//! - More than that is held back, while what is new comes in. Each endpoint that is held goes once the answers have lacked it
//!   for `confirm_after` without a break. An empty answer and a failure are a break: neither says anything of an endpoint.
//! - Nothing that was missing all that time is held when somebody else's table brings it back: that was judged already.

use crate::table::EndpointSpec;
use crate::time::Instant;
use crate::unit::Ratio;
use std::collections::BTreeMap;
use std::time::Duration;

/// Two rounds of a resolver that asks twice a minute, and longer than a registry takes to restart and be told again.
const CONFIRM_AFTER: Duration = Duration::from_secs(60);

/// What may go at once; see the module.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) remove_at_most: Ratio,
    pub(super) confirm_after: Duration,
}

impl Default for Rule {
    fn default() -> Self {
        Rule { remove_at_most: Ratio::percent(50), confirm_after: CONFIRM_AFTER }
    }
}

impl Rule {
    /// How many of so many may go at once.
    fn allowance(self, known: usize) -> usize {
        // 0.29 of 100 is 28.999.. in binary.
        let part = (known as f64 * self.remove_at_most.get() + 1e-9) as usize;
        part.max(1)
    }
}

/// What is known of the removals that answers ask for.
#[derive(Clone, Debug, Default)]
pub(super) struct Quarantine {
    pub(super) rule: Rule,
    /// Since when the answers have lacked what is held back.
    missed: BTreeMap<String, Instant>,
    /// Since when the answers have had the names that they have; None after one that says nothing.
    stands: Option<Instant>,
    peaks: Peaks,
}

/// What becomes of a region.
#[derive(Debug)]
pub(super) struct Judgement {
    /// All it is to have, by name.
    pub(super) endpoints: Vec<EndpointSpec>,
    /// The names that are only there because they are held back.
    pub(super) held: Vec<String>,
    /// When the first of them goes.
    pub(super) until: Option<Instant>,
    /// What is known once this is in force.
    pub(super) then: Quarantine,
}

impl Quarantine {
    /// An answer came that differs from the one before in its names, or does not.
    pub(super) fn heard(&mut self, names_differ: bool, now: Instant) {
        if names_differ || self.stands.is_none() {
            self.stands = Some(now);
        }
    }

    /// The source failed, or said that there is nothing.
    pub(super) fn doubt(&mut self) {
        self.stands = None;
        self.missed.clear();
    }

    /// What becomes of a region of these endpoints by an answer that is not empty; both are sorted by name.
    ///
    /// It changes nothing here: whoever publishes the result may be too late, and asks again.
    pub(super) fn judge(&self, known: &[EndpointSpec], wanted: &[EndpointSpec], now: Instant) -> Judgement {
        let since = |name: &str| self.missed.get(name).copied().or(self.stands);
        let goes_at = |name: &str| since(name).map_or(Instant::NEVER, |since| since.after(self.rule.confirm_after));
        let missing = known.iter().filter(|endpoint| !has(wanted, &endpoint.name));
        let (confirmed, fresh): (Vec<_>, Vec<_>) = missing.partition(|endpoint| goes_at(&endpoint.name) <= now);

        // What is confirmed is no loss any more: the rest is judged as if it had not been there.
        let left = known.len() - confirmed.len();
        let mut peaks = self.peaks.at(known.len(), self.rule.confirm_after, now);
        peaks.believe(confirmed.len());
        let added = wanted.iter().filter(|endpoint| !has(known, &endpoint.name)).count();
        let after = left - fresh.len() + added;
        let lost = peaks.most().saturating_sub(after);
        let is_held = fresh.len() > self.rule.allowance(left) || lost > self.rule.allowance(peaks.most());

        let held = if is_held { fresh } else { Vec::new() };
        let mut endpoints: Vec<_> = wanted.iter().chain(held.iter().copied()).cloned().collect();
        endpoints.sort_by(|a, b| a.name.cmp(&b.name));
        peaks.note(endpoints.len());
        let until = held.iter().map(|endpoint| goes_at(&endpoint.name)).min().filter(|until| *until < Instant::NEVER);
        let missed = held.iter().filter_map(|endpoint| Some((endpoint.name.clone(), since(&endpoint.name)?))).collect();
        let held = held.iter().map(|endpoint| endpoint.name.clone()).collect();
        Judgement { endpoints, held, until, then: Quarantine { missed, peaks, ..*self } }
    }
}

fn has(endpoints: &[EndpointSpec], name: &str) -> bool {
    endpoints.binary_search_by(|endpoint| endpoint.name.as_str().cmp(name)).is_ok()
}

/// The most endpoints that the region had lately: in this stretch of `confirm_after`, and in the one before it.
///
/// Two stretches in turn, and not each size with its time: what is asked is at least one and at most two of them long.
#[derive(Clone, Copy, Debug)]
struct Peaks {
    from: Instant,
    this: usize,
    last: usize,
}

impl Default for Peaks {
    fn default() -> Self {
        Peaks { from: Instant::START, this: 0, last: 0 }
    }
}

impl Peaks {
    /// The same at this moment, when the region has had this size since it was last judged.
    fn at(self, size: usize, stretch: Duration, now: Instant) -> Self {
        let Peaks { from, this, last } = self;
        if now < from.after(stretch) {
            Peaks { from, this: this.max(size), last }
        } else if now < from.after(stretch.saturating_mul(2)) {
            Peaks { from: from.after(stretch), this: size, last: this.max(size) }
        } else {
            Peaks { from: now, this: size, last: size }
        }
    }

    fn most(self) -> usize {
        self.this.max(self.last)
    }

    fn note(&mut self, size: usize) {
        self.this = self.this.max(size);
    }

    /// So many went, and are believed to be gone.
    fn believe(&mut self, gone: usize) {
        self.this = self.this.saturating_sub(gone);
        self.last = self.last.saturating_sub(gone);
    }
}
