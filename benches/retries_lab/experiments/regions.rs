//! E9, E10: one of three regions is in trouble, and the others could take what it has.

use super::SUCCESS;
use crate::lab::run;
use crate::measured::{Measured, Slice};
use crate::policies::Policy;
use crate::setting::Setting;
use crate::shared::figures::{Bar, Rows};
use crate::shared::server::Health;
use contraflow::table::LeaveRegion;
use std::time::Duration;

/// When it begins, and when the run ends, in seconds.
const ONSET: f64 = 20.0;
const END: f64 = 50.0;

/// Of each attempt: twice what 99 of 100 answers need.
const PER_TRY: Duration = Duration::from_millis(100);

pub(super) fn slow(policy: Policy, seed: u64) -> Rows {
    all(Health::Slow(10.0), false, policy, seed)
}

pub(super) fn slow_limited(policy: Policy, seed: u64) -> Rows {
    all(Health::Slow(10.0), true, policy, seed)
}

pub(super) fn hole(policy: Policy, seed: u64) -> Rows {
    all(Health::Hole, false, policy, seed)
}

pub(super) fn hole_limited(policy: Policy, seed: u64) -> Rows {
    all(Health::Hole, true, policy, seed)
}

/// Three regions of three servers with four workers each.
fn setting(health: Health, limits: bool, clients: usize, leave_region: LeaveRegion) -> Setting {
    let setting = Setting::new(clients, 0.4).then(ONSET, |now| now.first = health);
    Setting {
        regions: 3,
        endpoints: 3,
        is_pooled: false,
        workers: 4,
        limits,
        patience: None,
        deadline: Duration::from_secs(1),
        single_deadline: Duration::from_secs(1),
        per_try: Some(PER_TRY),
        leave_region,
        end: END,
        ..setting
    }
}

fn all(health: Health, limits: bool, policy: Policy, seed: u64) -> Rows {
    let mut rows = Rows::default();
    let (evidence, always) = (LeaveRegion::OnEvidence, LeaveRegion::Always);
    for (name, leave_region, clients) in [("evidence", evidence, 1), ("evidence", evidence, 10), ("always", always, 10)]
    {
        let measured = run(&setting(health, limits, clients, leave_region), policy, seed);
        add(&mut rows, &format!("{name} n={clients}"), &measured);
    }
    rows
}

/// From two seconds after the onset on.
fn add(rows: &mut Rows, name: &str, measured: &Measured) {
    let after = || ONSET + 2.0..END;
    let asked = |slice: &Slice| slice.asked;
    let percent = |count: fn(&Slice) -> u32| 100.0 * measured.part(after(), count, asked);
    rows.add(format!("success % {name}"), SUCCESS, measured.success(after()));
    rows.add("  first 2 s", Bar::Note, measured.success(ONSET..ONSET + 2.0));
    rows.add("  p99 ms", Bar::Note, measured.quantile(after(), 0.99));
    rows.add("  amplification", Bar::Note, measured.amplification(after()));
    let first = 100.0 * measured.part(after(), |slice| slice.sent_first, |slice| slice.sent);
    rows.add("  attempts % into it", Bar::Note, first);
    rows.add("  retries % timed out", Bar::Note, percent(|slice| slice.timed_out));
    rows.add("  retries % failed", Bar::Note, percent(|slice| slice.failed));
    rows.add("  failed % budget spent", Bar::Note, percent(|slice| slice.unpaid));
}
