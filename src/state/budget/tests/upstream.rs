//! What the projects that had these policies first assert of them.

use super::at;
use super::vectors::{count, family, id, number, vector};
use crate::state::budget::{Budget, Charge, Deposit, Extra};
use crate::table::{AwsQuota, EnvoyInFlight, Finagle, GrpcThrottle, RetryBudget};
use crate::time::Instant;
use crate::unit::Ratio;
use serde_json::Value;
use std::time::Duration;

const NOW: Instant = Instant::START;

/// Asks where nothing is in flight.
fn ask(budget: &Budget, policy: &RetryBudget, extra: Extra) -> Option<Charge> {
    let has_any = budget.has_any(policy, || 0, NOW);
    let charge = budget.withdraw(policy, extra, || 0, NOW);
    assert!(has_any || charge.is_none(), "it has none and gives one");
    charge
}

fn fails(budget: &Budget, policy: &RetryBudget, times: u32) {
    (0..times).for_each(|_| budget.failed(policy));
}

/// Of so many requests that all fail, how many are retried.
fn finagle_retries(vector: &Value, requests: u32) -> u32 {
    let window = Duration::from_secs(vector["ttl_s"].as_u64().unwrap_or(10));
    let (ratio, min_per_second) = (number(vector, "percent"), count(vector, "min_per_s"));
    let policy = RetryBudget::Finagle(Finagle { ratio, min_per_second, window });
    let budget = Budget::new();
    (0..requests)
        .filter_map(|_| {
            budget.request(&policy, NOW);
            ask(&budget, &policy, Extra::Retry)
        })
        .map(|charge| budget.ended(charge))
        .count() as u32
}

#[test]
fn finagles_budget_lets_through_what_its_own_tests_expect() {
    for vector in family("finagle-0.").into_iter().chain([vector("finagle-min")]) {
        let retries = finagle_retries(&vector, count(&vector, "requests"));
        assert!(retries.abs_diff(count(&vector, "retries")) <= count(&vector, "tol"), "{}: {retries}", id(&vector));
    }
}

#[test]
fn finagles_budget_of_nothing_refuses_all() {
    assert_eq!(finagle_retries(&vector("finagle-zero"), 1000), 0);
}

fn envoy(vector: &Value) -> RetryBudget {
    let ratio = Ratio::new(number(vector, "budget_percent") / 100.0).unwrap();
    RetryBudget::Envoy(EnvoyInFlight { ratio, min: count(vector, "min") })
}

#[test]
fn envoys_budget_has_as_many_under_way_as_its_documentation_says() {
    for vector in family("envoy-").iter().filter(|vector| vector["max_retries"].is_u64()) {
        let (budget, policy) = (Budget::new(), envoy(vector));
        let in_flight = || u64::from(count(vector, "active_plus_pending"));
        let mut charges = Vec::new();
        while budget.has_any(&policy, in_flight, NOW) {
            charges.push(budget.withdraw(&policy, Extra::Retry, in_flight, NOW).expect("it has one"));
        }
        assert_eq!(charges.len() as u32, count(vector, "max_retries"), "{}", id(vector));
        assert!(budget.withdraw(&policy, Extra::Retry, in_flight, NOW).is_none());
        // One that is over makes room for one.
        budget.ended(charges.pop().expect("some are under way"));
        assert!(budget.withdraw(&policy, Extra::AfterTimeout, in_flight, NOW).is_some(), "{}", id(vector));
    }
}

#[test]
fn failsafes_budget_in_envoys_words() {
    let vector = vector("failsafe-budget-floor");
    let ratio = Ratio::new(number(&vector, "rate")).unwrap();
    let policy = RetryBudget::Envoy(EnvoyInFlight { ratio, min: count(&vector, "min") });
    let budget = Budget::new();
    let ask = || budget.withdraw(&policy, Extra::Retry, || u64::from(count(&vector, "executions")), NOW).is_some();
    assert!((0..count(&vector, "inflight")).all(|_| ask()));
    let expected: Vec<bool> = vector["seq"].as_array().unwrap().iter().map(|it| it.as_bool().unwrap()).collect();
    assert_eq!([ask(), ask()], expected[..]);
}

fn grpc(vector: &Value) -> RetryBudget {
    RetryBudget::Grpc(GrpcThrottle { max_tokens: count(vector, "max_tokens"), ratio: number(vector, "ratio") })
}

#[test]
fn grpcs_throttle_blocks_when_half_of_the_tokens_are_gone() {
    for vector in ["grpc-0f", "grpc-4f", "grpc-5f", "grpc-10f"].map(vector) {
        let (budget, policy) = (Budget::new(), grpc(&vector));
        fails(&budget, &policy, count(&vector, "failures"));
        assert_eq!(budget.status(&policy, NOW).tokens, Some(number(&vector, "tokens")), "{}", id(&vector));
        for extra in [Extra::Retry, Extra::AfterTimeout, Extra::Hedge] {
            assert_eq!(ask(&budget, &policy, extra).is_none(), vector["blocked"] == true, "{}", id(&vector));
        }
        assert_eq!(budget.status(&policy, NOW).tokens, Some(number(&vector, "tokens")), "a retry costs nothing");
    }
}

#[test]
fn grpcs_throttle_lets_go_at_the_success_that_its_specification_says() {
    let vector = vector("grpc-recover");
    assert_eq!(vector["after"], "10 failures");
    // More failures than tokens leave no debt.
    for failures in [10, 1000] {
        let (budget, policy) = (Budget::new(), grpc(&vector));
        fails(&budget, &policy, failures);
        let mut successes = 0;
        while ask(&budget, &policy, Extra::Retry).is_none() {
            budget.success(Deposit::of(&policy));
            successes += 1;
        }
        assert_eq!(successes, count(&vector, "successes_to_unblock"));
    }
}

fn aws(vector: &Value) -> RetryBudget {
    RetryBudget::Aws(AwsQuota { capacity: count(vector, "capacity"), ..AwsQuota::default() })
}

fn left(budget: &Budget, policy: &RetryBudget) -> f64 {
    budget.status(policy, at(0)).tokens.expect("a quota has tokens")
}

#[test]
fn the_quota_of_the_aws_sdks_gets_back_what_the_retry_cost_that_succeeded_and_no_more() {
    let vector = vector("aws-eventual");
    let expected = ["fail 5 ->495 delay 1s", "fail 5 ->490 delay 2s", "success ->495"];
    assert_eq!(vector["seq"].as_array().unwrap()[..], expected);
    let (budget, policy) = (Budget::new(), aws(&vector));
    let first = ask(&budget, &policy, Extra::Retry).expect("there are 500");
    assert_eq!(left(&budget, &policy), 495.0);
    budget.ended(first);
    let second = ask(&budget, &policy, Extra::Retry).expect("there are 495");
    assert_eq!(left(&budget, &policy), 490.0);
    budget.success(second.deposit(Deposit::of(&policy)));
    budget.ended(second);
    assert_eq!((left(&budget, &policy), budget.under_way()), (495.0, 0));
}

#[test]
fn the_quota_of_the_aws_sdks_refuses_when_it_is_used_up() {
    let vector = vector("aws-noquota");
    assert_eq!(vector["seq"].as_array().unwrap()[..], ["fail ->0 retry", "fail refuse"]);
    let (budget, policy) = (Budget::new(), aws(&vector));
    let _charge = ask(&budget, &policy, Extra::Retry).expect("there are five");
    assert_eq!(left(&budget, &policy), 0.0);
    assert!(ask(&budget, &policy, Extra::Retry).is_none());
}

#[test]
fn first_successes_fill_the_quota_of_the_aws_sdks_one_by_one() {
    let vector = vector("aws-first-success");
    let (budget, policy) = (Budget::new(), aws(&vector));
    let charges: Vec<_> = std::iter::from_fn(|| ask(&budget, &policy, Extra::AfterTimeout)).collect();
    assert_eq!((charges.len(), left(&budget, &policy)), (2, 0.0));
    for filled in 1..=count(&vector, "successes_to_refill") {
        budget.success(Deposit::of(&policy));
        assert_eq!(left(&budget, &policy), f64::from(filled * count(&vector, "per_success")));
    }
    budget.success(Deposit::of(&policy));
    assert_eq!(left(&budget, &policy), f64::from(count(&vector, "capacity")));
}
