//! How many decisions sent requests where, and how many requests were refused.

use contraflow::{Decision, Name, Observer, Reason, Rejected, Snapshot};
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
}

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
}

impl Observer for Counts {
    // Not each decision: where a limit refuses it, nothing is sent.
    fn attempt(&self, snapshot: &Snapshot, decision: &Decision) {
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
}
