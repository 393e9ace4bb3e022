//! Every problem of what is sent again, with its exact path and text.

use super::specs::{api, problems};
use crate::error::Problems;
use crate::table::check_retry;
use crate::table::{
    AwsQuota, Backoff, EnvoyInFlight, Finagle, GrpcThrottle, Hedge, HedgeDelay, Knobs, Match, Retry, RetryBudget,
    Successes, TableSpec,
};
use crate::unit::Ratio;
use std::time::Duration;

const MILLISECOND: Duration = Duration::from_millis(1);

/// What a check tells, as `path: message` lines.
fn told(check: impl FnOnce(&mut Problems)) -> Vec<String> {
    let mut problems = Problems::default();
    check(&mut problems);
    problems.into_result().map_or_else(|error| error.problems().iter().map(ToString::to_string).collect(), |()| vec![])
}

fn retry(retry: Retry) -> Vec<String> {
    told(|problems| check_retry::knobs(&Knobs { retry: Some(retry), ..Knobs::default() }, "at", problems))
}

fn hedge(hedge: Hedge) -> Vec<String> {
    told(|problems| check_retry::knobs(&Knobs { hedge: Some(hedge), ..Knobs::default() }, "at", problems))
}

fn budget(budget: RetryBudget) -> Vec<String> {
    told(|problems| check_retry::budget(&budget, "budget", problems))
}

fn successes(change: impl FnOnce(&mut Successes)) -> Vec<String> {
    let mut knobs = Successes::default();
    change(&mut knobs);
    budget(RetryBudget::Successes(knobs))
}

fn finagle(change: impl FnOnce(&mut Finagle)) -> Vec<String> {
    let mut knobs = Finagle::default();
    change(&mut knobs);
    budget(RetryBudget::Finagle(knobs))
}

fn grpc(max_tokens: u32, ratio: f64) -> Vec<String> {
    budget(RetryBudget::Grpc(GrpcThrottle { max_tokens, ratio }))
}

fn aws(capacity: u32, retry_cost: u32, timeout_cost: u32) -> Vec<String> {
    budget(RetryBudget::Aws(AwsQuota { capacity, retry_cost, timeout_cost }))
}

#[test]
fn what_comes_with_the_crate_is_sound() {
    for one in [Retry::default(), Retry::none(), Retry::default().backoff(Backoff::from(Duration::MAX))] {
        assert_eq!(retry(one), [""; 0], "{one:?}");
    }
    for one in [Hedge::default(), Hedge::none(), Hedge::after(MILLISECOND), Hedge::at(Ratio::percent(99))] {
        assert_eq!(hedge(one), [""; 0], "{one:?}");
    }
    let budgets = [
        RetryBudget::default(),
        RetryBudget::finagle(),
        RetryBudget::grpc(),
        RetryBudget::aws(),
        RetryBudget::envoy(),
        RetryBudget::allow_unbounded(),
    ];
    for one in budgets {
        assert_eq!(budget(one), [""; 0], "{one:?}");
    }
}

#[test]
fn attempts_are_one_to_eight() {
    for attempts in [1, 8] {
        assert_eq!(retry(Retry::default().attempts(attempts)), [""; 0]);
        assert_eq!(hedge(Hedge::default().attempts(attempts)), [""; 0]);
    }
    for attempts in [0, 9, u32::MAX] {
        let message = format!("is {attempts}; use 1 to 8");
        assert_eq!(retry(Retry::default().attempts(attempts)), [format!("at.retry.attempts: {message}")]);
        assert_eq!(hedge(Hedge::default().attempts(attempts)), [format!("at.hedge.attempts: {message}")]);
    }
}

#[test]
fn an_attempt_may_take_some_time() {
    assert_eq!(
        retry(Retry::default().per_try(Duration::ZERO)),
        ["at.retry.per_try: is zero, and no attempt would be answered; leave it out instead"]
    );
    assert_eq!(retry(Retry::default().per_try(Duration::from_nanos(1))), [""; 0]);
}

#[test]
fn a_backoff_begins_at_its_largest_at_the_most() {
    let backoff = |base, max| {
        let [base, max] = [base, max].map(Duration::from_millis);
        retry(Retry::default().backoff(Backoff::from(base).max(max)))
    };
    assert_eq!(backoff(0, 0), [""; 0]);
    assert_eq!(backoff(25, 25), [""; 0]);
    assert_eq!(
        backoff(300, 250),
        ["at.retry.backoff.base: is 300ms, which is above max; lower it, or raise max from 250ms"]
    );
}

#[test]
fn a_server_may_ask_for_some_wait() {
    let max_hint = |max_hint| retry(Retry { max_hint, ..Retry::default() });
    assert_eq!(
        max_hint(Duration::ZERO),
        ["at.retry.max_hint: is zero, and no server could ask for a wait; use how long a caller may wait, usually 5 s"]
    );
    assert_eq!(max_hint(Duration::MAX), [""; 0]);
}

#[test]
fn a_hedge_waits_a_millisecond_or_for_a_part_between_a_half_and_999_in_1000() {
    let delay = |delay| hedge(Hedge { delay, ..Hedge::default() });
    let fixed = |micros| delay(HedgeDelay::Fixed(Duration::from_micros(micros)));
    let quantile = |part| delay(HedgeDelay::Quantile(Ratio::new(part).unwrap()));
    assert_eq!(fixed(1000), [""; 0]);
    assert_eq!(fixed(999), ["at.hedge.delay: is 999µs; use 1 ms or more, usually the 95th percentile"]);
    assert_eq!(fixed(0), ["at.hedge.delay: is 0ns; use 1 ms or more, usually the 95th percentile"]);
    for part in [0.5, 0.999] {
        assert_eq!(quantile(part), [""; 0]);
    }
    for part in [0.0, 0.49, 0.9991, 1.0] {
        assert_eq!(quantile(part), [format!("at.hedge.delay: is {part}; use 0.5 to 0.999, usually 0.95")]);
    }
}

#[test]
fn hedges_are_some_part_of_the_requests() {
    let none = ["at.hedge.max_extra: is zero; use Hedge::none() for no hedges"];
    assert_eq!(hedge(Hedge::default().max_extra(Ratio::ZERO)), none);
    assert_eq!(hedge(Hedge::default().max_extra(Ratio::ONE)), [""; 0]);
}

#[test]
fn a_budget_of_successes_has_a_ratio_something_to_begin_with_and_a_floor_that_is_not_the_ground() {
    for ratio in [0.0, 10.0] {
        assert_eq!(successes(|knobs| knobs.ratio = ratio), [""; 0]);
    }
    // A fixed number of retries in all: odd, but somebody may want to count.
    assert_eq!(successes(|knobs| (knobs.ratio, knobs.floor) = (0.0, None)), [""; 0]);
    for ratio in [-0.1, 10.1, f64::NAN, f64::INFINITY] {
        assert_eq!(successes(|knobs| knobs.ratio = ratio), [format!("budget.ratio: is {ratio}; use 0 to 10")]);
    }
    for burst in [1, 100_000] {
        assert_eq!(successes(|knobs| knobs.burst = burst), [""; 0]);
    }
    for burst in [0, 100_001] {
        assert_eq!(successes(|knobs| knobs.burst = burst), [format!("budget.burst: is {burst}; use 1 to 100000")]);
    }
    let zero = ["budget.floor: is zero, and would bound nothing; use None for no floor, usually 10 s"];
    assert_eq!(successes(|knobs| knobs.floor = Some(Duration::ZERO)), zero);
}

#[test]
fn finagles_counts_a_request_for_a_second_to_a_minute() {
    for seconds in [1, 60] {
        assert_eq!(finagle(|knobs| knobs.window = Duration::from_secs(seconds)), [""; 0]);
    }
    for (millis, shown) in [(999, "999ms"), (60_001, "60.001s")] {
        let told = [format!("budget.window: is {shown}; use 1 s to 60 s, usually 10 s")];
        assert_eq!(finagle(|knobs| knobs.window = Duration::from_millis(millis)), told);
    }
    assert_eq!(finagle(|knobs| (knobs.ratio, knobs.min_per_second) = (0.0, 0)), [""; 0]);
    assert_eq!(finagle(|knobs| knobs.ratio = f64::NAN), ["budget.ratio: is NaN; use 0 to 10"]);
}

#[test]
fn grpcs_throttle_has_tokens_and_gets_some_back() {
    assert_eq!(grpc(1, 10.0), [""; 0]);
    assert_eq!(grpc(1000, f64::MIN_POSITIVE), [""; 0]);
    for tokens in [0, 1001] {
        assert_eq!(grpc(tokens, 0.1), [format!("budget.max_tokens: is {tokens}; use 1 to 1000")]);
    }
    for ratio in [0.0, -1.0, 10.5, f64::NAN] {
        let told = [format!("budget.ratio: is {ratio}; use more than 0 and at most 10, usually 0.1")];
        assert_eq!(grpc(10, ratio), told);
    }
}

#[test]
fn what_a_retry_costs_the_quota_can_hold() {
    assert_eq!(aws(1, 1, 1), [""; 0]);
    assert_eq!(aws(100_000, 100_000, 100_000), [""; 0]);
    for capacity in [0, 100_001] {
        assert_eq!(aws(capacity, 5, 10), [format!("budget.capacity: is {capacity}; use 1 to 100000")]);
    }
    assert_eq!(
        aws(10, 0, 0),
        [
            "budget.retry_cost: is 0, and would bound nothing; use 1 or more",
            "budget.timeout_cost: is 0, and would bound nothing; use 1 or more",
        ]
    );
    assert_eq!(
        aws(7, 8, 9),
        [
            "budget.retry_cost: is 8, which is above the capacity of 7, and would never be there; lower it",
            "budget.timeout_cost: is 9, which is above the capacity of 7, and would never be there; lower it",
        ]
    );
}

#[test]
fn nothing_that_can_be_said_of_envoys_is_unsound() {
    for (ratio, min) in [(Ratio::ZERO, 0), (Ratio::ONE, u32::MAX)] {
        assert_eq!(budget(RetryBudget::Envoy(EnvoyInFlight { ratio, min })), [""; 0]);
    }
}

#[test]
fn all_are_checked_wherever_they_stand() {
    let (retry, hedge) = (Retry::default().attempts(0), Hedge::default().attempts(0));
    let spec = TableSpec::new()
        .retry(retry)
        .hedge(hedge)
        .cluster("c", |c| {
            let budget = RetryBudget::Grpc(GrpcThrottle { max_tokens: 0, ratio: 0.1 });
            c.retry(retry).hedge(hedge).retry_budget(budget).region("us", |r| r.endpoint("a", "10.0.0.1:80"))
        })
        .route("r", |r| r.any().to("c").retry(retry).hedge(hedge));
    let message = "attempts: is 0; use 1 to 8";
    assert_eq!(
        problems(spec),
        [
            format!("defaults.retry.{message}"),
            format!("defaults.hedge.{message}"),
            format!("clusters.c.retry.{message}"),
            format!("clusters.c.hedge.{message}"),
            "clusters.c.retry_budget.max_tokens: is 0; use 1 to 1000".into(),
            format!("routes.r.retry.{message}"),
            format!("routes.r.hedge.{message}"),
        ]
    );
}

/// What is wrong with a table whose route, cluster and defaults have these knobs.
#[expect(clippy::large_types_passed_by_value, reason = "written where they are used")]
fn merged(defaults: Knobs, cluster: Knobs, route: Knobs) -> Vec<String> {
    let mut spec = api().route("r", |r| r.any().to("api"));
    (spec.defaults, spec.clusters[0].knobs, spec.routes[0].knobs) = (defaults, cluster, route);
    problems(spec)
}

#[test]
fn an_attempt_ends_before_the_deadline_whoever_says_how_long_both_are() {
    let deadline = |millis| Knobs { deadline: Some(Duration::from_millis(millis)), ..Knobs::default() };
    let per_try = |attempts, millis| {
        let retry = Retry::default().attempts(attempts).per_try(Duration::from_millis(millis));
        Knobs { retry: Some(retry), ..Knobs::default() }
    };
    let none = Knobs::default();
    let told =
        ["routes.r.retry.per_try: is 501ms, above the deadline of 500ms, and would never end an attempt; shorten it"];
    assert_eq!(merged(none, none, deadline(500).or(per_try(3, 501))), told);
    assert_eq!(merged(none, per_try(3, 501), deadline(500)), told);
    assert_eq!(merged(deadline(500), none, per_try(3, 501)), told);
    assert_eq!(merged(deadline(500), none, per_try(3, 500)), [""; 0]);
    // Overruled, by the deadline or by the bound.
    assert_eq!(merged(deadline(500), deadline(1000), per_try(3, 501)), [""; 0]);
    assert_eq!(merged(deadline(500), per_try(3, 501), per_try(3, 100)), [""; 0]);
    // A deadline that nobody sets is known too.
    assert_eq!(
        merged(none, none, per_try(2, 15_001)),
        ["routes.r.retry.per_try: is 15.001s, above the deadline of 15s, and would never end an attempt; shorten it"]
    );
    assert_eq!(merged(Knobs { deadline: Some(Duration::MAX), ..none }, none, per_try(2, 15_001)), [""; 0]);
    // The last attempt has all that is left, and the only one is the last.
    assert_eq!(merged(deadline(500), none, per_try(1, 501)), [""; 0]);
    // One mistake is told once.
    assert_eq!(
        merged(deadline(0), none, per_try(3, 1)),
        ["defaults.deadline: is zero; use Duration::MAX for no deadline"]
    );
    assert_eq!(merged(deadline(500), none, per_try(9, 501)), ["routes.r.retry.attempts: is 9; use 1 to 8"]);
}

#[test]
fn a_hedge_has_no_more_attempts_than_there_are_in_all() {
    let retry = |attempts| Knobs { retry: Some(Retry::default().attempts(attempts)), ..Knobs::default() };
    let hedge = |attempts| Knobs { hedge: Some(Hedge::default().attempts(attempts)), ..Knobs::default() };
    let none = Knobs::default();
    let told = ["routes.r.hedge.attempts: is 4, above the 3 attempts in all; lower it, or raise retry.attempts"];
    assert_eq!(merged(none, none, retry(3).or(hedge(4))), told);
    assert_eq!(merged(retry(3), none, hedge(4)), told);
    assert_eq!(merged(none, hedge(4), retry(3)), told);
    assert_eq!(merged(none, hedge(3), retry(3)), [""; 0]);
    // Without retries the hedge's own number is the one that counts.
    assert_eq!(merged(none, none, hedge(8)), [""; 0]);
    assert_eq!(merged(retry(3), retry(1), hedge(8)), [""; 0]);
    assert_eq!(merged(hedge(9), none, retry(3)), ["defaults.hedge.attempts: is 9; use 1 to 8"]);
}

#[test]
fn what_does_not_fit_is_told_once_a_route_however_many_clusters_it_splits_over() {
    let retry = Retry::default().attempts(2).per_try(Duration::from_secs(20));
    let spec = api()
        .retry(retry)
        .hedge(Hedge::default().attempts(3))
        .cluster("next", |c| c.region("us", |r| r.endpoint("n", "10.0.9.1:80")))
        .route("a", |r| r.any().split([("api", 1), ("next", 1)]))
        .route("b", |r| r.when(Match::new().path("/b")).to("next"));
    let time = "retry.per_try: is 20s, above the deadline of 15s, and would never end an attempt; shorten it";
    let count = "hedge.attempts: is 3, above the 2 attempts in all; lower it, or raise retry.attempts";
    let told = ["a", "b"].map(|name| [time, count].map(|text| format!("routes.{name}.{text}")));
    assert_eq!(problems(spec), told.concat());
}
