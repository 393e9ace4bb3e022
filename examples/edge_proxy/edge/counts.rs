//! How many decisions sent requests where, how many requests were refused, and how many were sent again.

use contraflow::{Another, Cause, Decision, GiveUp, Name, Observer, Reason, Rejected, Retry, Snapshot};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};

/// By route, then cluster, then region. Names, and not places in a table, so that counts go on over every swap.
type Decisions = BTreeMap<String, BTreeMap<String, BTreeMap<String, AtomicU64>>>;

type Rejections = HashMap<Reason, AtomicU64>;

#[derive(Debug, Default)]
pub(crate) struct Counts {
    decisions: RwLock<Decisions>,
    rejections: RwLock<Rejections>,
    attempts: Attempts,
}

/// How often requests were sent again, and why. What happens rarely, and has few kinds: no names, and no lock.
#[derive(Debug, Default)]
struct Attempts {
    /// Those that were sent, by their number: the first attempts of all requests, the second ones, and so on.
    sent: [AtomicU64; Retry::MAX_ATTEMPTS as usize],
    /// Others that were decided on, by the place of their cause in [`CAUSES`].
    again: [AtomicU64; CAUSES.len()],
    /// Those that were not, by the place of the reason in [`REASONS`].
    given_up: [AtomicU64; REASONS.len()],
}

/// Why requests are sent again: the last one is a hedge, and no failure.
const CAUSES: [&str; 4] = ["failed", "not_processed", "timed_out", "slow"];

/// Why they are not.
const REASONS: [&str; 8] = ["attempts", "budget", "deadline", "hint", "pushback", "body", "refused", "other"];

impl Counts {
    pub(crate) fn decisions(&self) -> Value {
        json!(*self.decisions.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// By the reason's sentence.
    pub(crate) fn rejections(&self) -> Value {
        let rejections = self.rejections.read().unwrap_or_else(PoisonError::into_inner);
        let counts = rejections.iter().map(|(reason, count)| (reason.to_string(), json!(count)));
        Value::Object(counts.collect())
    }

    /// By number, then by cause, then what was not sent again though it might have been, by reason.
    pub(crate) fn attempts(&self) -> Value {
        let Attempts { sent, again, given_up } = &self.attempts;
        let numbers: Vec<_> = (1..=sent.len()).map(|number| number.to_string()).collect();
        json!({
            "sent": those_there_are(numbers.iter().map(String::as_str), sent),
            "again": those_there_are(CAUSES, again),
            "given_up": those_there_are(REASONS, given_up),
        })
    }
}

/// The counts that are not zero.
fn those_there_are<'a>(names: impl IntoIterator<Item = &'a str>, counts: &[AtomicU64]) -> Value {
    let counts = names.into_iter().zip(counts).map(|(name, count)| (name, count.load(Relaxed)));
    Value::Object(counts.filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), json!(count))).collect())
}

impl Observer for Counts {
    // Not each decision: where a limit refuses it, nothing is sent.
    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
        if let Some(count) = self.attempts.sent.get(decision.attempt() as usize) {
            count.fetch_add(1, Relaxed);
        }
        let Some(names) = snapshot.describe(decision) else { return };
        let [route, cluster, region] = [names.route(), names.cluster(), names.region()].map(Name::as_str);
        {
            let decisions = self.decisions.read().unwrap_or_else(PoisonError::into_inner);
            let count = decisions.get(route).and_then(|of| of.get(cluster)?.get(region));
            if let Some(count) = count {
                count.fetch_add(1, Relaxed);
                return;
            }
        }
        let mut decisions = self.decisions.write().unwrap_or_else(PoisonError::into_inner);
        let of_route = decisions.entry(route.into()).or_default();
        let count = of_route.entry(cluster.into()).or_default().entry(region.into()).or_default();
        count.fetch_add(1, Relaxed);
    }

    fn rejection(&self, _: &Snapshot, rejected: &Rejected) {
        let reason = rejected.reason();
        {
            let rejections = self.rejections.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(count) = rejections.get(&reason) {
                count.fetch_add(1, Relaxed);
                return;
            }
        }
        let mut rejections = self.rejections.write().unwrap_or_else(PoisonError::into_inner);
        rejections.entry(reason).or_default().fetch_add(1, Relaxed);
    }

    fn another(&self, _: &Snapshot, another: &Another) {
        let place = match another.cause {
            Cause::NotProcessed => 1,
            Cause::TimedOut => 2,
            Cause::Slow => 3,
            _ => 0,
        };
        self.attempts.again[place].fetch_add(1, Relaxed);
    }

    fn gave_up(&self, _: &Snapshot, why: &GiveUp) {
        let place = match why {
            GiveUp::Attempts { .. } => 0,
            GiveUp::Budget => 1,
            GiveUp::Deadline { .. } => 2,
            GiveUp::Hint { .. } => 3,
            GiveUp::Pushback => 4,
            GiveUp::Body => 5,
            GiveUp::Refused(_) => 6,
            _ => 7,
        };
        self.attempts.given_up[place].fetch_add(1, Relaxed);
    }
}
