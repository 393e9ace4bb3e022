//! What is given back is there again, as it was, and once.

use super::at;
use crate::state::budget::{Budget, Charge, Deposit, Extra, Paid, Tokens};
use crate::table::{AwsQuota, EnvoyInFlight, Finagle, RetryBudget, Successes};
use crate::unit::Ratio;
use proptest::prelude::*;
use std::time::Duration;

const FLOOR: Option<Duration> = Some(Duration::from_secs(1));

fn policy() -> impl Strategy<Value = RetryBudget> {
    let floor = prop::option::of(1u64..3000).prop_map(|floor| floor.map(Duration::from_millis));
    prop_oneof![
        4 => (0.0..2.0, 1u32..5, floor)
            .prop_map(|(ratio, burst, floor)| RetryBudget::Successes(Successes { ratio, burst, floor })),
        2 => (0.0..2.0, 0u32..4).prop_map(|(ratio, min_per_second)| {
            RetryBudget::Finagle(Finagle { ratio, min_per_second, window: Duration::from_secs(1) })
        }),
        1 => Just(RetryBudget::grpc()),
        2 => (5u32..40).prop_map(|capacity| RetryBudget::Aws(AwsQuota { capacity, ..AwsQuota::default() })),
        1 => Just(RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::percent(50), min: 1 })),
        1 => Just(RetryBudget::Unbounded),
    ]
}

fn extra() -> impl Strategy<Value = Extra> {
    prop::sample::select(vec![Extra::Retry, Extra::AfterTimeout, Extra::Hedge])
}

/// All that one can see of a budget: what is left, how many are under way, and at which moments one more would be let through.
fn seen(budget: &Budget, policy: &RetryBudget, now: u64) -> impl PartialEq + std::fmt::Debug + use<> {
    let soon = [0, 1, 7, 50, 300, 1_000, 2_500, 6_000, 13_000, 100_000, 300_000];
    // By itself, since Finagle's window moves on for who looks at it later.
    let status = budget.status(policy, at(now));
    let is_finagle = matches!(policy, RetryBudget::Finagle(_));
    let moments: Vec<_> = soon.iter().take(if is_finagle { 1 } else { soon.len() }).collect();
    let lets: Vec<_> = moments.iter().map(|after| budget.has_any(policy, || 3, at(now + **after))).collect();
    (status, lets)
}

proptest! {
    #![proptest_config(crate::property_config())]

    /// I-47: whatever was before, and by whatever policy, one who asks and gives back changes nothing.
    #[test]
    fn one_that_is_given_back_was_never_taken(
        policy in policy(),
        before in prop::collection::vec((0u8..4, extra(), 0u64..700), 0..60),
        extra in extra(),
    ) {
        let budget = Budget::new();
        let (mut now, mut under_way) = (0, Vec::new());
        for (what, extra, passed) in before {
            now += passed;
            match what {
                0 => budget.success(Deposit::of(&policy)),
                1 => budget.failed(&policy),
                2 => budget.request(&policy, at(now)),
                _ => under_way.extend(budget.withdraw(&policy, extra, || 3, at(now))),
            }
        }
        let was = seen(&budget, &policy, now);
        if let Some(charge) = budget.withdraw(&policy, extra, || 3, at(now)) {
            budget.refund(charge);
        }
        prop_assert_eq!(was, seen(&budget, &policy, now));
        prop_assert_eq!(budget.under_way(), under_way.len() as u64);
    }
}

/// I-47: nobody can give back twice what can neither be copied nor used after it was given.
#[test]
fn a_charge_cannot_be_copied() {
    trait IsAmbiguousIfClone<A> {
        fn is_one_of_a_kind() {}
    }
    impl<T> IsAmbiguousIfClone<()> for T {}
    impl<T: Clone> IsAmbiguousIfClone<u8> for T {}
    // Each compiles only while there is one `A` for it.
    <Charge as IsAmbiguousIfClone<_>>::is_one_of_a_kind();
    <Paid as IsAmbiguousIfClone<_>>::is_one_of_a_kind();
}

/// I-47, I-45: what was earned again meanwhile does not become more than all.
#[test]
fn what_is_given_back_to_a_full_budget_is_not_added() {
    let tokens = Tokens::new();
    let paid = tokens.withdraw(1, 2, None, at(0)).expect("there are two");
    tokens.deposit(Deposit::ratio(1.0, 2));
    tokens.refund(paid);
    assert_eq!(tokens.left(2), 2.0);
    let taken: Vec<_> = std::iter::from_fn(|| tokens.withdraw(1, 2, None, at(0))).collect();
    assert_eq!(taken.len(), 2);
}

/// I-47
#[test]
fn a_grant_that_is_given_back_is_there_at_once_and_the_next_is_no_later_than_it_would_have_been() {
    let tokens = Tokens::new();
    let grant = |milliseconds| tokens.withdraw(1, 0, FLOOR, at(milliseconds));
    let first = grant(100).expect("nothing was granted yet");
    assert!(grant(101).is_none());
    tokens.refund(first);
    let _first = grant(102).expect("it was given back");
    let second = grant(2102).expect("twice the floor has passed");
    assert!(grant(2103).is_none());
    tokens.refund(second);
    let _second = grant(2104).expect("it was given back");
    assert!(grant(6103).is_none(), "four times the floor, not two");
    assert!(grant(6104).is_some());
}

#[test]
fn a_grant_that_is_given_back_after_the_next_was_given_takes_nothing_from_that() {
    let tokens = Tokens::new();
    let grant = |milliseconds| tokens.withdraw(1, 0, FLOOR, at(milliseconds));
    let first = grant(100).expect("nothing was granted yet");
    let _second = grant(2100).expect("twice the floor has passed");
    tokens.refund(first);
    assert!(grant(4099).is_none());
    assert!(grant(4100).is_some(), "as after one grant: the other never was");
}

#[test]
fn a_grant_that_is_given_back_after_a_success_leaves_the_count_at_nothing() {
    let tokens = Tokens::new();
    let grant = |milliseconds| tokens.withdraw(1, 0, FLOOR, at(milliseconds));
    let first = grant(100).expect("nothing was granted yet");
    tokens.deposit(Deposit::ratio(0.0, 0));
    tokens.refund(first);
    let _first = grant(101).expect("it was given back");
    assert!(grant(2100).is_none());
    assert!(grant(2101).is_some());
}
