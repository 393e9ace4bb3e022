//! What each policy does that its own project has no test of.

use super::at;
use crate::state::budget::{Budget, Charge, Deposit, Extra, Tokens};
use crate::table::{AwsQuota, EnvoyInFlight, Finagle, RetryBudget, Successes};
use crate::unit::Ratio;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn successes(ratio: f64, burst: u32, floor: Option<Duration>) -> RetryBudget {
    RetryBudget::Successes(Successes { ratio, burst, floor })
}

/// As many as there are at this moment.
fn all(budget: &Budget, policy: &RetryBudget, extra: Extra, milliseconds: u64) -> Vec<Charge> {
    std::iter::from_fn(|| budget.withdraw(policy, extra, || 10, at(milliseconds))).collect()
}

#[test]
fn a_young_process_has_all_that_can_be_saved_up() {
    for (policy, expected) in [
        (successes(0.1, 10, None), 10),
        (RetryBudget::aws(), 100),
        (RetryBudget::finagle(), 100),
        (RetryBudget::envoy(), 3),
    ] {
        assert_eq!(all(&Budget::new(), &policy, Extra::Retry, 0).len(), expected, "{policy:?}");
    }
}

#[test]
fn when_nothing_succeeds_nothing_funds_retries() {
    let (budget, policy) = (Budget::new(), successes(0.1, 10, None));
    assert_eq!(all(&budget, &policy, Extra::Retry, 0).len(), 10);
    for hour in 1..100 {
        budget.request(&policy, at(hour * 3_600_000));
        budget.failed(&policy);
        assert!(!budget.has_any(&policy, || 1000, at(hour * 3_600_000)));
    }
}

#[test]
fn the_floor_lets_one_through_ever_more_rarely_until_something_succeeds() {
    let (budget, policy) = (Budget::new(), successes(0.0, 1, Some(SECOND)));
    let mut granted = Vec::new();
    let mut ask = |second: u64| {
        let has_any = budget.has_any(&policy, || 0, at(second * 1000));
        let charge = budget.withdraw(&policy, Extra::Retry, || 0, at(second * 1000));
        assert_eq!(has_any, charge.is_some());
        granted.extend(charge.map(|charge| {
            budget.ended(charge);
            second
        }));
    };
    // The one that is saved up, and at the same moment the first that is not.
    (0..2).for_each(|_| ask(0));
    (1..=260).for_each(&mut ask);
    budget.success(Deposit::of(&policy));
    (261..=265).for_each(&mut ask);
    assert_eq!(granted, [0, 0, 2, 6, 14, 30, 62, 126, 190, 254, 261, 263]);
}

/// I-45: else each success would fund one.
#[test]
fn a_success_does_not_bring_the_floor_forward_below_its_length() {
    let (budget, policy) = (Budget::new(), successes(0.0, 1, Some(SECOND)));
    assert_eq!(all(&budget, &policy, Extra::Retry, 0).len(), 2);
    budget.success(Deposit::of(&policy));
    assert!(all(&budget, &policy, Extra::Retry, 999).is_empty());
    assert_eq!(all(&budget, &policy, Extra::Retry, 1000).len(), 1);
}

#[test]
fn who_asks_by_an_earlier_moment_than_the_last_grant_gets_none() {
    let tokens = Tokens::new();
    assert!(tokens.withdraw(1, 0, Some(SECOND), at(5000)).is_some());
    assert!(tokens.withdraw(1, 0, Some(SECOND), at(100)).is_none());
    assert!(!tokens.has(1, 0, Some(SECOND), at(0)));
}

/// A floor of nothing is refused by the table; here it is total all the same.
#[test]
fn the_shortest_and_the_longest_floors_grant_no_two_at_one_moment() {
    for floor in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let tokens = Tokens::new();
        assert!(tokens.withdraw(1, 0, Some(floor), at(0)).is_some());
        assert!(tokens.withdraw(1, 0, Some(floor), at(0)).is_none(), "{floor:?}");
    }
}

/// What is always let through is for retries.
#[test]
fn hedges_have_no_floor_by_any_policy() {
    let none = Ratio::ZERO;
    for policy in [
        RetryBudget::Finagle(Finagle { ratio: 0.0, min_per_second: 10, window: SECOND }),
        RetryBudget::Envoy(EnvoyInFlight { ratio: none, min: 3 }),
    ] {
        assert!(all(&Budget::new(), &policy, Extra::Hedge, 0).is_empty(), "{policy:?}");
        assert!(!all(&Budget::new(), &policy, Extra::Retry, 0).is_empty(), "{policy:?}");
    }
    let (budget, policy) = (Budget::new(), successes(0.0, 2, Some(SECOND)));
    assert_eq!(all(&budget, &policy, Extra::Hedge, 0).len(), 2);
    assert!(all(&budget, &policy, Extra::Hedge, 100_000).is_empty());
    assert_eq!(all(&budget, &policy, Extra::Retry, 100_000).len(), 1);
}

#[test]
fn hedges_spend_what_retries_do() {
    let (budget, policy) = (Budget::new(), successes(0.1, 4, None));
    let _hedge = budget.withdraw(&policy, Extra::Hedge, || 0, at(0)).expect("there are four");
    assert_eq!(all(&budget, &policy, Extra::Retry, 0).len(), 3);
}

#[test]
fn a_retry_after_a_timeout_costs_what_the_quota_says() {
    let policy = RetryBudget::Aws(AwsQuota { capacity: 25, ..AwsQuota::default() });
    let budget = Budget::new();
    let timeouts = all(&budget, &policy, Extra::AfterTimeout, 0);
    assert_eq!(timeouts.len(), 2);
    assert!(budget.has_any(&policy, || 0, at(0)), "some retry would be allowed");
    assert_eq!(all(&budget, &policy, Extra::Retry, 0).len(), 1);
    // Each success gives back its own cost.
    for (charge, left) in timeouts.into_iter().zip([10.0, 20.0]) {
        budget.success(charge.deposit(Deposit::of(&policy)));
        budget.ended(charge);
        assert_eq!(budget.status(&policy, at(0)).tokens, Some(left));
    }
}

#[test]
fn the_success_of_a_retry_funds_as_a_first_ones_does_where_nothing_was_lent() {
    let (budget, policy) = (Budget::new(), successes(0.5, 4, Some(SECOND)));
    for charge in all(&budget, &policy, Extra::Retry, 0) {
        assert_eq!(charge.deposit(Deposit::of(&policy)), Deposit::of(&policy));
        budget.ended(charge);
    }
}

/// As a region has a share, and a route an allowance of hedges: one in twenty of its requests, and the first for nothing.
#[test]
fn tokens_by_themselves_are_an_allowance() {
    let (allowance, twentieth) = (Tokens::new(), Deposit::ratio(0.05, 1));
    let hedges = (0..1000)
        .filter(|_| {
            allowance.deposit(twentieth);
            allowance.withdraw(1, 1, None, at(0)).is_some()
        })
        .count();
    assert_eq!(hedges, 50);
}

#[test]
fn a_budget_without_bounds_refuses_nobody_and_counts_all() {
    let (budget, policy) = (Budget::new(), RetryBudget::allow_unbounded());
    let charges: Vec<_> = (0..1000).map_while(|_| budget.withdraw(&policy, Extra::Hedge, || 0, at(0))).collect();
    assert!(charges.len() == 1000 && budget.has_any(&policy, || 0, at(0)));
    let status = budget.status(&policy, at(0));
    assert_eq!((status.tokens, status.capacity, status.under_way), (None, None, 1000));
    for charge in charges {
        budget.ended(charge);
    }
    assert_eq!(budget.status(&policy, at(0)).under_way, 0);
}

/// 29% of 100 is 29, though in binary numbers it is a little less.
#[test]
fn envoys_part_of_those_in_flight_is_that_of_whole_numbers() {
    for (percent, in_flight) in [(29, 100u64), (58, 50), (57, 100), (1, 100), (100, 7), (7, 1_000_000)] {
        let policy = RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::percent(percent), min: 0 });
        let expected = u64::from(percent) * in_flight / 100;
        let budget = Budget::new();
        let charges = std::iter::from_fn(|| budget.withdraw(&policy, Extra::Hedge, || in_flight, at(0)));
        assert_eq!(charges.count() as u64, expected, "{percent}% of {in_flight}");
    }
}

/// A debug build would panic.
#[test]
fn the_largest_numbers_overflow_nothing() {
    let policies = [
        RetryBudget::Aws(AwsQuota { capacity: u32::MAX, retry_cost: u32::MAX, timeout_cost: 1 }),
        RetryBudget::Finagle(Finagle { ratio: f64::MAX, min_per_second: u32::MAX, window: Duration::MAX }),
        RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::ONE, min: u32::MAX }),
        successes(f64::MAX, u32::MAX, Some(Duration::MAX)),
    ];
    for policy in &policies {
        let budget = Budget::new();
        for now in [0, 1, u64::MAX / 2_000_000, 3] {
            budget.request(policy, at(now));
            let charge = budget.withdraw(policy, Extra::Retry, || u64::MAX, at(now)).expect("there is a lot");
            budget.success(charge.deposit(Deposit::of(policy)));
            budget.refund(charge);
            assert!(budget.has_any(policy, || u64::MAX, at(now)));
        }
    }
}
