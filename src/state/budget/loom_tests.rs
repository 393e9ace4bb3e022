//! Budgets under every order in which threads can ask, succeed and give back.

use super::*;
use crate::sync::Arc;
use crate::table::{EnvoyInFlight, Finagle, RetryBudget};
use crate::time::Instant;
use crate::unit::Ratio;
use loom::thread::{self, JoinHandle};
use std::time::Duration;

const NOW: Instant = Instant::from_nanos(5_000_000_000);
const FLOOR: Option<Duration> = Some(Duration::from_secs(1));

/// So many are left of so many.
fn tokens(left: u32, capacity: u32) -> Arc<Tokens> {
    let tokens = Arc::new(Tokens::new());
    if left < capacity {
        let _paid = tokens.withdraw(capacity - left, capacity, None, NOW).expect("all are there");
    }
    tokens
}

fn on_a_thread<S, T>(shared: &Arc<S>, run: impl FnOnce(&S) -> T + 'static) -> JoinHandle<T>
where
    S: 'static,
    T: 'static,
{
    let shared = shared.clone();
    thread::spawn(move || run(&shared))
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("no thread panics")
}

/// I-45: two ask and one succeeds, with one token left of two. Nothing is spent that is not there, and nothing is lost.
#[test]
fn loom_budget_withdrawals_and_a_deposit_add_up() {
    loom::model(|| {
        let tokens = tokens(1, 2);
        let others = [(); 2].map(|()| on_a_thread(&tokens, |tokens| tokens.withdraw(1, 2, None, NOW).is_some()));
        tokens.deposit(Deposit::ratio(1.0, 2));
        let seen = tokens.left(2);
        assert!((0.0..=2.0).contains(&seen), "{seen}");
        let paid = others.map(joined).into_iter().filter(|paid| *paid).count();
        // One was spent before the deposit, so none of it ran over.
        assert!((1..=2).contains(&paid), "{paid}");
        assert_eq!(tokens.left(2), 2.0 - paid as f64);
    });
}

/// I-45: of two who ask for the last token one gets it.
#[test]
fn loom_budget_the_last_token_is_given_once() {
    loom::model(|| {
        let tokens = tokens(1, 1);
        let others = [(); 2].map(|()| on_a_thread(&tokens, |tokens| tokens.withdraw(1, 1, None, NOW).is_some()));
        let mine = tokens.withdraw(1, 1, None, NOW).is_some();
        let paid = others.map(joined).into_iter().chain([mine]).filter(|paid| *paid).count();
        assert_eq!((paid, tokens.left(1)), (1, 0.0));
    });
}

/// I-47: what is given back goes to who asks meanwhile, or is there afterwards.
#[test]
fn loom_budget_what_is_given_back_is_not_lost_to_who_asks() {
    loom::model(|| {
        let tokens = Arc::new(Tokens::new());
        let paid = tokens.withdraw(1, 1, None, NOW).expect("there is one");
        let gives_back = on_a_thread(&tokens, move |tokens| tokens.refund(paid));
        let asks = on_a_thread(&tokens, |tokens| tokens.withdraw(1, 1, None, NOW).is_some());
        let mine = tokens.withdraw(1, 1, None, NOW).is_some();
        joined(gives_back);
        let other = joined(asks);
        assert!(!(mine && other), "one token was given twice");
        assert_eq!(tokens.left(1), if mine || other { 0.0 } else { 1.0 });
    });
}

/// I-45: the balance is never above all, and what is spent never below nothing.
#[test]
fn loom_budget_what_is_given_back_and_earned_at_once_is_not_more_than_all() {
    loom::model(|| {
        let tokens = Arc::new(Tokens::new());
        let paid = tokens.withdraw(1, 1, None, NOW).expect("there is one");
        let gives_back = on_a_thread(&tokens, move |tokens| tokens.refund(paid));
        let succeeds = on_a_thread(&tokens, |tokens| tokens.deposit(Deposit::ratio(0.5, 1)));
        let seen = tokens.left(1);
        assert!((0.0..=1.0).contains(&seen), "{seen}");
        joined(gives_back);
        joined(succeeds);
        assert_eq!(tokens.left(1), 1.0);
    });
}

/// I-45: the floor grants one to those who come at the same moment, and a success meanwhile does not make it two.
#[test]
fn loom_budget_the_floor_grants_one_at_a_time() {
    loom::model(|| {
        let tokens = tokens(0, 1);
        let asks = on_a_thread(&tokens, |tokens| tokens.withdraw(1, 1, FLOOR, NOW).is_some());
        let succeeds = on_a_thread(&tokens, |tokens| tokens.deposit(Deposit::ratio(0.0, 1)));
        let mine = tokens.withdraw(1, 1, FLOOR, NOW).is_some();
        joined(succeeds);
        assert!(mine ^ joined(asks), "one of the two is granted");
        assert_eq!(tokens.left(1), 0.0);
    });
}

/// I-47: a grant that is given back goes to who asks meanwhile, or is there afterwards.
#[test]
fn loom_budget_a_grant_that_is_given_back_is_not_lost_to_who_asks() {
    loom::model(|| {
        let tokens = tokens(0, 1);
        let granted = tokens.withdraw(1, 1, FLOOR, NOW).expect("nothing was granted yet");
        let gives_back = on_a_thread(&tokens, move |tokens| tokens.refund(granted));
        let later = NOW.after(Duration::from_millis(1));
        let mine = tokens.withdraw(1, 1, FLOOR, later).is_some();
        joined(gives_back);
        assert_eq!(tokens.withdraw(1, 1, FLOOR, later).is_some(), !mine);
        assert_eq!(tokens.left(1), 0.0);
    });
}

/// I-45, of the policies that keep no tokens: of two who ask for the last one gets it, and all are counted.
#[test]
fn loom_budget_the_last_one_under_way_is_given_once_by_envoys_and_finagles() {
    let window = Duration::from_secs(1);
    for policy in [
        RetryBudget::Envoy(EnvoyInFlight { ratio: Ratio::ZERO, min: 1 }),
        RetryBudget::Finagle(Finagle { ratio: 0.0, min_per_second: 1, window }),
    ] {
        loom::model(move || {
            let budget = Arc::new(Budget::new());
            let asks = on_a_thread(&budget, move |budget| budget.withdraw(&policy, Extra::Retry, || 0, NOW));
            let mine = budget.withdraw(&policy, Extra::Retry, || 0, NOW);
            let charges: Vec<_> = [joined(asks), mine].into_iter().flatten().collect();
            assert_eq!((charges.len(), budget.status(&policy, NOW).under_way), (1, 1));
            for charge in charges {
                budget.refund(charge);
            }
            assert_eq!(budget.status(&policy, NOW).under_way, 0);
            assert!(budget.has_any(&policy, || 0, NOW));
        });
    }
}
