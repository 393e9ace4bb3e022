//! Finagle's window against one that forgets nothing.

use super::at;
use crate::state::budget::{Budget, Charge, Extra};
use crate::table::{Finagle, RetryBudget};
use proptest::prelude::*;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Op {
    Pass(u64),
    Request,
    Withdraw(Extra),
    Refund(prop::sample::Index),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let extra = prop::sample::select(vec![Extra::Retry, Extra::AfterTimeout, Extra::Hedge]);
    let op = prop_oneof![
        2 => (0u64..40).prop_map(Op::Pass),
        1 => (0u64..700).prop_map(Op::Pass),
        1 => (0u64..10_000).prop_map(Op::Pass),
        8 => Just(Op::Request),
        8 => extra.prop_map(Op::Withdraw),
        2 => any::<prop::sample::Index>().prop_map(Op::Refund),
    ];
    prop::collection::vec(op, 1..150)
}

/// What was added or taken in which slot, in thousandths of a token.
type Log = Vec<(u64, i64)>;

fn sum(log: &Log, slot: u64) -> i64 {
    log.iter().filter(|(other, _)| other + 10 > slot).map(|(_, amount)| amount).sum()
}

/// Milliseconds in a slot of a second's window.
const SLOT: u64 = 100;

/// Retries over a span that the slots cover are at most what its requests added, and the reserve. Spans of nine slots' length
/// are covered wherever they begin; and what holds where one ends with a retry holds for those that end before the next.
fn assert_bounded(events: &[(u64, i64)], reserve: i64) {
    for (place, (until, _)) in events.iter().enumerate().filter(|(_, (_, amount))| *amount < 0) {
        let since = until.saturating_sub(9 * SLOT);
        let span = || events[..=place].iter().filter(|(when, _)| *when >= since).map(|(_, amount)| amount);
        let taken: i64 = -span().filter(|amount| **amount < 0).sum::<i64>();
        let before = until.saturating_sub(10 * SLOT);
        let added = events[..=place].iter().filter(|(when, amount)| *when >= before && *amount > 0);
        let added: i64 = added.map(|(_, amount)| amount).sum();
        assert!(taken <= added + reserve, "{taken} taken, {added} added until {until}");
    }
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-45, as Finagle's policy says it: requests in place of successes.
    #[test]
    fn retries_are_funded_by_the_requests_of_the_window(
        thousandths in prop_oneof![Just(0u32), Just(200), 0u32..3_000],
        min_per_second in 0u32..5,
        ops in ops(),
    ) {
        let (ratio, window) = (f64::from(thousandths) / 1000.0, Duration::from_secs(1));
        let policy = RetryBudget::Finagle(Finagle { ratio, min_per_second, window });
        let reserve = i64::from(min_per_second) * 1000;
        let budget = Budget::new();
        let mut now = 1_000_000;
        // Slots are counted from the first look on.
        prop_assert_eq!(budget.has_any(&policy, || 0, at(now)), reserve >= 1000);
        let (mut log, mut events): (Log, Log) = (Vec::new(), Vec::new());
        let mut out: Vec<(Charge, u64, usize)> = Vec::new();
        for op in ops {
            let slot = now / SLOT;
            match op {
                Op::Pass(passed) => now += passed,
                Op::Request => {
                    budget.request(&policy, at(now));
                    log.push((slot, i64::from(thousandths)));
                    events.push((now, i64::from(thousandths)));
                }
                Op::Withdraw(extra) => {
                    let floor = if extra == Extra::Hedge { 0 } else { reserve };
                    let has_one = sum(&log, slot) + floor >= 1000;
                    if extra != Extra::Hedge {
                        prop_assert_eq!(budget.has_any(&policy, || 0, at(now)), has_one);
                    }
                    let charge = budget.withdraw(&policy, extra, || 0, at(now));
                    prop_assert_eq!(charge.is_some(), has_one);
                    if let Some(charge) = charge {
                        log.push((slot, -1000));
                        events.push((now, -1000));
                        out.push((charge, slot, events.len() - 1));
                    }
                }
                Op::Refund(_) if out.is_empty() => {}
                Op::Refund(which) => {
                    let (charge, taken_in, event) = out.swap_remove(which.index(out.len()));
                    budget.refund(charge);
                    log.push((taken_in, 1000));
                    events[event].1 = 0;
                }
            }
            let left = (sum(&log, now / SLOT) + reserve).max(0);
            prop_assert_eq!(budget.status(&policy, at(now)).tokens, Some(left as f64 / 1000.0));
        }
        prop_assert_eq!(budget.under_way(), out.len() as u64);
        assert_bounded(&events, reserve);
    }
}

/// Finagle's own and tower's walk through all the slots that passed.
#[test]
fn a_window_that_was_idle_for_a_year_is_empty_and_goes_on() {
    let (budget, policy) = (Budget::new(), RetryBudget::finagle());
    let year = 365 * 86_400_000;
    (0..1000).for_each(|_| budget.request(&policy, at(0)));
    assert_eq!(budget.status(&policy, at(0)).tokens, Some(300.0));
    assert_eq!(budget.status(&policy, at(year)).tokens, Some(100.0));
    budget.request(&policy, at(year));
    assert_eq!(budget.status(&policy, at(year)).tokens, Some(100.2));
    // Who comes by an earlier moment counts in the newest slot.
    budget.request(&policy, at(0));
    assert_eq!(budget.status(&policy, at(year)).tokens, Some(100.4));
}
