//! E8, E12: a short loss of capacity, and what sending again makes of it.

use super::{AMPLIFICATION, NEVER, RECOVERY};
use crate::lab::run;
use crate::measured::Measured;
use crate::policies::Policy;
use crate::setting::{PATIENCE, Setting};
use crate::shared::figures::{Bar, Rows};
use contraflow::table::Hedge;
use std::time::Duration;

/// When the dip begins and ends, and when the run ends, in seconds.
const DIP: f64 = 30.0;
const BACK: f64 = 35.0;
const END: f64 = 95.0;

fn setting(clients: usize, load: f64) -> Setting {
    let setting = Setting::new(clients, load).then(DIP, |now| now.working = 0.3).then(BACK, |now| now.working = 1.0);
    Setting { end: END, ..setting }
}

/// E8 with retries.
pub(super) fn retries(policy: Policy, seed: u64) -> Rows {
    all(policy, seed, |setting| setting)
}

/// E8 with hedges only.
pub(super) fn hedges(policy: Policy, seed: u64) -> Rows {
    all(policy, seed, |setting| Setting { per_try: None, hedge: Some(Hedge::default()), ..setting })
}

/// E8 with both.
pub(super) fn both(policy: Policy, seed: u64) -> Rows {
    all(policy, seed, |setting| Setting { hedge: Some(Hedge::default()), ..setting })
}

fn all(policy: Policy, seed: u64, change: impl Fn(Setting) -> Setting) -> Rows {
    let mut rows = Rows::default();
    for load in [0.8, 0.9] {
        for clients in [1, 50] {
            let measured = run(&change(setting(clients, load)), policy, seed);
            add(&mut rows, &format!("{load}x n={clients}"), &measured);
        }
    }
    rows
}

/// Servers that spend no work on what nobody waits for.
pub(super) fn dropping(policy: Policy, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for (name, per_try, hedge) in [("retry", true, false), ("hedge", false, true), ("both", true, true)] {
        let begin = setting(50, 0.8);
        let per_try = begin.per_try.filter(|_| per_try);
        let setting = Setting { drops: true, per_try, hedge: hedge.then(Hedge::default), ..begin };
        add(&mut rows, name, &run(&setting, policy, seed));
    }
    rows
}

/// All have as long, whether they send again or not, and what has no bound on its attempts waits to its deadline.
pub(super) fn long(policy: Policy, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for per_try in [PATIENCE, Duration::from_millis(600)] {
        for clients in [1, 50] {
            let begin = setting(clients, 0.8);
            let single_deadline = begin.deadline;
            let setting = Setting { patience: None, per_try: Some(per_try), single_deadline, ..begin };
            add(&mut rows, &format!("{} ms n={clients}", per_try.as_millis()), &run(&setting, policy, seed));
        }
    }
    rows
}

/// E12: the same with publishes and without them, in one storm of retries and hedges.
pub(super) fn publishes(policy: Policy, seed: u64) -> Rows {
    let mut rows = Rows::default();
    for clients in [1, 50] {
        let setting = Setting { hedge: Some(Hedge::default()), end: DIP + 30.0, ..setting(clients, 0.8) };
        let stays = run(&setting, policy, seed);
        let measured = run(&Setting { publishes: true, ..setting }, policy, seed);
        let storm = DIP..DIP + 30.0;
        let [stays, changes] = [&stays, &measured].map(|one| one.amplification(storm.clone()));
        rows.add(format!("amplification n={clients} without"), Bar::Note, stays);
        rows.add(format!("amplification n={clients} with"), AMPLIFICATION, changes);
        rows.add(format!("budgets reset n={clients}"), NEVER, f64::from(measured.resets));
        rows.add(format!("leaked n={clients}"), NEVER, measured.leaked as f64);
    }
    rows
}

fn add(rows: &mut Rows, name: &str, measured: &Measured) {
    let storm = DIP..DIP + 30.0;
    rows.add(format!("amplification {name}"), AMPLIFICATION, measured.amplification(storm.clone()));
    let peak = measured.peak(storm, 1.0, |slice| slice.sent, |slice| slice.asked);
    rows.add(format!("amplification {name} peak 1 s"), Bar::Note, peak);
    rows.add(format!("recovery s {name}"), RECOVERY, measured.recovery(BACK..END));
    rows.add(format!("success % {name}"), Bar::Note, measured.success(0.0..END));
}
