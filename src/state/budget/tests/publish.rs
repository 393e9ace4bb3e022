//! What another policy makes of what was spent by the one before.

use super::at;
use crate::state::budget::{Budget, Charge, Deposit, Extra};
use crate::table::{AwsQuota, EnvoyInFlight, Finagle, GrpcThrottle, RetryBudget, Successes};
use crate::unit::Ratio;
use std::time::Duration;

fn successes(burst: u32) -> RetryBudget {
    RetryBudget::Successes(Successes { ratio: 0.5, burst, floor: None })
}

fn finagle(min_per_second: u32, window: u64) -> RetryBudget {
    RetryBudget::Finagle(Finagle { ratio: 1.0, min_per_second, window: Duration::from_secs(window) })
}

fn tokens(budget: &Budget, policy: &RetryBudget) -> f64 {
    budget.status(policy, at(0)).tokens.expect("it has tokens")
}

fn take(budget: &Budget, policy: &RetryBudget, count: usize) -> Vec<Charge> {
    let charges: Vec<_> = (0..count).map_while(|_| budget.withdraw(policy, Extra::Retry, || 0, at(0))).collect();
    assert_eq!(charges.len(), count);
    charges
}

/// I-44: what was spent stays spent, whatever is published how often.
#[test]
fn a_capacity_that_grows_is_there_at_once_and_nothing_is_forgiven() {
    let budget = Budget::new();
    let _charges = take(&budget, &successes(10), 8);
    assert_eq!(tokens(&budget, &successes(10)), 2.0);
    assert_eq!(tokens(&budget, &successes(15)), 7.0);
    assert_eq!(tokens(&budget, &successes(10)), 2.0);
}

#[test]
fn a_capacity_that_shrinks_leaves_nothing_but_no_debt() {
    let budget = Budget::new();
    let _charges = take(&budget, &successes(100_000), 50_000);
    let small = successes(10);
    assert_eq!(tokens(&budget, &small), 0.0);
    assert!(budget.withdraw(&small, Extra::Retry, || 0, at(0)).is_none());
    // The next successes count, not the hundred thousandth.
    (0..2).for_each(|_| budget.success(Deposit::of(&small)));
    assert_eq!(tokens(&budget, &small), 1.0);
    let _charge = take(&budget, &small, 1);
    (0..1000).for_each(|_| budget.success(Deposit::of(&small)));
    assert_eq!(tokens(&budget, &small), 10.0);
}

#[test]
fn token_policies_find_spent_what_the_others_spent() {
    let budget = Budget::new();
    let _charges = take(&budget, &successes(10), 8);
    let aws = RetryBudget::Aws(AwsQuota { capacity: 500, ..AwsQuota::default() });
    assert_eq!(tokens(&budget, &aws), 492.0);
    let grpc = RetryBudget::Grpc(GrpcThrottle::default());
    assert!(!budget.has_any(&grpc, || 0, at(0)), "two of ten are left");
    (0..31).for_each(|_| budget.success(Deposit::of(&grpc)));
    assert!(budget.has_any(&grpc, || 0, at(0)));
}

#[test]
fn what_a_policy_takes_is_at_most_all_that_it_has() {
    let (budget, grpc) = (Budget::new(), RetryBudget::Grpc(GrpcThrottle::default()));
    (0..1000).for_each(|_| budget.failed(&grpc));
    assert_eq!((tokens(&budget, &grpc), tokens(&budget, &successes(100))), (0.0, 90.0));
}

#[test]
fn successes_under_a_policy_without_tokens_pay_nothing_back() {
    let budget = Budget::new();
    let _charges = take(&budget, &successes(10), 8);
    for policy in [RetryBudget::envoy(), RetryBudget::finagle(), RetryBudget::Unbounded] {
        (0..100).for_each(|_| budget.success(Deposit::of(&policy)));
        assert_eq!(tokens(&budget, &successes(10)), 2.0);
    }
}

#[test]
fn envoys_policy_finds_under_way_what_began_before_it() {
    let budget = Budget::new();
    let mut charges = take(&budget, &successes(10), 2);
    charges.extend(take(&budget, &finagle(10, 1), 2));
    let envoy = RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::ZERO, min: 4 });
    assert!(budget.withdraw(&envoy, Extra::Retry, || 0, at(0)).is_none());
    budget.ended(charges.pop().expect("four are under way"));
    assert!(budget.withdraw(&envoy, Extra::Retry, || 0, at(0)).is_some());
}

#[test]
fn a_charge_is_given_back_to_where_it_came_from_whatever_is_published_meanwhile() {
    let (budget, finagle) = (Budget::new(), finagle(1, 1));
    let [charge] = take(&budget, &finagle, 1).try_into().expect("one was taken");
    let _other = take(&budget, &successes(2), 1);
    budget.refund(charge);
    assert_eq!((tokens(&budget, &finagle), tokens(&budget, &successes(2))), (1.0, 1.0));
}

/// Ten slots, whatever their length: those of before get older at the new pace, from when it is known.
#[test]
fn a_window_of_another_length_keeps_what_it_counted() {
    let (long, short) = (finagle(0, 60), finagle(0, 1));
    for (before, after, length) in [(&long, &short, 1_000), (&short, &long, 60_000)] {
        let budget = Budget::new();
        let left = |now| budget.status(after, at(now)).tokens;
        // In the last moments of a slot of six seconds.
        budget.request(before, at(0));
        (0..4).for_each(|_| budget.request(before, at(5_990)));
        let counted = if length < 60_000 { 5.0 } else { 4.0 };
        assert_eq!(left(5_991), Some(counted));
        assert_eq!(left(5_990 + length * 8 / 10), Some(counted));
        assert_eq!(left(5_992 + length), Some(0.0));
    }
}
